//! One scenario with full ledger and metrics, as a ratio to the pass: the sum of all 29 bytes a bar.
//!
//! `BARS=10000000 cargo bench -p ktrdr-core --bench simulation` measures the size the targets speak of. Every
//! iteration asserts its answer.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ktrdr_core::bar::Bars;
use ktrdr_core::metrics::Calendar;
use ktrdr_core::{Columns, Rules, RunSpec, Simulation};
use serde_json::{Value, json};

const FIVE_MINUTES_NS: i64 = 300_000_000_000;

struct Market {
    timestamp: Vec<i64>,
    open: Vec<f64>,
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
    signals: Vec<i8>,
    confidence: Vec<f32>,
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
        signals: Vec::with_capacity(bars),
        confidence: Vec::with_capacity(bars),
    };
    let (mut time, mut price) = (1_600_041_600_000_000_000_i64, 1.1);
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
    fn columns(&self) -> Columns<'_> {
        let bars = Bars {
            timestamp: &self.timestamp,
            open: &self.open,
            high: &self.high,
            low: &self.low,
            close: &self.close,
            half_spread: None,
            atr: None,
            conversion_rate: None,
        };
        Columns { bars, signals: &self.signals, confidence: Some(&self.confidence) }
    }

    fn simulation(&self, execution: &Value) -> Simulation {
        let rules: Rules = serde_json::from_value(json!({
            "execution": execution,
            "decisions": {"confidence_threshold": 0.5, "position_awareness": true, "allow_short_from_flat": false,
                          "filters": {"min_signal_separation": 0.0}},
            "metrics": {"periods_per_year": null, "risk_free_rate": 0.0}
        }))
        .expect("rules");
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

fn plain() -> Value {
    json!({
        "fill": "next_open", "sizing": {"kind": "cash_fraction", "fraction": 0.25},
        "commission": {"rate": 1e-5, "per_unit": 0.0, "per_fill": 0.0, "minimum": 0.0},
        "slippage": {"rate": 1e-5}, "spread": {"half": 0.0},
        "financing": {"long_rate": 0.0, "short_rate": 0.0, "day_count": 365.0},
        "exits": {"stop_loss": null, "take_profit": null, "trailing_stop": null, "trail_on": "close",
                  "max_holding_bars": null, "atr_period": 14},
        "intrabar": "pessimistic", "on_opposite": "close", "allow_short": true,
        "margin": {"max_leverage": 1.0, "maintenance": 0.5},
        "instrument": {"tick_size": null, "lot_size": 1.0e-8, "contract_multiplier": 1.0},
        "close_at_end": true
    })
}

fn everything() -> Value {
    let mut all = plain();
    all["exits"]["stop_loss"] = json!({"rate": 0.002});
    all["exits"]["take_profit"] = json!({"rate": 0.003});
    all["exits"]["trailing_stop"] = json!({"rate": 0.004});
    all["financing"]["long_rate"] = json!(0.03);
    all["instrument"]["tick_size"] = json!(1e-5);
    all
}

/// What a run must come to, found once by a run of its own.
fn answer(market: &Market, execution: &Value) -> (f64, usize) {
    let mut simulation = market.simulation(execution);
    simulation.run(&market.columns(), None).expect("a run");
    (simulation.desk().metrics.equity(), simulation.ledger().fills.bar.len())
}

fn bench(criterion: &mut Criterion) {
    let bars = std::env::var("BARS").ok().and_then(|bars| bars.parse().ok()).unwrap_or(1_000_000);
    let mut group = criterion.benchmark_group("simulation");
    group.throughput(Throughput::Elements(bars as u64)).sample_size(10);
    for (name, density, execution) in
        [("0.2%", 0.002, plain()), ("2%", 0.02, plain()), ("30%", 0.3, plain()), ("30% everything", 0.3, everything())]
    {
        let market = market(bars, density);
        let sum = market.pass();
        group.bench_function(format!("pass {name}"), |bencher| {
            bencher.iter(|| assert_eq!(black_box(&market).pass(), sum))
        });
        let expected = answer(&market, &execution);
        group.bench_function(format!("run {name}"), |bencher| {
            bencher.iter_batched_ref(
                || market.simulation(&execution),
                |simulation| {
                    simulation.run(&black_box(&market).columns(), None).expect("a run");
                    let metrics = simulation.metrics(Some(&simulation.ledger().trades.bars_held));
                    assert!(metrics.values.len() > 40);
                    assert_eq!((simulation.desk().metrics.equity(), simulation.ledger().fills.bar.len()), expected);
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
