//! Markets and rules of the benches: the share of bars with a signal, and the rules they are traded by.
//!
//! `simulation` measures their time, `instructions` counts their instructions.

use std::hint::black_box;

use ktrdr_core::{Bars, Calendar, Columns, Rules, RunSpec, Simulation};
use ktrdr_testkit::rules_json;
use serde_json::{Value, json};

const FIVE_MINUTES_NS: i64 = 300_000_000_000;

/// Columns of a market.
pub struct Market {
    pub timestamp: Vec<i64>,
    pub open: Vec<f64>,
    pub high: Vec<f64>,
    pub low: Vec<f64>,
    pub close: Vec<f64>,
    pub extras: Vec<f64>,
    pub signals: Vec<i8>,
    pub confidence: Vec<f32>,
}

/// A share of bars with a signal, and the rules they are traded by.
pub struct Scenario {
    pub name: &'static str,
    pub density: f64,
    pub rules: Value,
}

/// Returns the scenarios that every bench has, from few fills to one at each bar.
pub fn scenarios() -> [Scenario; 8] {
    let plain = |name, density| Scenario { name, density, rules: plain() };
    let dense = |name, density| Scenario { name, density, rules: dense() };
    [
        plain("signals on 0.2 %", 0.002),
        plain("signals on 2 %", 0.02),
        plain("signals on 30 %", 0.3),
        Scenario { name: "everything on, 30 %", density: 0.3, rules: everything() },
        dense("every signal, all cash, 0.2 %", 0.002),
        dense("every signal, all cash, 2 %", 0.02),
        dense("every signal, all cash, 30 %", 0.3),
        dense("every signal, all cash, 100 %", 1.0),
    ]
}

/// A seeded walk with weekends, and signals on a share of its bars.
fn market(bars: usize, density: f64) -> Market {
    let mut state = 42_u64;
    let mut unit = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut market = Market {
        timestamp: Vec::with_capacity(bars),
        open: Vec::with_capacity(bars),
        high: Vec::with_capacity(bars),
        low: Vec::with_capacity(bars),
        close: Vec::with_capacity(bars),
        extras: Vec::new(),
        signals: Vec::with_capacity(bars),
        confidence: Vec::with_capacity(bars),
    };
    let mut time = 1_600_041_600_000_000_000_i64;
    let mut price = 1.1;
    for bar in 0..bars {
        let open = price;
        let close: f64 = open * (1.0 + 0.0004 * (unit() - 0.5));
        market.timestamp.push(time);
        market.open.push(open);
        market.high.push(open.max(close) * (1.0 + 0.0001 * unit()));
        market.low.push(open.min(close) * (1.0 - 0.0001 * unit()));
        market.close.push(close);
        market.signals.push(if unit() < density { if unit() < 0.5 { 1 } else { -1 } } else { 0 });
        market.confidence.push(0.5 + 0.5 * unit() as f32);
        time += if bar % 1_440 == 1_439 { 577 * FIVE_MINUTES_NS } else { FIVE_MINUTES_NS };
        price = close;
    }
    market
}

impl Market {
    /// Draws the market of a scenario.
    pub fn of(scenario: &Scenario, bars: usize) -> Self {
        let mut market = market(bars, scenario.density);
        if scenario.rules["execution"]["exits"]["stop_loss"].is_object() {
            market.extras = (0..bars).map(|bar| 1.0 + (bar % 64) as f64 / 1_024.0).collect();
        }
        market
    }

    /// The optional columns are one column: what is a rate for one rule is a price for another.
    pub fn columns(&self) -> Columns<'_> {
        let extras = Some(self.extras.as_slice()).filter(|column| !column.is_empty());
        let bars = Bars {
            timestamp: &self.timestamp,
            open: &self.open,
            high: &self.high,
            low: &self.low,
            close: &self.close,
            half_spread: None,
            atr: extras,
            conversion_rate: extras,
        };
        Columns { bars, signals: &self.signals, confidence: Some(&self.confidence) }
    }

    /// Returns a run that has not begun.
    pub fn simulation(&self, rules: &Value) -> Simulation {
        let rules: Rules = serde_json::from_value(rules.clone()).expect("rules");
        let spec = RunSpec {
            symbol: "X".into(),
            timeframe_ns: FIVE_MINUTES_NS,
            initial_capital: 100_000.0,
            warmup_bars: 0,
            record_decisions: false,
        };
        let calendar = Calendar::of_run(None, FIVE_MINUTES_NS, &self.timestamp);
        Simulation::new(rules, spec, calendar).expect("terms")
    }

    /// Trades all bars; returns what must come out of it: equity, number of fills and of metrics.
    pub fn run(&self, simulation: &mut Simulation) -> (f64, usize, usize) {
        simulation.run(&black_box(self).columns(), None).expect("a run");
        let ledger = simulation.ledger();
        let metrics = simulation.metrics(Some(&ledger.trades.bars_held));
        (simulation.equity(), ledger.fills.bar.len(), metrics.values.len())
    }
}

/// A quarter of the cash in each long position, cheap fills, and four hours between two of them.
fn plain() -> Value {
    rules_json(json!({
        "execution": {
            "sizing": {"kind": "cash_fraction", "fraction": 0.25},
            "commission": {"rate": 1e-5},
            "slippage": {"rate": 1e-5}
        },
        "decisions": {
            "confidence_threshold": 0.5, "allow_short_from_flat": false, "filters": {"min_signal_separation": 4.0}
        },
        "metrics": {"periods_per_year": null}
    }))
}

/// The same without a time between fills, and with all of the cash in each position.
fn dense() -> Value {
    let mut rules = plain();
    rules["execution"]["sizing"]["fraction"] = json!(1.0);
    rules["decisions"]["filters"]["min_signal_separation"] = json!(0.0);
    rules
}

/// Every exit, financing, ticks, a conversion column, borrowed longs, shorts and reversals.
fn everything() -> Value {
    let mut all = plain();
    let execution = &mut all["execution"];
    execution["sizing"] = json!({"kind": "equity_fraction", "fraction": 1.5});
    execution["margin"] = json!({"max_leverage": 2.0, "maintenance": 0.5});
    execution["exits"]["stop_loss"] = json!({"rate": 0.002});
    execution["exits"]["take_profit"] = json!({"rate": 0.003});
    execution["exits"]["trailing_stop"] = json!({"atr": 0.004});
    execution["exits"]["max_holding_bars"] = json!(500);
    execution["financing"] = json!({"long_rate": 0.03, "short_rate": 0.01, "day_count": 365.0});
    execution["instrument"]["tick_size"] = json!(1e-5);
    execution["on_opposite"] = json!("reverse");
    all["decisions"]["allow_short_from_flat"] = json!(true);
    all
}
