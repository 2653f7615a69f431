//! One scenario with full ledger and metrics, as a ratio to the pass: the sum of all 29 bytes a bar.
//!
//! First the table of ratios, each from rounds in turn over 10 M bars (`BARS` for another size), the least time of
//! each: what disturbs only adds. Then criterion's times over 1 M. Every run asserts its answer.
#![allow(missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use criterion::{BatchSize, Criterion, Throughput, criterion_group};
use ktrdr_core::{Bars, Calendar, ColumnMut, Columns, Ledger, Rules, RunSpec, Simulation};
use ktrdr_testkit::rules_json;
use serde_json::{Value, json};

const FIVE_MINUTES_NS: i64 = 300_000_000_000;
const CRITERION_BARS: usize = 1_000_000;
const ROUNDS: usize = 9;

struct Market {
    timestamp: Vec<i64>,
    open: Vec<f64>,
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
    extras: Vec<f64>,
    signals: Vec<i8>,
    confidence: Vec<f32>,
}

/// The share of bars with a signal, and the rules they are traded by.
struct Scenario {
    name: &'static str,
    density: f64,
    rules: Value,
}

fn scenarios() -> [Scenario; 8] {
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
    fn of(scenario: &Scenario, bars: usize) -> Self {
        let mut market = market(bars, scenario.density);
        if scenario.rules["execution"]["exits"]["stop_loss"].is_object() {
            market.extras = (0..bars).map(|bar| 1.0 + (bar % 64) as f64 / 1_024.0).collect();
        }
        market
    }

    /// The optional columns are one column: what is a rate for one rule is a price for another.
    fn columns(&self) -> Columns<'_> {
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

    fn simulation(&self, rules: &Value) -> Simulation {
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
    fn run(&self, simulation: &mut Simulation) -> (f64, usize, usize) {
        simulation.run(&black_box(self).columns(), None).expect("a run");
        let ledger = simulation.ledger();
        let metrics = simulation.metrics(Some(&ledger.trades.bars_held));
        (simulation.equity(), ledger.fills.bar.len(), metrics.values.len())
    }

    /// The sum of every byte that the loop needs of a bar.
    fn pass(&self) -> f64 {
        let mut sums = [0.0; 5];
        let columns = self.timestamp.iter().zip(&self.open).zip(&self.close).zip(&self.signals).zip(&self.confidence);
        for ((((&time, &open), &close), &signal), &confidence) in columns {
            sums[0] += time as f64;
            sums[1] += open;
            sums[2] += close;
            sums[3] += f64::from(signal);
            sums[4] += f64::from(confidence);
        }
        sums.iter().sum()
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

fn seconds<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let out = work();
    (out, start.elapsed().as_secs_f64())
}

/// Removes all rows and keeps the memory: a run that writes into it waits for no new pages.
fn emptied(mut ledger: Ledger) -> Ledger {
    for column in ledger.tables_mut().into_iter().flatten() {
        match column {
            ColumnMut::Int(values) => values.clear(),
            ColumnMut::Sign(values) => values.clear(),
            ColumnMut::Code(values) => values.clear(),
            ColumnMut::Real(values) => values.clear(),
            ColumnMut::Single(values) => values.clear(),
            ColumnMut::OptionalReal(values) => values.clear(),
            ColumnMut::OptionalSingle(values) => values.clear(),
            ColumnMut::Symbol(values) => values.clear(),
        }
    }
    ledger
}

/// Ratios to the pass, of runs that write into memory used before, of those that ask for new pages, and of those that
/// keep no row per bar.
fn ratios() {
    let bars: usize = std::env::var("BARS").ok().and_then(|bars| bars.parse().ok()).unwrap_or(10_000_000);
    println!("| {bars} bars | pass, ns a bar | run | ratio | in new memory | without curve | fills |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for scenario in scenarios() {
        let market = Market::of(&scenario, bars);
        let sum = market.pass();
        let mut used = Ledger::default();
        let expected = market.run(&mut market.simulation(&scenario.rules));
        let mut least = [f64::INFINITY; 4];
        for _ in 0..ROUNDS {
            let (found, pass) = seconds(|| black_box(&market).pass());
            assert_eq!(found, sum);
            let mut fresh = market.simulation(&scenario.rules);
            let (outcome, new_pages) = seconds(|| market.run(&mut fresh));
            assert_eq!(outcome, expected);
            let begun = market.simulation(&scenario.rules).run_state();
            let mut again = Simulation::from_state(begun, emptied(used));
            let (outcome, run) = seconds(|| market.run(&mut again));
            assert_eq!(outcome, expected);
            used = again.ledger().clone();
            let mut lean = market.simulation(&scenario.rules).without_curve();
            let (outcome, without) = seconds(|| market.run(&mut lean));
            assert_eq!(outcome, expected);
            for (least, found) in least.iter_mut().zip([pass, run, new_pages, without]) {
                *least = least.min(found);
            }
        }
        let [pass, run, new_pages, without] = least.map(|least| least * 1e9 / bars as f64);
        let Scenario { name, .. } = scenario;
        let ratio = run / pass;
        println!("| {name} | {pass:.2} | {run:.2} | {ratio:.2} | {new_pages:.2} | {without:.2} | {} |", expected.1);
    }
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("simulation");
    group.throughput(Throughput::Elements(CRITERION_BARS as u64)).sample_size(10);
    for scenario in scenarios() {
        let market = Market::of(&scenario, CRITERION_BARS);
        let sum = market.pass();
        group.bench_function(format!("pass, {}", scenario.name), |bencher| {
            bencher.iter(|| assert_eq!(black_box(&market).pass(), sum));
        });
        let expected = market.run(&mut market.simulation(&scenario.rules));
        group.bench_function(format!("run, {}", scenario.name), |bencher| {
            bencher.iter_batched_ref(
                || market.simulation(&scenario.rules),
                |simulation| assert_eq!(market.run(simulation), expected),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, bench);

fn main() {
    // Run as a test it only has to start.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    ratios();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
