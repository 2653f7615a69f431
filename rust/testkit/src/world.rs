//! Worlds small enough to write down: rules as changes to "nothing costs anything", bars as a few prices.

use ktrdr_core::{Bars, Calendar, Columns, Decision, Error, Ledger, MetricSet, Reason, RejectionReason};
use ktrdr_core::{Rules, RunSpec, Simulation, SnapshotV2, Undefined};
use serde_json::{Value, json};

/// Length of an hour in nanoseconds.
pub const HOUR_NS: i64 = 3_600_000_000_000;
/// Length of a day in nanoseconds.
pub const DAY_NS: i64 = 24 * HOUR_NS;

/// Builds rules under which nothing costs anything and nothing is filtered, with changes merged in.
pub fn rules(changes: Value) -> Rules {
    serde_json::from_value(rules_json(changes)).expect("rules")
}

/// Builds the same rules as JSON.
pub fn rules_json(changes: Value) -> Value {
    let mut all = json!({
        "execution": {
            "fill": "next_open", "sizing": {"kind": "fixed_quantity", "quantity": 1.0},
            "commission": {"rate": 0.0, "per_unit": 0.0, "per_fill": 0.0, "minimum": 0.0},
            "slippage": {"rate": 0.0}, "spread": {"half": 0.0},
            "financing": {"long_rate": 0.0, "short_rate": 0.0, "day_count": 365.0},
            "exits": {"stop_loss": null, "take_profit": null, "trailing_stop": null, "trail_on": "close",
                      "max_holding_bars": null, "atr_period": 14},
            "intrabar": "pessimistic", "on_opposite": "close", "allow_short": true,
            "margin": {"max_leverage": 1.0, "maintenance": 0.5},
            "instrument": {"tick_size": null, "lot_size": 1.0e-8, "contract_multiplier": 1.0},
            "close_at_end": true
        },
        "decisions": {"confidence_threshold": 0.0, "position_awareness": true, "allow_short_from_flat": true,
                      "filters": {"min_signal_separation": 0.0}},
        "metrics": {"periods_per_year": 252.0, "risk_free_rate": 0.0}
    });
    merge(&mut all, changes);
    all
}

/// Merges by key; sizing, slippage and exit levels are replaced whole.
pub fn merge(base: &mut Value, changes: Value) {
    let Value::Object(changes) = changes else { return };
    for (key, value) in changes {
        let whole = ["sizing", "slippage", "stop_loss", "take_profit", "trailing_stop"].contains(&key.as_str());
        let old = &mut base[&key];
        if whole || !old.is_object() || !value.is_object() {
            *old = value;
        } else {
            merge(old, value);
        }
    }
}

/// Bars in columns that own their values.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Stamps of the opens, ns UTC.
    pub timestamp: Vec<i64>,
    /// Opens of all bars.
    pub open: Vec<f64>,
    /// Highs of all bars.
    pub high: Vec<f64>,
    /// Lows of all bars.
    pub low: Vec<f64>,
    /// Closes of all bars.
    pub close: Vec<f64>,
    /// Half spreads in price units.
    pub half_spread: Option<Vec<f64>>,
    /// Average true ranges in price units.
    pub atr: Option<Vec<f64>>,
    /// Account currency per unit of quote currency.
    pub conversion_rate: Option<Vec<f64>>,
    /// Signals as +1, 0 or -1.
    pub signals: Vec<i8>,
    /// Confidences in 0..1 or NaN.
    pub confidence: Option<Vec<f32>>,
    /// Length of a bar, ns.
    pub timeframe_ns: i64,
    /// Index of the first simulated bar.
    pub warmup_bars: usize,
    /// Initial capital in account currency.
    pub capital: f64,
}

impl World {
    /// Builds hourly bars `[open, high, low, close]` and their signals.
    pub fn new(bars: &[[f64; 4]], signals: &[i8]) -> Self {
        let column = |index: usize| bars.iter().map(|bar| bar[index]).collect();
        Self {
            timestamp: (0..bars.len() as i64).map(|bar| bar * HOUR_NS).collect(),
            open: column(0),
            high: column(1),
            low: column(2),
            close: column(3),
            signals: signals.to_vec(),
            timeframe_ns: HOUR_NS,
            capital: 1e6,
            ..Self::default()
        }
    }

    /// Builds bars that do not move within themselves.
    pub fn flat(prices: &[f64], signals: &[i8]) -> Self {
        let bars: Vec<[f64; 4]> = prices.iter().map(|&price| [price; 4]).collect();
        Self::new(&bars, signals)
    }

    /// Returns the first `rows` bars.
    pub fn head(&self, rows: usize) -> Self {
        let mut head = self.clone();
        head.timestamp.truncate(rows);
        for column in [&mut head.open, &mut head.high, &mut head.low, &mut head.close] {
            column.truncate(rows);
        }
        for column in [&mut head.half_spread, &mut head.atr, &mut head.conversion_rate].into_iter().flatten() {
            column.truncate(rows);
        }
        head.signals.truncate(rows);
        head.confidence = head.confidence.map(|column| column[..rows].to_vec());
        head
    }

    /// Returns the world with another initial capital.
    pub fn capital(mut self, capital: f64) -> Self {
        self.capital = capital;
        self
    }

    /// Returns the world with bars of another length.
    pub fn spaced(mut self, timeframe_ns: i64) -> Self {
        self.timestamp = (0..self.open.len() as i64).map(|bar| bar * timeframe_ns).collect();
        self.timeframe_ns = timeframe_ns;
        self
    }

    /// Borrows the world's bars.
    pub fn bars(&self) -> Bars<'_> {
        Bars {
            timestamp: &self.timestamp,
            open: &self.open,
            high: &self.high,
            low: &self.low,
            close: &self.close,
            half_spread: self.half_spread.as_deref(),
            atr: self.atr.as_deref(),
            conversion_rate: self.conversion_rate.as_deref(),
        }
    }

    /// Borrows bars, signals and confidences.
    pub fn columns(&self) -> Columns<'_> {
        Columns { bars: self.bars(), signals: &self.signals, confidence: self.confidence.as_deref() }
    }

    /// Returns the terms of a run over this world.
    pub fn spec(&self) -> RunSpec {
        RunSpec {
            symbol: "X".into(),
            timeframe_ns: self.timeframe_ns,
            initial_capital: self.capital,
            warmup_bars: self.warmup_bars as u64,
            record_decisions: true,
        }
    }

    /// Returns a run over this world before its first bar.
    pub fn simulation(&self, rules: Rules) -> Simulation {
        let simulated = &self.timestamp[self.warmup_bars.min(self.timestamp.len())..];
        let calendar = Calendar::of_run(rules.metrics.periods_per_year, self.timeframe_ns, simulated);
        Simulation::new(rules, self.spec(), calendar).expect("terms")
    }

    /// Runs the whole world by the changed rules.
    pub fn try_run(&self, changes: Value) -> Result<Run, Error> {
        let mut simulation = self.simulation(rules(changes));
        self.bars().check(None)?;
        simulation.run(&self.columns(), None)?;
        let metrics = simulation.metrics(Some(&simulation.ledger().trades.bars_held));
        Ok(Run { ledger: simulation.ledger().clone(), metrics })
    }

    /// Runs the whole world by rules under which it cannot fail.
    pub fn run(&self, changes: Value) -> Run {
        self.try_run(changes).expect("a run")
    }
}

/// The outcome of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Tables the run has written.
    pub ledger: Ledger,
    /// Metrics at the end of the run.
    pub metrics: MetricSet,
}

impl Run {
    /// Returns a metric that must have a value.
    pub fn metric(&self, name: &str) -> f64 {
        self.get(name).unwrap_or_else(|reason| panic!("{name}: {reason}"))
    }

    /// Returns a metric or its reason.
    pub fn get(&self, name: &str) -> Result<f64, Undefined> {
        let found = self.metrics.values.iter().find(|(key, _)| *key == name);
        found.unwrap_or_else(|| panic!("no metric {name}")).1
    }

    /// Returns the price of every fill.
    pub fn prices(&self) -> &[f64] {
        &self.ledger.fills.price
    }

    /// Returns the bar of every fill.
    pub fn fill_bars(&self) -> &[i64] {
        &self.ledger.fills.bar
    }

    /// Names the reason of every fill.
    pub fn reasons(&self) -> Vec<&'static str> {
        let name = |&reason: &u8| Reason::NAMES[reason as usize];
        self.ledger.fills.reason.iter().map(name).collect()
    }

    /// Names the reason of every rejected order.
    pub fn refusals(&self) -> Vec<&'static str> {
        let name = |&reason: &u8| RejectionReason::NAMES[reason as usize];
        self.ledger.refused.reason.iter().map(name).collect()
    }

    /// Names the decision at every bar.
    pub fn decisions(&self) -> Vec<&'static str> {
        let name = |&code: &u8| Decision::NAMES[code as usize];
        self.ledger.decisions.code.iter().map(name).collect()
    }
}

/// Asserts that two numbers differ by `tolerance` at most.
pub fn close_to(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "found {found}, expected {expected}");
}

/// Joins a ledger and a later one.
pub fn joined(mut first: Ledger, second: Ledger) -> Ledger {
    first.extend(&second);
    first
}

/// Returns everything that came of a simulation so far, to the last bit (NaN equals NaN).
pub fn outcome(simulation: &Simulation, ledger: &Ledger) -> (String, Vec<u8>) {
    let metrics = simulation.metrics(Some(&ledger.trades.bars_held));
    let state = postcard::to_stdvec(&SnapshotV2::of(simulation.run_state(), Vec::new())).expect("plain data");
    (format!("{ledger:?} {metrics:?}"), state)
}
