//! One piece of work of the core for callgrind, which counts the instructions inside `counted` alone.
//!
//! Without a name it prints the names of all pieces. `benches/instructions.py` calls it and compares what was counted.
#![allow(missing_docs)]

use std::hint::black_box;

use ktrdr_core::{METRICS, Simulation, sweep};
use serde_json::{Map, Value, json};

use scenarios::{Market, scenarios};

mod scenarios;

/// Enough bars for the work of a run as a whole to be a small share of the work for each of them.
const BARS: usize = 50_000;
/// Thresholds of a sweep, and commissions of each.
const CHOICES: i32 = 4;

/// Does the work. It is a function of its own, so that callgrind finds it by its name.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
}

fn run(market: &Market, rules: &Value, mut simulation: Simulation) {
    let expected = market.run(&mut market.simulation(rules));
    let mut found = None;
    counted(&mut || found = Some(market.run(&mut simulation)));
    assert_eq!(found, Some(expected));
}

fn sweep_over(market: &Market, rules: &Value) {
    let change = |pointer: &str, value: f64| Map::from_iter([(pointer.to_owned(), json!(value))]);
    let thresholds = (0..CHOICES).map(|at| change("/decisions/confidence_threshold", 0.5 + 0.1 * f64::from(at)));
    let commissions = (1..=CHOICES).map(|at| change("/execution/commission/rate", 1e-5 * f64::from(at)));
    let changes = [thresholds.collect(), commissions.collect()];
    let choices: Vec<i32> = (0..CHOICES).flat_map(|one| (0..CHOICES).flat_map(move |other| [one, other])).collect();
    let new = market.simulation(rules);
    let mut found = None;
    // One thread: callgrind follows the one that calls `counted`.
    counted(&mut || found = sweep(&new, black_box(market).columns(), &changes, &choices, 1).ok());
    // The first scenario has the rules as they are.
    let (equity, ..) = market.run(&mut market.simulation(rules));
    let at = METRICS.iter().position(|metric| metric.name == "final_equity").expect("a metric");
    assert_eq!(found.expect("a sweep").values[at], equity);
}

fn main() {
    let wanted = std::env::args().nth(1).filter(|argument| argument != "--bench");
    for scenario in scenarios() {
        let run_name = scenario.name.to_owned();
        // As `ktrdr.simulate` runs: prices that nobody has checked, and no row per bar.
        let lean_name = format!("lean, {run_name}");
        let sweep_name = format!("sweep, {run_name}");
        let Some(wanted) = &wanted else {
            println!("{run_name}\n{lean_name}\n{sweep_name}");
            continue;
        };
        if ![&run_name, &lean_name, &sweep_name].contains(&wanted) {
            continue;
        }
        let market = Market::of(&scenario, BARS);
        let simulation = market.simulation(&scenario.rules);
        if *wanted == run_name {
            run(&market, &scenario.rules, simulation);
        } else if *wanted == lean_name {
            run(&market, &scenario.rules, simulation.checking_prices().without_curve());
        } else {
            sweep_over(&market, &scenario.rules);
        }
    }
}
