//! One scenario with full ledger and metrics, as a ratio to the pass: the sum of all 29 bytes a bar.
//!
//! First the table of ratios, each from rounds in turn over 10 M bars (`BARS` for another size), the least time of
//! each: what disturbs only adds. Then criterion's times over 1 M. Every run asserts its answer.
//!
//! Memory comes from the allocator of the binding, so it costs here what it costs a user.
#![allow(missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use criterion::{BatchSize, Criterion, Throughput, criterion_group};
use ktrdr_core::{ColumnMut, Ledger, Simulation};

use scenarios::{Market, scenarios};

mod scenarios;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CRITERION_BARS: usize = 1_000_000;
const ROUNDS: usize = 9;

/// Sums every byte that the loop needs of a bar.
fn pass(market: &Market) -> f64 {
    let Market { timestamp, open, close, signals, confidence, .. } = market;
    let mut sums = [0.0; 5];
    let columns = timestamp.iter().zip(open).zip(close).zip(signals).zip(confidence);
    for ((((&time, &open), &close), &signal), &confidence) in columns {
        sums[0] += time as f64;
        sums[1] += open;
        sums[2] += close;
        sums[3] += f64::from(signal);
        sums[4] += f64::from(confidence);
    }
    sums.iter().sum()
}

/// Gives free memory back to the system: what is asked for next are new pages.
fn give_back() {
    // SAFETY: the call takes no memory of ours, and any thread may make it.
    unsafe { libmimalloc_sys::mi_collect(true) }
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

/// Prints times a bar of the pass, of runs that write into memory used before with their ratio to it, of those that ask for
/// new pages on one thread and on two, and of those that keep no row per bar.
fn ratios() {
    let bars: usize = std::env::var("BARS").ok().and_then(|bars| bars.parse().ok()).unwrap_or(10_000_000);
    println!("| {bars} bars | pass, ns a bar | run | ratio | in new memory | on two threads | without curve | fills |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for scenario in scenarios() {
        let market = Market::of(&scenario, bars);
        let sum = pass(&market);
        let mut used = Ledger::default();
        let expected = market.run(&mut market.simulation(&scenario.rules));
        let mut least = [f64::INFINITY; 5];
        for _ in 0..ROUNDS {
            let (found, pass) = seconds(|| pass(black_box(&market)));
            assert_eq!(found, sum);
            let mut fresh = market.simulation(&scenario.rules);
            give_back();
            let (outcome, new_pages) = seconds(|| market.run(&mut fresh));
            assert_eq!(outcome, expected);
            drop(fresh);
            let mut shared = market.simulation(&scenario.rules).with_threads(2);
            give_back();
            let (outcome, on_two) = seconds(|| market.run(&mut shared));
            assert_eq!(outcome, expected);
            drop(shared);
            let begun = market.simulation(&scenario.rules).run_state();
            let mut again = Simulation::from_state(begun, emptied(used));
            let (outcome, run) = seconds(|| market.run(&mut again));
            assert_eq!(outcome, expected);
            used = again.ledger().clone();
            let mut lean = market.simulation(&scenario.rules).without_curve();
            let (outcome, without) = seconds(|| market.run(&mut lean));
            assert_eq!(outcome, expected);
            for (least, found) in least.iter_mut().zip([pass, run, new_pages, on_two, without]) {
                *least = least.min(found);
            }
        }
        let [pass, run, new_pages, on_two, without] = least.map(|least| least * 1e9 / bars as f64);
        let name = scenario.name;
        let ratio = run / pass;
        let fills = expected.1;
        println!(
            "| {name} | {pass:.2} | {run:.2} | {ratio:.2} | {new_pages:.2} | {on_two:.2} | {without:.2} | {fills} |"
        );
    }
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("simulation");
    group.throughput(Throughput::Elements(CRITERION_BARS as u64)).sample_size(10);
    for scenario in scenarios() {
        let market = Market::of(&scenario, CRITERION_BARS);
        let sum = pass(&market);
        group.bench_function(format!("pass, {}", scenario.name), |bencher| {
            bencher.iter(|| assert_eq!(pass(black_box(&market)), sum));
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
