/* The chart and the table of trades of a report. Numbers come from the page's data; nothing is fetched. */
(() => {
"use strict";

const element = (id) => document.getElementById(id);
const page = JSON.parse(element("data").textContent);
const { decimals, trades } = page;
const LIGHT = {
  text: "#1c2430", faint: "#5d6875", line: "#e3e7ec", ground: "#ffffff", candle: "#4a5563", hollow: "#ffffff",
  first: "#0072b2", second: "#c14f00", third: "#8a6d00", good: "#0072b2", bad: "#c14f00", weak: "#9aa4af", band: "#0072b222",
  states: ["#0072b2", "#8fc1e3", "#c3c9d0", "#f0b07a", "#c14f00"],
};
const DARK = {
  text: "#dde3ea", faint: "#98a2ae", line: "#262d35", ground: "#171c22", candle: "#aab4c0", hollow: "#171c22",
  first: "#5db4f0", second: "#ff9a4d", third: "#d9c25a", good: "#5db4f0", bad: "#ff9a4d", weak: "#66707d", band: "#5db4f030",
  states: ["#2f8fd0", "#2a5878", "#4a535d", "#8a5a2e", "#e08a45"],
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
  return { open, high, low, close };
}

function viewOf(part, first, every) {
  const time = times(part.time), rows = time.length;
  const hold = part.hold ? numbers(part.hold) : null;
  return {
    first, every, rows, time, hold,
    candles: part.close ? prices(part, rows) : null, equity: numbers(part.equity),
    scaled: hold && page.share ? hold.map((value) => page.initial + page.share * (value - page.initial)) : null,
    drawdown: numbers(part.drawdown), exposure: numbers(part.exposure), signal: numbers(part.signal),
    traded: codes(part.traded, rows), states: part.states.map((runs) => codes(runs, rows)),
    rowOf: (bar) => Math.floor((bar - first) / every),
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
  timeScale: { timeVisible: true, secondsVisible: false, minBarSpacing: 0.001, enableConflation: true, rightOffset: 2 },
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

/* ---- curves ----
   A row of the data is no object of the library: a pixel's rows are summed up when it is drawn, so that a long run
   opens at once and moves smoothly at any zoom. */

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

/* Calls ``take(x, low, high, first, last)`` for each row, or for each pixel where several rows share one. */
function eachColumn(values, { from, to, x, step }, take) {
  let row = from;
  while (row <= to) {
    const first = values[row], place = x(row), end = step >= 1 ? row : Math.min(to, row + Math.floor(1 / step));
    let low = first, high = first;
    for (let next = row + 1; next <= end; next += 1) {
      if (values[next] < low) low = values[next];
      if (values[next] > high) high = values[next];
    }
    take(place, low, high, first, values[end]);
    row = end + 1;
  }
}

function extremes(values, from, to, found = [Infinity, -Infinity]) {
  for (let row = from; row <= to; row += 1) {
    if (values[row] < found[0]) found[0] = values[row];
    if (values[row] > found[1]) found[1] = values[row];
  }
  return found[0] <= found[1] ? found : null;
}

class Curve extends Drawing {
  constructor(values, colour, { dash = [], width = 1 } = {}) {
    super();
    Object.assign(this, { values, colour, dash, width });
  }

  limits(from, to) { return extremes(this.values(), from, to); }

  draw(context, frame) {
    context.beginPath();
    eachColumn(this.values(), frame, (x, low, high, first, last) => {
      context.lineTo(x, frame.y(first));
      if (high > low) for (const value of [low, high, last]) context.lineTo(x, frame.y(value));
    });
    context.strokeStyle = colours[this.colour];
    context.lineWidth = this.width;
    context.lineJoin = "round";
    context.setLineDash(this.dash);
    context.stroke();
    context.setLineDash([]);
  }
}

/* The area between a curve and 0: above it in one colour, below it in the other; ``sign`` -1 turns it over. */
class Area extends Drawing {
  constructor(values, sign) {
    super();
    Object.assign(this, { values, sign });
  }

  limits(from, to) {
    const found = extremes(this.values(), from, to, [0, 0]);
    return found && (this.sign > 0 ? found : [-found[1], -found[0]]);
  }

  draw(context, frame) {
    const zero = frame.y(0), width = Math.max(frame.step, 1);
    eachColumn(this.values(), frame, (x, low, high) => {
      for (const value of [low * this.sign, high * this.sign]) {
        if (!value) continue;
        context.fillStyle = value > 0 ? colours.good : colours.bad;
        context.globalAlpha = 0.35;
        context.fillRect(x - width / 2, zero, width, frame.y(value) - zero);
        context.globalAlpha = 1;
        context.fillRect(x - width / 2, frame.y(value) - 0.75, width, 1.5);
        if (low === high) break;
      }
    });
  }
}

/* Signed confidence as bars from 0; of the rows in one pixel a traded one is drawn, else the strongest. */
class SignalBars extends Drawing {
  limits() { return [-1, 1]; }

  draw(context, frame) {
    const { from, to, x, step } = frame, zero = frame.y(0), width = Math.max(Math.min(step * 0.7, 8), 1);
    const rank = (row) => Math.abs(view.signal[row]) + (view.traded[row] ? 2 : 0);
    for (let row = from; row <= to;) {
      const end = step >= 1 ? row : Math.min(to, row + Math.floor(1 / step));
      let best = row;
      for (let next = row + 1; next <= end; next += 1) if (rank(next) > rank(best)) best = next;
      const value = view.signal[best];
      if (value) {
        context.fillStyle = !view.traded[best] ? colours.weak : value > 0 ? colours.good : colours.bad;
        context.fillRect(x(best) - width / 2, zero, width, frame.y(value) - zero);
      }
      row = end + 1;
    }
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

function addHost(name, pane, formatter, drawings) {
  const priceFormat = { type: "custom", formatter, minMove: 1e-6 };
  addSeries(name, "Line", pane, { lineVisible: false, priceFormat });
  for (const one of drawings) series[name].attachPrimitive(one);
}

/* ---- panes ---- */

const small = innerWidth < 700;
if (overview.candles) {
  const at = addPane("price", small ? 260 : 340, "Price", (row) => {
    const { open, high, low, close } = view.candles;
    return row === null ? [] : [["open", price(open[row])], ["high", price(high[row])], ["low", price(low[row])],
      ["close", price(close[row])]];
  });
  const format = { type: "price", precision: decimals.price, minMove: 10 ** -decimals.price };
  addSeries("candles", "Candlestick", at, { priceFormat: format });
}
if (page.states.length) {
  const at = addPane("states", 22 * page.states.length + 4, "", () => []);
  addHost("states", at, () => "", [new StateBands()]);
}
addHost("signal", addPane("signal", 90, "Signal", (row) => {
  if (row === null) return [["buy above, sell below; grey: no order", ""]];
  const value = view.signal[row];
  const side = value > 0 ? "buy" : value < 0 ? "sell" : "hold";
  return [[side, value ? Math.abs(value).toFixed(3) : ""], ...(view.traded[row] ? [["traded", ""]] : [])];
}), (value) => value.toFixed(1), [new SignalBars()]);

const wealth = addPane("equity", small ? 190 : 220, "", (row) => {
  const last = row ?? view.rows - 1;
  const found = [["equity", money(view.equity[last]), "first"]];
  if (view.hold) found.push(["buy and hold", money(view.hold[last]), "second"]);
  if (view.scaled) found.push([`at ${percent(page.share)} of capital`, money(view.scaled[last]), "third"]);
  return found;
});
addHost("equity", wealth, (value) => grouped(value, Math.abs(value) < 1000 ? 2 : 0), [
  ...(overview.hold ? [new Curve(() => view.hold, "second", { dash: [5, 3] })] : []),
  ...(overview.scaled ? [new Curve(() => view.scaled, "third", { dash: [1, 2] })] : []),
  new Curve(() => view.equity, "first", { width: 2 }),
]);
const percents = (value) => `${(100 * value).toFixed(2)} %`;
addHost("drawdown", addPane("drawdown", 90, "Drawdown", (row) =>
  row === null ? [] : [["", percent(view.drawdown[row])]]), percents, [new Area(() => view.drawdown, -1)]);
addHost("exposure", addPane("exposure", 90, "Exposure", (row) =>
  row === null ? [] : [["", percent(view.exposure[row])]]), percents, [new Area(() => view.exposure, 1)]);

function candlesticks() {
  const { open, high, low, close } = view.candles, found = new Array(view.rows);
  for (let row = 0; row < view.rows; row += 1) {
    found[row] = { time: view.time[row], open: open[row], high: high[row], low: low[row], close: close[row] };
  }
  return found;
}

/* The first series holds every time. Another gives its pane a scale by one value that its curves have too, and has it at
   the end: the library gives no scale to a series that has nothing at or after the left edge. */
function fillSeries() {
  const end = view.rows - 1;
  const value = (name) => name === "equity" ? view.equity[end] : 0;
  const times = view.candles ? candlesticks() : Array.from(view.time, (time) => ({ time }));
  if (!view.candles && view.rows) times[end].value = value("equity");
  for (const [name, host] of Object.entries(series)) {
    const full = name === (view.candles ? "candles" : "equity");
    host.setData(full ? times : view.rows ? [{ time: view.time[end], value: value(name) }] : []);
  }
}

/* ---- trades on the chart ---- */

const MOST_MARKS = 400;
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
function marked(visible) {
  if (visible.length <= MOST_MARKS) return new Set(visible);
  return new Set([...visible].sort((a, b) => trades.size[b] - trades.size[a]).slice(0, MOST_MARKS));
}

class TradeMarks extends Drawing {
  draw(context, { x, height }) {
    const visible = visibleTrades(), shown = marked(visible);
    for (const number of visible) {
      const left = x(view.rowOf(trades.from[number])), right = x(view.rowOf(trades.to[number]));
      if (number === chosen) this.band(context, left, right, height);
      this.trade(context, number, left, right, shown.has(number));
    }
  }

  y(value) { return value === null ? null : this.host.priceToCoordinate(value); }

  band(context, left, right, height) {
    context.fillStyle = colours.band;
    context.fillRect(left - 3, 0, Math.max(right - left, 1) + 6, height);
  }

  trade(context, number, left, right, withMarks) {
    const colour = trades.win[number] ? colours.good : colours.bad;
    const wide = right - left > 6;
    if (wide) {
      this.level(context, left, right, this.y(trades.stop[number]), colours.bad, [2, 2]);
      this.level(context, left, right, this.y(trades.target[number]), colours.good, [2, 2]);
    }
    const start = this.y(trades.in[number]), end = this.y(trades.out[number]);
    this.line(context, [left, start], [right, end], colour, 1.5, []);
    if (!withMarks) return;
    this.entry(context, left, start, trades.side[number], colour);
    this.exit(context, right, end, trades.stopped[number], colour);
  }

  level(context, left, right, y, colour, dash) {
    if (y !== null) this.line(context, [left, y], [right, y], colour, 1, dash);
  }

  line(context, from, to, colour, width, dash) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    context.setLineDash([]);
  }

  entry(context, x, y, side, colour) {
    context.fillStyle = colour;
    context.beginPath();
    context.moveTo(x, y + side * 2);
    context.lineTo(x - 5, y + side * 11);
    context.lineTo(x + 5, y + side * 11);
    context.closePath();
    context.fill();
  }

  exit(context, x, y, stopped, colour) {
    context.lineWidth = 1.5;
    context.strokeStyle = colour;
    context.fillStyle = colours.ground;
    context.beginPath();
    if (stopped) context.rect(x - 3.5, y - 3.5, 7, 7); else context.arc(x, y, 3.5, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}

/* Marks on the equity curve, where there are no bars to mark. */
class EquityMarks extends TradeMarks {
  trade(context, number, left, right, withMarks) {
    if (!withMarks) return;
    const colour = trades.win[number] ? colours.good : colours.bad;
    const at = (bar) => this.y(view.equity[view.rowOf(bar)]);
    this.entry(context, left, at(trades.from[number]), trades.side[number], colour);
    this.exit(context, right, at(trades.to[number]), trades.stopped[number], colour);
  }
}

const marks = overview.candles ? new TradeMarks() : new EquityMarks();
(series.candles ?? series.equity).attachPrimitive(marks);

/* ---- looks ---- */

function paint() {
  const { text, line, ground } = colours;
  chart.applyOptions({
    layout: { background: { color: ground }, textColor: colours.faint, panes: { separatorColor: line } },
    grid: { vertLines: { color: line }, horzLines: { color: line } },
    rightPriceScale: { borderColor: line }, timeScale: { borderColor: line },
    crosshair: { mode: library.CrosshairMode.Normal, vertLine: { color: text, labelBackgroundColor: "#3a4654" }, horzLine: { color: text, labelBackgroundColor: "#3a4654" } },
  });
  series.candles?.applyOptions({
    upColor: colours.hollow, downColor: colours.candle, borderColor: colours.candle, wickColor: colours.candle,
    borderUpColor: colours.candle, borderDownColor: colours.candle, wickUpColor: colours.candle, wickDownColor: colours.candle,
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
function showAll() { showRange(-0.5, view.rows - 0.5 + Math.max(view.rows * 0.01, 1)); }

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

function select(number, { move = true, focus = false } = {}) {
  chosen = number;
  document.querySelector("tr.chosen")?.classList.remove("chosen");
  const row = element(`trade-${number}`);
  row?.classList.add("chosen");
  if (focus) row?.scrollIntoView({ block: "nearest" });
  if (move) {
    showView(windowOf(number));
    const from = view.rowOf(trades.from[number]), to = view.rowOf(trades.to[number]);
    const margin = Math.max(15, 1.2 * (to - from));
    showRange(from - margin, to + margin);
  }
  marks.update?.();
  element("said").textContent = row ? `Trade ${[...row.cells].slice(0, 6).map((cell) => cell.textContent.trim()).join(", ")}: ` +
    `net ${row.dataset.net}` : "";
}

function step(by) {
  const last = trades.from.length - 1;
  if (last < 0) return;
  select(chosen === null ? (by > 0 ? 0 : last) : Math.min(Math.max(chosen + by, 0), last), { focus: false });
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
if (table) {
  const body = table.tBodies[0], rows = [...body.rows];
  const sorted = { column: 0, descending: false };
  const value = (row, column) => {
    const text = row.cells[column].textContent.trim(), number = Number(text.replace(/[,% ]/g, ""));
    return text === "" || text === "-" ? -Infinity : Number.isNaN(number) ? text : number;
  };
  const order = (column) => {
    sorted.descending = sorted.column === column && !sorted.descending;
    sorted.column = column;
    const keyed = rows.map((row) => [value(row, column), row]);
    const sign = sorted.descending ? -1 : 1;
    keyed.sort(([a], [b]) => (a < b ? -sign : a > b ? sign : 0));
    body.append(...keyed.map(([, row]) => row));
    [...table.tHead.rows[0].cells].forEach((cell, index) => {
      if (index === column) cell.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
  };
  [...table.tHead.rows[0].cells].forEach((cell, column) =>
    cell.querySelector("button").addEventListener("click", () => order(column)));
  const filters = [...document.querySelectorAll("#filters select")];
  const filter = () => {
    let shown = 0;
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
    select(Number(row.id.slice(6)));
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
