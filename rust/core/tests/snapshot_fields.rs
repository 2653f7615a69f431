//! Everything a snapshot holds matters: a field that is reset is refused, or changes what comes of the run.
#![allow(missing_docs)]

use std::collections::BTreeSet;

use ktrdr_core::{Calendar, Ledger, Simulation, SnapshotV2};
use ktrdr_testkit::draw::{self, Draw};
use ktrdr_testkit::{DAY_NS, HOUR_NS, World, rules};
use serde_json::{Value, json};

/// Fields that only identify, or speak to others: whoever owns the identity compares them.
const IDENTIFYING: [&str; 4] = [
    "books/0/symbol",
    "rules/execution/exits/atr_period",
    "rules/metrics/periods_per_year",
    "rules/metrics/risk_free_rate",
];

/// Fields that nothing reads: a run of unknown length has no blocks.
const UNREAD: &str = "week/open/apart/blocks/";

fn world(seed: u64) -> World {
    let mut draw = Draw::new(seed);
    let mut world = draw::world(&mut draw, 600).capital(10_000.0);
    world.confidence = Some((0..600).map(|bar| [f32::NAN, 0.3, 0.9, 0.8, 0.7, 0.6][bar % 6]).collect());
    world.signals.iter_mut().for_each(|signal| *signal = draw.pick(&[-1, 0, 0, 1]));
    world.conversion_rate = Some((0..600).map(|_| draw.between(0.9, 1.1)).collect());
    world.warmup_bars = 3;
    if seed % 3 == 2 {
        rise(&mut world);
    }
    world
}

/// A run over a world, every fourth one of unknown length.
fn simulation(world: &mut World, seed: u64, changes: Value) -> Simulation {
    match seed % 8 {
        3 => {}
        7 => world.timestamp.iter_mut().for_each(|stamp| *stamp = without_saturdays(*stamp)),
        _ => return world.simulation(rules(changes)),
    }
    Simulation::new(rules(changes), world.spec(), Calendar::open_ended(252.0, HOUR_NS)).expect("terms")
}

/// Puts a stamp since 1970, a Thursday, into weeks without Saturdays, but for the first week, and some years later.
fn without_saturdays(stamp: i64) -> i64 {
    let later = stamp / DAY_NS - 7;
    let day = if later < 0 { later } else { later / 6 * 7 + later % 6 + i64::from(later % 6 >= 2) };
    (day + 7 * 400) * DAY_NS + stamp % DAY_NS
}

/// Prices that a buyer recovers with, from two holes of which the second is deeper.
fn rise(world: &mut World) {
    for column in [&mut world.open, &mut world.high, &mut world.low, &mut world.close] {
        let hole = |bar: i32| [1.0, 0.5, 1.0, 0.3, 1.0][[140, 160, 310, 330].iter().filter(|&&at| bar >= at).count()];
        column.iter_mut().zip(0..).for_each(|(price, bar)| *price *= hole(bar) * 1.005_f64.powi(bar));
    }
    world.signals.iter_mut().for_each(|signal| *signal = (*signal).abs());
    world.conversion_rate = None;
}

/// Rules that between them use every field.
fn rule_sets() -> [Value; 3] {
    let costs = json!({"rate": 0.001, "per_unit": 0.01, "per_fill": 0.5, "minimum": 5.0});
    let financing = json!({"long_rate": 0.05, "short_rate": 0.03});
    let decisions = json!({"confidence_threshold": 0.5, "filters": {"min_signal_separation": 2.0}});
    let guarded = json!({
        "sizing": {"kind": "volatility_target", "annual": 0.2, "window": 3}, "commission": costs,
        "slippage": {"range_fraction": 0.05}, "spread": {"half": 0.01}, "financing": financing,
        "exits": {"stop_loss": {"atr": 2.0}, "take_profit": {"rate": 0.03}, "trailing_stop": {"atr": 3.0},
                  "max_holding_bars": 9},
        "on_opposite": "reverse", "margin": {"max_leverage": 2.0, "maintenance": 0.5},
        "instrument": {"tick_size": 0.01, "lot_size": 0.01}
    });
    let borrowed = json!({
        "sizing": {"kind": "equity_fraction", "fraction": 4.0}, "financing": financing,
        "commission": {"rate": 0.0001, "minimum": 2.0}, "margin": {"max_leverage": 5.0, "maintenance": 0.8}
    });
    let held = json!({"sizing": {"kind": "cash_fraction", "fraction": 0.9}});
    [guarded, borrowed, held].map(|execution| json!({"execution": execution, "decisions": decisions}))
}

/// Returns the result of a run from a snapshot on: `None` where the snapshot is refused.
fn finish(world: &World, snapshot: &Value, cut: usize) -> Option<String> {
    let payload: SnapshotV2 = serde_json::from_value(snapshot.clone()).ok()?;
    payload.check().ok()?;
    let (state, _) = payload.into_state()?;
    let mut simulation = Simulation::from_state(state, Ledger::default());
    let now = simulation.metrics(None);
    simulation.feed(&world.columns().rows(cut, world.open.len()), true).ok()?;
    Some(format!("{now:?} {:?} {:?}", simulation.ledger(), simulation.metrics(None)))
}

fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}/{key}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| leaves(value, &below(key), found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| leaves(value, &below(&index.to_string()), found));
        }
        _ => found.push(path.to_owned()),
    }
}

fn reset(value: &Value) -> Value {
    match value {
        Value::Bool(flag) => json!(!flag),
        Value::Number(number) if number.as_f64() == Some(0.0) => json!(1),
        Value::Number(_) => json!(0),
        Value::String(_) => json!(""),
        other => other.clone(),
    }
}

#[test]
fn every_field_is_noticed() {
    let mut seen = BTreeSet::new();
    let mut noticed = BTreeSet::new();
    for (seed, changes) in (0..20).zip(rule_sets().into_iter().cycle()) {
        let mut world = world(seed);
        let mut simulation = simulation(&mut world, seed, changes);
        for cut in [150, 151, 152, 153, 320, 321, 322, 323, 324] {
            let from = simulation.next_bar() as usize;
            simulation.feed(&world.columns().rows(from, cut), false).expect("a run");
            let snapshot =
                serde_json::to_value(SnapshotV2::of(simulation.run_state(), Vec::new())).expect("plain data");
            let expected = finish(&world, &snapshot, cut).expect("its own snapshot");
            let mut paths = Vec::new();
            leaves(&snapshot, "", &mut paths);
            for path in paths {
                let mut changed = snapshot.clone();
                let place = changed.pointer_mut(&format!("/{path}")).expect("a leaf");
                *place = reset(place);
                if changed == snapshot {
                    continue;
                }
                if !noticed.contains(&path) && finish(&world, &changed, cut).as_ref() != Some(&expected) {
                    noticed.insert(path.clone());
                }
                seen.insert(path);
            }
        }
    }
    let is_read = |path: &&String| !IDENTIFYING.contains(&path.as_str()) && !path.starts_with(UNREAD);
    let unnoticed: Vec<_> = seen.difference(&noticed).filter(is_read).collect();
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
    assert!(seen.len() > 120, "{}", seen.len());
}
