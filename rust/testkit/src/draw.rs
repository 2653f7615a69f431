//! Random worlds and random rules, from a seed.

use serde_json::{Value, json};

use crate::{HOUR_NS, World};

/// A small generator (splitmix64): the worlds of a seed are the same everywhere.
#[derive(Debug, Clone)]
pub struct Draw(u64);

impl Draw {
    /// Starts the sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Draws an integer below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Draws a number in 0..1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Draws a number between two others.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Returns true with that probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Draws one of the choices.
    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

/// Draws a walk of hourly bars with gaps, sometimes on a coarse grid, sometimes with the optional columns.
pub fn world(draw: &mut Draw, bars: usize) -> World {
    let grid = draw.pick(&[0.0, 0.0, 0.5, 1.0]);
    let on_grid = |price: f64| if grid > 0.0 { (price / grid).round().max(1.0) * grid } else { price };
    let mut price = draw.between(20.0, 200.0);
    let mut rows = Vec::with_capacity(bars);
    for _ in 0..bars {
        let open = on_grid(price * draw.between(0.985, 1.015));
        let close = on_grid(open * draw.between(0.97, 1.03));
        let high = on_grid(open.max(close) * draw.between(1.0, 1.02)).max(open).max(close);
        let low = on_grid(open.min(close) * draw.between(0.98, 1.0)).min(open).min(close);
        rows.push([open, high, low, close]);
        price = close;
    }
    let density = draw.pick(&[0.05, 0.3, 0.9]);
    let kinds: &[i8] = if draw.chance(0.3) { &[-3, -2, -1, 1, 2, 3, 4] } else { &[-1, 1] };
    let signals: Vec<i8> = (0..bars).map(|_| if draw.chance(density) { draw.pick(kinds) } else { 0 }).collect();
    let mut world = World::new(&rows, &signals).capital(draw.pick(&[1_000.0, 10_000.0, 100_000.0]));
    let mut time = 0;
    for stamp in &mut world.timestamp {
        *stamp = time;
        time += HOUR_NS * draw.pick(&[1, 1, 1, 1, 2, 60]);
    }
    let mut column = |low: f64, high: f64| Some((0..bars).map(|_| draw.between(low, high)).collect::<Vec<f64>>());
    let spread = column(0.0, 0.1);
    let atr = column(0.2, 4.0);
    let rate = column(0.5, 2.0);
    world.half_spread = spread.filter(|_| draw.chance(0.3));
    world.atr = atr;
    world.conversion_rate = rate.filter(|_| draw.chance(0.3));
    if draw.chance(0.5) {
        let value = |draw: &mut Draw| if draw.chance(0.1) { f32::NAN } else { draw.unit() as f32 };
        world.confidence = Some((0..bars).map(|_| value(draw)).collect());
    }
    world.warmup_bars = draw.below(4).min(bars - 1);
    world
}

fn level(draw: &mut Draw) -> Value {
    match draw.below(4) {
        0 | 1 => Value::Null,
        2 => json!({ "rate": draw.between(0.005, 0.05) }),
        _ => json!({ "atr": draw.between(0.5, 3.0) }),
    }
}

fn sizing(draw: &mut Draw, leverage: f64) -> Value {
    match draw.below(5) {
        0 => json!({"kind": "cash_fraction", "fraction": draw.pick(&[0.25, 0.5, 1.0])}),
        1 => json!({"kind": "equity_fraction", "fraction": draw.between(0.1, leverage)}),
        2 => json!({"kind": "fixed_quantity", "quantity": draw.pick(&[1.0, 7.0, 40.0])}),
        3 => json!({"kind": "fixed_notional", "notional": draw.pick(&[100.0, 1_500.0])}),
        _ => json!({"kind": "volatility_target", "annual": draw.between(0.05, 0.5), "window": draw.pick(&[2, 3, 8])}),
    }
}

/// Draws any rules at all, as changes to those of `rules`.
pub fn rules(draw: &mut Draw) -> Value {
    let leverage = draw.pick(&[1.0, 1.0, 3.0, 30.0]);
    let tick = draw.pick(&[Value::Null, Value::Null, json!(0.01), json!(0.25)]);
    let slippage = match draw.below(3) {
        0 => json!({ "rate": draw.pick(&[0.0, 0.0005, 0.01]) }),
        1 if !tick.is_null() => json!({ "ticks": draw.pick(&[0.0, 1.0, 2.5]) }),
        _ => json!({ "range_fraction": draw.pick(&[0.0, 0.1, 0.5]) }),
    };
    json!({
        "execution": {
            "fill": draw.pick(&["next_open", "this_close"]), "sizing": sizing(draw, leverage),
            "commission": {"rate": draw.pick(&[0.0, 0.001]), "per_unit": draw.pick(&[0.0, 0.01]),
                           "per_fill": draw.pick(&[0.0, 1.0]), "minimum": draw.pick(&[0.0, 2.0])},
            "slippage": slippage, "spread": {"half": draw.pick(&[0.0, 0.05])},
            "financing": {"long_rate": draw.pick(&[0.0, 0.05, -0.02]), "short_rate": draw.pick(&[0.0, 0.1]),
                          "day_count": draw.pick(&[360.0, 365.0])},
            "exits": {"stop_loss": level(draw), "take_profit": level(draw), "trailing_stop": level(draw),
                      "trail_on": draw.pick(&["close", "extreme"]),
                      "max_holding_bars": draw.pick(&[Value::Null, json!(1), json!(5)])},
            "intrabar": draw.pick(&["pessimistic", "optimistic", "ohlc"]),
            "on_opposite": draw.pick(&["close", "reverse"]), "allow_short": draw.chance(0.8),
            "margin": {"max_leverage": leverage, "maintenance": draw.pick(&[0.0, 0.5, 0.9])},
            "instrument": {"tick_size": tick, "lot_size": draw.pick(&[1e-8, 0.1, 1.0]),
                           "contract_multiplier": draw.pick(&[1.0, 1.0, 5.0])},
            "close_at_end": draw.chance(0.5)
        },
        "decisions": {"confidence_threshold": draw.pick(&[0.0, 0.3, 0.7]), "position_awareness": draw.chance(0.7),
                      "allow_short_from_flat": draw.chance(0.7),
                      "filters": {"min_signal_separation": draw.pick(&[0.0, 1.5, 4.0])}},
        "metrics": {"periods_per_year": draw.pick(&[Value::Null, json!(252.0), json!(365.0)]), "risk_free_rate": 0.02}
    })
}

/// Leaves few signals, and neither levels nor charges: long ranges in which only the mark changes.
pub fn undisturbed(draw: &mut Draw, world: &mut World, changes: &mut Value) {
    changes["execution"]["exits"] = json!({"max_holding_bars": draw.pick(&[Value::Null, json!(70)])});
    changes["execution"]["financing"] = json!({"long_rate": 0.0, "short_rate": 0.0});
    thin_signals(draw, world);
}

/// Leaves nothing but signals to place orders, at the next open: chains of fills.
pub fn chained(draw: &mut Draw, world: &mut World, changes: &mut Value) {
    let execution = &mut changes["execution"];
    execution["fill"] = json!("next_open");
    execution["exits"] = json!({});
    execution["financing"] = json!({"long_rate": 0.0, "short_rate": 0.0});
    if execution["sizing"]["kind"] == "volatility_target" {
        execution["sizing"] = json!({"kind": "cash_fraction", "fraction": 1.0});
    }
    changes["decisions"]["position_awareness"] = json!(true);
    world.conversion_rate = None;
    if draw.chance(0.3) {
        thin_signals(draw, world);
    }
}

/// Leaves few signals, a charge on longs, and prices that hardly move: levels that stay out of reach for long.
pub fn calm(draw: &mut Draw, world: &mut World, changes: &mut Value) {
    changes["execution"]["exits"]["max_holding_bars"] = draw.pick(&[Value::Null, json!(70)]);
    changes["execution"]["financing"]["long_rate"] = json!(draw.pick(&[0.05, -0.02]));
    let base = world.open[0];
    for column in [&mut world.open, &mut world.high, &mut world.low, &mut world.close] {
        column.iter_mut().for_each(|price| *price = base + (*price - base) * 0.01);
    }
    thin_signals(draw, world);
}

/// Puts prices and distances on decimals, so that levels are met exactly but for rounding, with nudges around equality.
///
/// Signals of one side only: every exit is followed by an entry, and no bar in between places an order.
pub fn touching(draw: &mut Draw, world: &mut World, changes: &mut Value) {
    let step = draw.pick(&[0.5, 0.1]);
    let base = world.open[0];
    let nudges = [0.0, 0.0, 0.0, 0.9e-9, -0.9e-9, 1.1e-9, -1.1e-9];
    for row in 0..world.open.len() {
        let mut on_decimal = |price: f64| {
            let near = base + (price - base) * 0.1;
            (near / step).round() * step * (1.0 + draw.pick(&nudges))
        };
        let [open, close] = [world.open[row], world.close[row]].map(&mut on_decimal);
        world.high[row] = on_decimal(world.high[row]).max(open).max(close);
        world.low[row] = on_decimal(world.low[row]).min(open).min(close);
        world.open[row] = open;
        world.close[row] = close;
    }
    let side = draw.pick(&[1, -1]);
    world.signals = vec![side; world.open.len()];
    world.atr = Some(vec![step * draw.pick(&[1.0, 2.0]); world.open.len()]);
    world.half_spread = None;
    world.confidence = None;
    let execution = &mut changes["execution"];
    let mut level = || draw.pick(&[Value::Null, json!({"atr": 1.0}), json!({"atr": 3.0}), json!({"rate": 0.01})]);
    for name in ["stop_loss", "take_profit", "trailing_stop"] {
        execution["exits"][name] = level();
    }
    execution["sizing"] = json!({"kind": "cash_fraction", "fraction": 0.5});
    execution["slippage"] = json!({ "rate": 0.0 });
    execution["spread"] = json!({ "half": draw.pick(&[0.0, step]) });
    execution["instrument"] = json!({"tick_size": draw.pick(&[Value::Null, json!(0.01), json!(0.5), json!(25.0)])});
    changes["decisions"] = json!({"confidence_threshold": 0.0});
}

fn thin_signals(draw: &mut Draw, world: &mut World) {
    world.signals.iter_mut().for_each(|signal| *signal *= i8::from(draw.chance(0.05)));
}
