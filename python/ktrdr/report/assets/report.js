/* The chart and the table of trades of a report. Numbers come from the page's data; nothing is fetched. */
(() => {
"use strict";

const element = (id) => document.getElementById(id);
const page = JSON.parse(element("data").textContent);
const { decimals, trades } = page;
/* Trades are told by their place in the data; a row of the list has the number that the ledger gives. */
const placeOf = new Map(trades.number.map((number, place) => [number, place]));
const LIGHT = {
  text: "#1c2430", faint: "#5d6875", line: "#e3e7ec", ground: "#ffffff", candle: "#4a5563", hollow: "#ffffff",
  first: "#0072b2", second: "#c14f00", third: "#8a6d00", good: "#0072b2", bad: "#c14f00", weak: "#9aa4af", band: "#0072b222",
  states: ["#c14f00", "#f0b07a", "#c3c9d0", "#8fc1e3", "#0072b2"],
};
const DARK = {
  text: "#dde3ea", faint: "#98a2ae", line: "#262d35", ground: "#171c22", candle: "#aab4c0", hollow: "#171c22",
  first: "#5db4f0", second: "#ff9a4d", third: "#d9c25a", good: "#5db4f0", bad: "#ff9a4d", weak: "#66707d", band: "#5db4f030",
  states: ["#e08a45", "#8a5a2e", "#4a535d", "#2a5878", "#2f8fd0"],
};
const preference = matchMedia("(prefers-color-scheme: dark)");
let colours = preference.matches ? DARK : LIGHT;

/* ---- columns ---- */

function numbers({ s, d, plain }) {
  const found = new Float64Array(d.length), scale = 10 ** s;
  for (let row = 0, sum = 0; row < d.length; row += 1) {
    sum = plain ? d[row] : sum + d[row];
    found[row] = sum / scale;
  }
  return found;
}

function codes([starts, values], rows) {
  const found = new Int8Array(rows);
  starts.forEach((start, run) => found.fill(values[run], start, starts[run + 1] ?? rows));
  return found;
}

/* Times lie mostly one step apart: the first one, and runs of equal steps. */
function times([first, [starts, steps], rows]) {
  const found = new Float64Array(rows);
  let run = 0, sum = first;
  for (let row = 0; row < rows; row += 1) {
    if (starts[run + 1] === row) run += 1;
    found[row] = sum += steps[run];
  }
  return found;
}

/* A column of numbers that knows the extremes of each block of rows: what lies in a pixel is found without a look at
   every row. */
const BLOCK = 32, TRADED = 2;
class Column {
  constructor(values) {
    const blocks = Math.ceil(values.length / BLOCK);
    Object.assign(this, { values, low: new Float64Array(blocks), high: new Float64Array(blocks) });
    for (let block = 0; block < blocks; block += 1) {
      const [low, high] = this.scan(block * BLOCK, Math.min((block + 1) * BLOCK, values.length) - 1, Infinity, -Infinity);
      this.low[block] = low;
      this.high[block] = high;
    }
  }

  scan(from, to, low, high) {
    for (let row = from; row <= to; row += 1) {
      const value = this.values[row];
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return [low, high];
  }

  /* The least and the greatest value of rows ``from`` to ``to``, both included. */
  extremes(from, to) {
    const first = Math.ceil(from / BLOCK), stop = Math.floor((to + 1) / BLOCK);
    if (first >= stop) return this.scan(from, to, Infinity, -Infinity);
    let [low, high] = this.scan(stop * BLOCK, to, ...this.scan(from, first * BLOCK - 1, Infinity, -Infinity));
    for (let block = first; block < stop; block += 1) {
      if (this.low[block] < low) low = this.low[block];
      if (this.high[block] > high) high = this.high[block];
    }
    return [low, high];
  }
}

function prices(part, rows) {
  const close = numbers(part.close), scale = 10 ** part.close.s;
  const [open, high, low] = [0, 1, 2].map(() => new Float64Array(rows));
  for (let row = 0; row < rows; row += 1) {
    const end = Math.round(close[row] * scale), before = Math.round(close[Math.max(row - 1, 0)] * scale);
    const begin = before + part.gap[row];
    open[row] = begin / scale;
    high[row] = (Math.max(begin, end) + part.up[row]) / scale;
    low[row] = (Math.min(begin, end) - part.down[row]) / scale;
  }
  return { open, high: new Column(high), low: new Column(low), close };
}

function viewOf(part, first, every) {
  const time = times(part.time), rows = time.length;
  const hold = part.hold ? numbers(part.hold) : null, signal = numbers(part.signal), traded = codes(part.traded, rows);
  return {
    first, every, rows, time, hold: hold && new Column(hold),
    candles: part.close ? prices(part, rows) : null, equity: new Column(numbers(part.equity)),
    scaled: hold && page.share ? new Column(hold.map((value) => page.initial + page.share * (value - page.initial))) : null,
    drawdown: new Column(numbers(part.drawdown)), exposure: new Column(numbers(part.exposure)), signal, traded,
    // A traded signal lies beyond every other one of its side, so that it is the extreme of the rows in its pixel.
    ranked: new Column(signal.map((value, row) => value + (traded[row] ? TRADED * Math.sign(value) : 0))),
    states: part.states.map((runs) => codes(runs, rows)), rowOf: (bar) => Math.floor((bar - first) / every),
  };
}

const overview = viewOf(page.overview, 0, page.every);
let view = overview;

/* ---- words ---- */

const stamp = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
const formats = new Map();
function grouped(value, digits) {
  if (!formats.has(digits)) {
    formats.set(digits, new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  }
  return formats.get(digits).format(value);
}
const money = (value) => grouped(value, decimals.money);
const price = (value) => grouped(value, decimals.price);
const percent = (value) => `${(100 * value + 0).toFixed(2)} %`;

/* ---- chart ---- */

const box = element("chart");
const { LightweightCharts: library } = window;
const quiet = { priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false };
const chart = library.createChart(box, {
  width: box.clientWidth, height: 400,
  layout: { attributionLogo: false, fontFamily: "system-ui, sans-serif", fontSize: 12, panes: { enableResize: false } },
  localization: { locale: "en-GB", timeFormatter: stamp },
  timeScale: { timeVisible: true, secondsVisible: false, minBarSpacing: 0.001, rightOffset: 2 },
  rightPriceScale: { minimumWidth: 76 },
  handleScroll: { vertTouchDrag: false, mouseWheel: false },
  handleScale: { mouseWheel: false, axisPressedMouseMove: { time: true, price: false } },
  kineticScroll: { touch: true, mouse: false },
});
const panes = [];
const series = {};

function addPane(key, height, title, legend) {
  const note = document.createElement("div");
  note.className = `legend ${key}`;
  box.append(note);
  panes.push({ key, height, title, legend, note, index: panes.length });
  return panes.length - 1;
}

function addSeries(name, kind, pane, options) {
  series[name] = chart.addSeries(library[`${kind}Series`], { ...quiet, ...options }, pane);
}

/* ---- prices and curves ----
   A row of the data is no object of the library: a pixel's rows are summed up when it is drawn, so that a long run
   opens at once and moves smoothly at any zoom. The library's own candles were merged anew at every step of the zoom,
   which made single frames of 60 to 200 ms. */

class Drawing {
  attached({ series: host, requestUpdate }) { this.host = host; this.update = requestUpdate; }
  paneViews() { return [{ renderer: () => ({ draw: (target) => target.useMediaCoordinateSpace((scope) => this.frame(scope)) }) }]; }
  limits() { return null; }

  autoscaleInfo(from, to) {
    const found = this.limits(Math.max(Math.floor(from), 0), Math.min(Math.ceil(to), view.rows - 1));
    if (!found) return null;
    const [minValue, maxValue] = found, room = maxValue > minValue ? 0 : Math.abs(maxValue) * 0.01 || 1;
    return { priceRange: { minValue: minValue - room, maxValue: maxValue + room } };
  }

  frame({ context, mediaSize }) {
    const scale = chart.timeScale(), range = scale.getVisibleLogicalRange();
    if (!range || !view.rows) return;
    const from = Math.max(Math.floor(range.from) - 1, 0), to = Math.min(Math.ceil(range.to) + 1, view.rows - 1);
    const base = scale.logicalToCoordinate(0), step = scale.options().barSpacing;
    const zero = this.host.priceToCoordinate(0), unit = this.host.priceToCoordinate(1);
    if (from > to || zero === null) return;
    this.draw(context, {
      from, to, height: mediaSize.height, step, x: (row) => base + row * step, y: (value) => zero + value * (unit - zero),
    });
  }
}

/* Calls ``take(left, width, low, high, first, last)`` for each row, or for each pixel where several rows share one.
   Whole pixels beside each other have no seams, and a rectangle of whole pixels is the fastest thing to draw. */
function eachColumn(column, { from, to, x, step }, take) {
  const { values } = column, dense = step < 1;
  for (let row = from, pixel = Math.floor(x(from)); row <= to; pixel += 1) {
    const end = dense ? Math.min(to, Math.max(row, Math.ceil((pixel + 1 - x(0)) / step) - 1)) : row;
    const [low, high] = end > row ? column.extremes(row, end) : [values[row], values[row]];
    take(dense ? pixel : x(row) - step / 2, dense ? 1 : step, low, high, values[row], values[end]);
    row = end + 1;
  }
}

class Curve extends Drawing {
  constructor(values, colour, { dash = [], width = 1 } = {}) {
    super();
    Object.assign(this, { values, colour, dash, width });
  }

  limits(from, to) { return from <= to ? this.values().extremes(from, to) : null; }

  draw(context, frame) {
    if (frame.step < 1) this.dense(context, frame); else this.line(context, frame);
  }

  /* A column of each pixel, from the lowest to the highest value; it begins where the one before it ended. */
  dense(context, frame) {
    const { width } = this, [on, off] = this.dash.length ? this.dash : [1, 0];
    let before = null;
    context.fillStyle = colours[this.colour];
    eachColumn(this.values(), frame, (left, _, low, high, first, last) => {
      const top = frame.y(Math.max(high, before ?? high)), bottom = frame.y(Math.min(low, before ?? low));
      before = last;
      if (left % (on + off) < on) context.fillRect(left, top - width / 2, 1, bottom - top + width);
    });
  }

  line(context, frame) {
    context.beginPath();
    eachColumn(this.values(), frame, (left, width, low, high, value) => context.lineTo(left + width / 2, frame.y(value)));
    context.strokeStyle = colours[this.colour];
    context.lineWidth = this.width;
    context.lineJoin = "round";
    context.setLineDash(this.dash);
    context.stroke();
    context.setLineDash([]);
  }
}

/* A bar as a candle; of bars that share a pixel, or lie too close for a body, the range from low to high. */
const LEAST_BODY = 3, WIDEST_BODY = 40;
class Candles extends Drawing {
  limits(from, to) {
    return from <= to ? [view.candles.low.extremes(from, to)[0], view.candles.high.extremes(from, to)[1]] : null;
  }

  draw(context, frame) {
    context.fillStyle = colours.candle;
    if (frame.step < LEAST_BODY) this.ranges(context, frame); else this.bodies(context, frame);
  }

  ranges(context, frame) {
    const tops = [];
    let place = 0;
    eachColumn(view.candles.high, frame, (left, width, low, high) => tops.push(frame.y(high)));
    eachColumn(view.candles.low, frame, (left, width, low) => {
      const top = tops[place], wide = Math.max(width * 0.6, 1);
      place += 1;
      context.fillRect(left + (width - wide) / 2, top, wide, Math.max(frame.y(low) - top, 1));
    });
  }

  bodies(context, { from, to, x, y, step }) {
    const { open, high, low, close } = view.candles, half = Math.min(Math.max(Math.floor(step * 0.35), 1), WIDEST_BODY / 2), hollow = new Path2D();
    for (let row = from; row <= to; row += 1) {
      const middle = Math.round(x(row)), top = y(Math.max(open[row], close[row])), bottom = y(Math.min(open[row], close[row]));
      const height = Math.max(bottom - top, 1), rises = close[row] > open[row];
      context.fillRect(middle, y(high.values[row]), 1, top - y(high.values[row]));
      context.fillRect(middle, bottom, 1, y(low.values[row]) - bottom);
      if (rises) hollow.rect(middle - half + 0.5, top + 0.5, 2 * half, Math.max(height - 1, 0));
      else context.fillRect(middle - half, top, 2 * half + 1, height);
    }
    context.fillStyle = colours.hollow;
    context.fill(hollow);
    context.strokeStyle = colours.candle;
    context.lineWidth = 1;
    context.stroke(hollow);
  }
}

/* The area between a curve and 0: above it in one colour, below it in the other; ``sign`` -1 turns it over. */
class Area extends Drawing {
  constructor(values, sign) {
    super();
    Object.assign(this, { values, sign });
  }

  limits(from, to) {
    const [low, high] = from <= to ? this.values().extremes(from, to) : [0, 0];
    return this.sign > 0 ? [Math.min(low, 0), Math.max(high, 0)] : [-Math.max(high, 0), -Math.min(low, 0)];
  }

  draw(context, frame) {
    this.side(context, frame, (low, high) => Math.max(low, high, 0), colours.good);
    this.side(context, frame, (low, high) => Math.min(low, high, 0), colours.bad);
  }

  /* Neighbours of one height are one rectangle. */
  side(context, frame, reach, colour) {
    const zero = Math.round(frame.y(0)), runs = [];
    eachColumn(this.values(), frame, (left, width, low, high) => {
      const value = reach(this.sign * low, this.sign * high), y = value ? Math.round(frame.y(value)) : zero;
      const last = runs.at(-1), right = Math.round(left + width);
      if (last?.y === y && !value === !last.value) last.right = right;
      else runs.push({ left: last?.right ?? Math.round(left), right, y, value });
    });
    const some = runs.filter(({ value }) => value);
    context.fillStyle = colour;
    context.globalAlpha = 0.35;
    for (const { left, right, y } of some) context.fillRect(left, zero, right - left, y - zero);
    context.globalAlpha = 1;
    for (const { left, right, y } of some) context.fillRect(left, y - 0.75, right - left, 1.5);
  }
}

/* Signed confidence as bars from 0; of the rows in one pixel a traded one is drawn, else the strongest. */
class SignalBars extends Drawing {
  limits() { return [-1, 1]; }

  draw(context, frame) {
    const zero = frame.y(0);
    eachColumn(view.ranked, frame, (left, width, low, high) => {
      const ranked = high >= -low ? high : low, traded = Math.abs(ranked) > TRADED;
      if (!ranked) return;
      const value = traded ? ranked - TRADED * Math.sign(ranked) : ranked, wide = Math.max(Math.min(width * 0.7, 8), 1);
      context.fillStyle = !traded ? colours.weak : value > 0 ? colours.good : colours.bad;
      context.fillRect(left + (width - wide) / 2, zero, wide, frame.y(value) - zero);
    });
  }
}

/* The state of each higher timeframe as a band of its own, with words where there is room. */
class StateBands extends Drawing {
  limits() { return [0, 1]; }

  draw(context, { from, to, x, step, height: whole }) {
    const height = whole / page.states.length, right = Math.round(x(to) + step / 2);
    page.states.forEach(({ words }, number) => {
      const top = number * height + 2, found = view.states[number];
      const codeAt = (place) => found[Math.min(Math.max(Math.round((place - x(0)) / step), from), to)];
      let start = Math.max(Math.round(x(from) - step / 2), 0);
      for (let place = start + 1; place <= right; place += 1) {
        if (place < right && codeAt(place) === codeAt(start)) continue;
        this.run(context, start, place, top, height - 4, words, codeAt(start));
        start = place;
      }
    });
  }

  run(context, from, to, top, height, words, code) {
    if (code === undefined || code < 0) return;
    const place = words.length < 2 ? 2 : Math.round(4 * code / (words.length - 1));
    context.fillStyle = colours.states[place];
    context.fillRect(from, top, to - from, height);
    context.font = "11px system-ui, sans-serif";
    if (context.measureText(words[code]).width + 10 > to - from) return;
    context.fillStyle = place === 0 || place === 4 ? (colours === DARK ? "#10151a" : "#ffffff") : colours.text;
    context.textBaseline = "middle";
    context.fillText(words[code], from + 5, top + height / 2 + 0.5);
  }
}

function addHost(name, pane, formatter, drawings, top = 0.2, minMove = 1e-6) {
  const priceFormat = { type: "custom", formatter, minMove };
  addSeries(name, "Line", pane, { lineVisible: false, priceFormat });
  // The words of a pane lie above its curves.
  series[name].priceScale().applyOptions({ scaleMargins: { top, bottom: 0.08 }, entireTextOnly: true });
  for (const one of drawings) series[name].attachPrimitive(one);
}

/* ---- panes ---- */

const small = innerWidth < 700;
if (overview.candles) {
  const at = addPane("price", small ? 260 : 340, "Price", (row) => {
    const { open, high, low, close } = view.candles;
    return row === null ? [] : [["open", price(open[row])], ["high", price(high.values[row])], ["low", price(low.values[row])],
      ["close", price(close[row])]];
  });
  addHost("price", at, price, [new Candles()], 0.1, 10 ** -decimals.price);
}
if (page.states.length) {
  const at = addPane("states", 22 * page.states.length + 4, "", () => []);
  addHost("states", at, () => "", [new StateBands()], 0.05);
}
addHost("signal", addPane("signal", small ? 104 : 96, "Signal", (row) => {
  if (row === null) return [["buy above, sell below; grey: no order", ""]];
  const value = view.signal[row];
  const side = value > 0 ? "buy" : value < 0 ? "sell" : "hold";
  return [[side, value ? Math.abs(value).toFixed(3) : ""], ...(view.traded[row] ? [["traded", ""]] : [])];
}), (value) => value.toFixed(1), [new SignalBars()]);

const wealth = addPane("equity", small ? 190 : 220, "", (row) => {
  const last = row ?? view.rows - 1;
  const found = [["equity", money(view.equity.values[last]), "first"]];
  if (view.hold) found.push(["buy and hold", money(view.hold.values[last]), "second"]);
  if (view.scaled) found.push([`at ${percent(page.share)} of capital`, money(view.scaled.values[last]), "third"]);
  return found;
});
addHost("equity", wealth, (value) => grouped(value, Math.abs(value) < 1000 ? 2 : 0), [
  ...(overview.hold ? [new Curve(() => view.hold, "second", { dash: [5, 3] })] : []),
  ...(overview.scaled ? [new Curve(() => view.scaled, "third", { dash: [1, 2] })] : []),
  new Curve(() => view.equity, "first", { width: 2 }),
], small ? 0.3 : 0.12);
const percents = (value) => `${(100 * value).toFixed(2)} %`;
addHost("drawdown", addPane("drawdown", 104, "Drawdown", (row) =>
  row === null ? [] : [["", percent(view.drawdown.values[row])]]), percents, [new Area(() => view.drawdown, -1)]);
addHost("exposure", addPane("exposure", 112, "Exposure", (row) =>
  row === null ? [] : [["", percent(view.exposure.values[row])]]), percents, [new Area(() => view.exposure, 1)]);

/* The first series holds every time, none of them a row to draw. Each gives its pane a scale by one value that its
   curves have too, and has it at the end: the library gives no scale to a series that has nothing at or after the left
   edge. */
function fillSeries() {
  const end = view.rows - 1, ends = { price: () => view.candles.close[end], equity: () => view.equity.values[end] };
  const value = (name) => ends[name]?.() ?? 0;
  const times = Array.from(view.time, (time) => ({ time }));
  Object.entries(series).forEach(([name, host], place) => {
    const last = view.rows ? [{ time: view.time[end], value: value(name) }] : [];
    host.setData(place ? last : [...times.slice(0, -1), ...last]);
  });
}

/* ---- trades on the chart ---- */

const MOST_MARKS = small ? 60 : 200, LEAST_LINE = 2;
let chosen = null;

function visibleTrades() {
  const range = chart.timeScale().getVisibleLogicalRange();
  if (!range) return [];
  const found = [];
  for (let number = 0; number < trades.from.length; number += 1) {
    const last = view.first + view.every * view.rows;
    if (trades.from[number] < view.first || trades.to[number] >= last) continue;
    if (view.rowOf(trades.to[number]) >= range.from && view.rowOf(trades.from[number]) <= range.to) found.push(number);
  }
  return found;
}

/* Marks the largest trades where many lie side by side: a mark for each would hide the prices. */
const bySize = trades.size.map((_, number) => number).sort((a, b) => trades.size[b] - trades.size[a]);
function marked(visible) {
  const shown = new Set(visible);
  return shown.size <= MOST_MARKS ? shown : new Set(bySize.filter((number) => shown.has(number)).slice(0, MOST_MARKS));
}

class TradeMarks extends Drawing {
  /* All lines of one look are one path: a stroke for each trade would take longer than everything else. */
  draw(context, { x, height }) {
    const visible = visibleTrades(), shown = marked(visible);
    const looks = ["levels", "lines", "entries", "exits"];
    const paths = Object.fromEntries(looks.map((look) => [look, { good: new Path2D(), bad: new Path2D() }]));
    for (const number of visible) {
      const left = x(view.rowOf(trades.from[number])), right = x(view.rowOf(trades.to[number]));
      if (number === chosen) this.band(context, left, right, height);
      this.trade(paths, number, left, right, shown.has(number));
    }
    for (const side of ["good", "bad"]) {
      context.strokeStyle = context.fillStyle = colours[side];
      context.lineWidth = 1;
      context.setLineDash([2, 2]);
      context.stroke(paths.levels[side]);
      context.setLineDash([]);
      context.lineWidth = 1.5;
      context.stroke(paths.lines[side]);
      context.fill(paths.entries[side]);
      context.fillStyle = colours.ground;
      context.fill(paths.exits[side]);
      context.stroke(paths.exits[side]);
    }
  }

  y(value) { return value === null ? null : this.host.priceToCoordinate(value); }

  band(context, left, right, height) {
    context.fillStyle = colours.band;
    context.fillRect(left - 3, 0, Math.max(right - left, 1) + 6, height);
  }

  trade(paths, number, left, right, withMarks) {
    const side = trades.win[number] ? "good" : "bad";
    if (right - left > 6) {
      this.line(paths.levels.bad, left, this.y(trades.stop[number]), right);
      this.line(paths.levels.good, left, this.y(trades.target[number]), right);
    }
    const start = this.y(trades.in[number]), end = this.y(trades.out[number]);
    // Lines of trades that are narrower would cover the prices, and take most of a frame.
    if (right - left > LEAST_LINE) this.line(paths.lines[side], left, start, right, end);
    if (withMarks) this.ends(paths, number, left, start, right, end);
  }

  line(path, left, start, right, end = start) {
    if (start === null) return;
    path.moveTo(left, start);
    path.lineTo(right, end);
  }

  ends(paths, number, left, start, right, end) {
    const side = trades.win[number] ? "good" : "bad", up = trades.side[number], entry = paths.entries[side];
    entry.moveTo(left, start + up * 2);
    entry.lineTo(left - 5, start + up * 11);
    entry.lineTo(left + 5, start + up * 11);
    entry.closePath();
    const exit = paths.exits[side];
    exit.moveTo(right + 3.5, end);
    if (trades.stopped[number]) exit.rect(right - 3.5, end - 3.5, 7, 7); else exit.arc(right, end, 3.5, 0, 2 * Math.PI);
  }
}

/* Marks on the equity curve, where there are no bars to mark. */
class EquityMarks extends TradeMarks {
  trade(paths, number, left, right, withMarks) {
    const at = (bar) => this.y(view.equity.values[view.rowOf(bar)]);
    if (withMarks) this.ends(paths, number, left, at(trades.from[number]), right, at(trades.to[number]));
  }
}

const marks = overview.candles ? new TradeMarks() : new EquityMarks();
(series.price ?? series.equity).attachPrimitive(marks);

/* ---- looks ---- */

function paint() {
  const { text, line, ground } = colours;
  chart.applyOptions({
    layout: { background: { color: ground }, textColor: colours.faint, panes: { separatorColor: line } },
    grid: { vertLines: { color: line }, horzLines: { color: line } },
    rightPriceScale: { borderColor: line }, timeScale: { borderColor: line },
    crosshair: { mode: library.CrosshairMode.Normal, vertLine: { color: text, labelBackgroundColor: "#3a4654" }, horzLine: { color: text, labelBackgroundColor: "#3a4654" } },
  });
}

function fit(width) {
  const axis = 28, height = panes.reduce((sum, pane) => sum + pane.height + 1, axis);
  const found = chart.panes();
  panes.forEach((pane, index) => found[index].setStretchFactor(pane.height));
  box.style.height = `${height}px`;
  chart.resize(width, height, true);
  requestAnimationFrame(placeNotes);
}

/* The library lays its panes out in the next frame. */
function placeNotes() {
  const found = chart.panes();
  let top = 0;
  panes.forEach((pane, index) => {
    pane.note.style.top = `${top + (pane.key === "states" ? 1 : 4)}px`;
    top += found[index].getHeight() + 1;
  });
}

function legends(row) {
  for (const pane of panes) {
    const parts = pane.key === "states" ? stateWords(row) : [...(pane.title ? [["", pane.title, "strong"]] : []), ...pane.legend(row)];
    pane.note.replaceChildren(...parts.map(([name, value, colour]) => {
      const part = document.createElement("span");
      if (colour) part.className = colour;
      part.textContent = `${name} ${value}`.trim();
      return part;
    }));
  }
}

/* Names of the bands lie on the axis beside them, so that no band is hidden. */
function stateWords() {
  return page.states.map(({ name }) => ["", name]);
}

function heading(row) {
  element("when").textContent = row === null ? "" : `${stamp(view.time[row])} UTC`;
  if (row === null || !page.states.length) { element("state").textContent = ""; return; }
  element("state").textContent = page.states.map(({ name, words }, number) => {
    const code = view.states[number][row];
    return `${name}: ${code < 0 ? "undefined" : words[code]}`;
  }).join(", ");
}

let pointed = null;
chart.subscribeCrosshairMove(({ logical }) => {
  const row = logical === undefined || logical < 0 || logical >= view.rows ? null : Math.round(logical);
  if (row === pointed) return;
  pointed = row;
  legends(row);
  heading(row);
});

/* ---- moving ---- */

function showRange(from, to) { chart.timeScale().setVisibleLogicalRange({ from, to }); }
function showAll() { showRange(-0.5 - view.rows * 0.015, view.rows - 0.5 + Math.max(view.rows * 0.015, 1)); }

function zoom(factor) {
  const { from, to } = chart.timeScale().getVisibleLogicalRange();
  const middle = (from + to) / 2, half = Math.max((to - from) / 2 * factor, 3);
  if (half > view.rows) showAll(); else showRange(middle - half, middle + half);
}

function pan(part) {
  const { from, to } = chart.timeScale().getVisibleLogicalRange();
  const step = (to - from) * part;
  showRange(from + step, to + step);
}

function showView(next) {
  if (next === view) return;
  view = next;
  fillSeries();
  element("whole").hidden = view === overview;
}

const windows = page.windows.map((part) => ({ part, first: part.first, stop: part.first + part.time[2], view: null }));

function windowOf(number) {
  const found = windows.find((one) => one.first <= trades.from[number] && trades.to[number] < one.stop);
  if (found) found.view ??= viewOf(found.part, found.first, 1);
  return found?.view ?? overview;
}

function select(number, { move = true } = {}) {
  chosen = number;
  document.querySelector("tr.chosen")?.classList.remove("chosen");
  const row = element(`trade-${trades.number[number]}`);
  row?.classList.add("chosen");
  if (number >= 200) wholeList();
  if (move) {
    showView(windowOf(number));
    const from = view.rowOf(trades.from[number]), to = view.rowOf(trades.to[number]);
    const margin = Math.max(15, 1.2 * (to - from));
    showRange(from - margin, to + margin);
  }
  marks.update?.();
  explain(number);
  element("said").textContent = row ? `Trade ${[...row.cells].slice(0, 6).map((cell) => cell.textContent.trim()).join(", ")}: ` +
    `net ${row.dataset.net}` : "";
}

/* Says why a trade was entered and left: what the net said, and the part of each input in its score. */
function explain(number) {
  element("why").replaceChildren(...(page.why[trades.number[number]] ?? []).map(reason));
}

function node(name, text, kind = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function reason({ said, time, state, score, sum, inputs }) {
  const whole = node("div", ""), table = node("table", "", "wide"), largest = Math.max(...inputs.map(([, part]) => Math.abs(part)));
  const rows = [...inputs, [`difference of the score "${score}"`, sum]].map(([words, part], place) => {
    const row = node("tr", ""), bar = node("td", ""), cell = node("td", String(part), "number");
    if (place < inputs.length) {
      const fill = node("span", "", part > 0 ? "more" : "less");
      fill.style.width = `${Math.round(100 * Math.abs(part) / (largest || 1))}%`;
      bar.append(fill);
    }
    bar.className = "part";
    row.append(node("td", words), cell, bar);
    return row;
  });
  table.append(...rows);
  whole.append(node("h3", said), node("p", `At the close of the bar ${time} UTC: ${state.join(", ")}`, "note"), table);
  return whole;
}

function step(by) {
  const last = trades.from.length - 1;
  if (last < 0) return;
  select(chosen === null ? (by > 0 ? 0 : last) : Math.min(Math.max(chosen + by, 0), last));
}

function whole() { showView(overview); showAll(); }

const actions = {
  "zoom-in": () => zoom(0.5), "zoom-out": () => zoom(2), "fit": whole, "previous": () => step(-1), "next": () => step(1),
  "whole": whole,
};
for (const [name, act] of Object.entries(actions)) element(name).addEventListener("click", act);
const keys = {
  "+": actions["zoom-in"], "=": actions["zoom-in"], "-": actions["zoom-out"], "0": whole, "Home": whole,
  "ArrowLeft": () => pan(-0.2), "ArrowRight": () => pan(0.2), "n": actions.next, "p": actions.previous,
};
box.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});

/* The wheel scrolls the page until the chart has the focus: a tall chart would hold a reader fast. */
const wheel = (mouseWheel) => chart.applyOptions({ handleScroll: { mouseWheel }, handleScale: { mouseWheel } });
box.addEventListener("focusin", () => wheel(true));
box.addEventListener("focusout", () => wheel(false));
chart.subscribeClick(({ logical }) => {
  box.focus({ preventScroll: true });
  if (logical === undefined) return;
  const near = visibleTrades().filter((number) =>
    view.rowOf(trades.from[number]) <= logical + 1 && view.rowOf(trades.to[number]) >= logical - 1);
  if (near.length) select(near[0], { move: false });
});

/* ---- the table of trades ---- */

const table = element("trades");
/* Lays out every row of the list; until then it has the first 200. */
function wholeList() { table.parentElement.dataset.whole = ""; }
if (table) {
  for (const used of ["scroll", "focusin"]) table.parentElement.addEventListener(used, wholeList, { once: true });
  const body = table.tBodies[0], rows = [...body.rows];
  sortable(table);
  const filters = [...document.querySelectorAll("#filters select")];
  const filter = () => {
    let shown = 0;
    wholeList();
    for (const row of rows) {
      row.hidden = filters.some(({ name, value: wanted }) => wanted && row.dataset[name] !== wanted);
      shown += row.hidden ? 0 : 1;
    }
    element("count").textContent = `${shown} of ${rows.length} trades`;
  };
  for (const one of filters) one.addEventListener("change", filter);
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (!row) return;
    select(placeOf.get(Number(row.id.slice(6))));
    box.scrollIntoView({ block: "start", behavior: "smooth" });
  });
}

/* ---- screens ---- */

const restyle = (next) => { colours = next; paint(); marks.update?.(); };
preference.addEventListener("change", () => restyle(preference.matches ? DARK : LIGHT));

paint();
fillSeries();
fit(box.clientWidth);
showAll();
legends(null);
let width = box.clientWidth;
new ResizeObserver(() => {
  if (box.clientWidth === width) return;
  width = box.clientWidth;
  fit(width);
}).observe(box);
requestAnimationFrame(() => requestAnimationFrame(() => {
  placeNotes();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}));
})();
