//! A sweep gives each scenario the bits of a run of its own.
#![allow(missing_docs)]

use ktrdr_core::{Error, METRICS, Rules, Simulation, sweep};
use ktrdr_testkit::draw::{self, Draw};
use ktrdr_testkit::{World, rules};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A world and a few scenarios of rules, all with one number of periods a year.
fn drawn(seed: u64, bars: usize, kind: usize) -> (World, Vec<Rules>) {
    let mut draw = Draw::new(seed);
    let mut world = draw::world(&mut draw, bars);
    let periods = draw.pick(&[Value::Null, json!(252.0), json!(365.0)]);
    let mut scenarios = Vec::new();
    for _ in 0..6 {
        let mut changes = draw::rules(&mut draw);
        match kind {
            0 => {}
            // The last of them leaves its mark on the world that all are tried on.
            1 => draw::undisturbed(&mut draw, &mut world, &mut changes),
            2 => draw::touching(&mut draw, &mut world, &mut changes),
            3 => draw::chained(&mut draw, &mut world, &mut changes),
            _ => draw::calm(&mut draw, &mut world, &mut changes),
        }
        changes["metrics"]["periods_per_year"] = periods.clone();
        changes["decisions"]["confidence_threshold"] = json!(draw.pick(&[0.0, 0.3, 0.5, 0.7]));
        scenarios.push(rules(changes));
    }
    (world, scenarios)
}

/// The metrics of a run of its own, as a sweep writes them: NaN where undefined.
fn alone(world: &World, rules: &Rules) -> Result<(Vec<f64>, Vec<f64>), Error> {
    let mut simulation = world.simulation(rules.clone());
    simulation.run(&world.columns(), None)?;
    let set = simulation.metrics(Some(&simulation.ledger().trades.bars_held));
    let values = set.values.iter().map(|(_, value)| value.unwrap_or(f64::NAN)).collect();
    let blocks = set.blocks.map_or(vec![f64::NAN; 48], |blocks| {
        blocks.iter().flat_map(|one| [one.count as f64, one.sum, one.sum_of_squares]).collect()
    });
    Ok((values, blocks))
}

/// Values and blocks of a scenario, or its error.
type Found = Result<(Vec<f64>, Vec<f64>), String>;

/// Tries whole sets of rules: each replaces all of those before it.
fn tried(world: &World, scenarios: &[Rules], threads: usize) -> Result<Vec<Found>, Error> {
    let whole = |rules: &Rules| Map::from_iter([(String::new(), serde_json::to_value(rules).expect("rules"))]);
    let changes = vec![scenarios.iter().map(whole).collect()];
    let choices: Vec<i32> = (0..scenarios.len() as i32).collect();
    let stamps = Some(world.timestamp.as_slice());
    let run = Simulation::over(scenarios[0].clone(), world.spec(), stamps)?;
    let table = sweep(&run, world.columns(), &changes, &choices, threads)?;
    let rows = table.values.chunks(METRICS.len()).zip(table.blocks.chunks(48)).zip(table.errors);
    Ok(rows.map(|((values, blocks), error)| error.map_or(Ok((values.to_vec(), blocks.to_vec())), Err)).collect())
}

fn compare(world: &World, scenarios: &[Rules], threads: usize) {
    let found = tried(world, scenarios, threads).expect("sound columns");
    assert_eq!(found.len(), scenarios.len());
    for (scenario, (rules, found)) in scenarios.iter().zip(found).enumerate() {
        let expected = alone(world, rules).map_err(|error| format!("{}: {error}", error.code()));
        // As text: every bit of a number is in its shortest form, -0 differs from 0, and NaN equals NaN.
        assert_eq!(format!("{found:?}"), format!("{expected:?}"), "scenario {scenario}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_scenario_has_the_metrics_of_its_own_run(seed: u64, bars in 4_usize..900, kind in 0_usize..5, threads in 1_usize..4) {
        let (world, scenarios) = drawn(seed, bars, kind);
        compare(&world, &scenarios, threads);
    }
}

/// Draws scenarios that fill at the same rows, where nothing but signals places orders, and pay in other ways.
///
/// Some of them cannot pay for a lot or are liquidated on the way: they leave the others, and may meet them again.
fn side_by_side(seed: u64, bars: usize) -> (World, Vec<Rules>) {
    let mut draw = Draw::new(seed);
    let mut world = draw::world(&mut draw, bars);
    let mut changes = draw::rules(&mut draw);
    draw::chained(&mut draw, &mut world, &mut changes);
    changes["decisions"]["confidence_threshold"] = json!(draw.pick(&[0.0, 0.3]));
    let scenarios = (0..8).map(|_| {
        let mut other = draw::rules(&mut draw);
        draw::chained(&mut draw, &mut World::flat(&[1.0; 4], &[0; 4]), &mut other);
        let mut one = changes.clone();
        for rule in ["sizing", "commission", "slippage", "margin", "instrument", "close_at_end"] {
            one["execution"][rule] = other["execution"][rule].clone();
        }
        rules(one)
    });
    let scenarios = scenarios.collect();
    (world, scenarios)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scenarios_side_by_side_have_the_metrics_of_their_own_runs(seed: u64, bars in 4_usize..900, threads in 1_usize..3) {
        let (world, scenarios) = side_by_side(seed, bars);
        compare(&world, &scenarios, threads);
    }
}

/// Draws scenarios that differ in numbers alone, so that they share vector lanes: as few or as many as fill some of them.
///
/// Some numbers leave no lot or no margin, so that an order is refused or a position liquidated in a single lane.
fn in_lanes(seed: u64, bars: usize) -> (World, Vec<Rules>) {
    let mut draw = Draw::new(seed);
    let mut world = draw::world(&mut draw, bars);
    let mut changes = draw::rules(&mut draw);
    draw::chained(&mut draw, &mut world, &mut changes);
    let is_wild = draw.chance(0.5);
    let scenarios = (0..1 + draw.below(19)).map(|_| {
        let mut one = changes.clone();
        let execution = &mut one["execution"];
        let leverage = if is_wild { draw.pick(&[1.0, 1.0, 3.0, 30.0]) } else { 1.0 };
        let size = match execution["sizing"]["kind"].as_str() {
            Some("cash_fraction") => ("fraction", draw.pick(&[0.1, 0.5, 1.0])),
            Some("equity_fraction") => ("fraction", draw.pick(&[0.3, 1.0, leverage])),
            Some("fixed_quantity") => ("quantity", draw.pick(&[1.0, 3.3, 40.0])),
            _ => ("notional", draw.pick(&[100.0, 900.0, 20_000.0])),
        };
        execution["sizing"][size.0] = json!(size.1);
        execution["margin"] = json!({"max_leverage": leverage, "maintenance": draw.pick(&[0.0, 0.5, 0.95])});
        let lots: &[f64] = if is_wild { &[1e-8, 0.1, 25.0] } else { &[1e-8, 0.01] };
        execution["instrument"]["lot_size"] = json!(draw.pick(lots));
        execution["instrument"]["contract_multiplier"] = json!(draw.pick(&[1.0, 2.5]));
        if !execution["instrument"]["tick_size"].is_null() {
            execution["instrument"]["tick_size"] = json!(draw.pick(&[0.01, 0.05, 0.25]));
        }
        execution["commission"] = json!({
            "rate": draw.pick(&[0.0, 1e-5, 0.001]), "per_unit": draw.pick(&[0.0, 0.0, 0.01]),
            "per_fill": draw.pick(&[0.0, 0.0, 1.0]), "minimum": draw.pick(&[0.0, 0.0, 2.0])
        });
        let slippage = draw.pick(&[0.0, 1e-5, 0.002]);
        if let Some(number) = execution["slippage"].as_object_mut().and_then(|kind| kind.values_mut().next()) {
            *number = json!(slippage);
        }
        execution["close_at_end"] = json!(draw.chance(0.5));
        rules(one)
    });
    let mut scenarios: Vec<Rules> = scenarios.collect();
    // Another kind of rules among them now and then: its neighbours walk by themselves.
    if draw.chance(0.2) {
        let at = draw.below(scenarios.len());
        changes["execution"]["sizing"] = json!({"kind": "fixed_quantity", "quantity": 2.0});
        scenarios[at] = rules(changes);
    }
    (world, scenarios)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scenarios_in_lanes_have_the_metrics_of_their_own_runs(seed: u64, bars in 4_usize..900, threads in 1_usize..3) {
        let (world, scenarios) = in_lanes(seed, bars);
        compare(&world, &scenarios, threads);
    }
}

/// Long spans without a fill, over which only extremes of closes are looked at, and many days.
#[test]
fn a_scenario_of_long_holdings_has_the_metrics_of_its_own_run() {
    for seed in 0..12 {
        let mut draw = Draw::new(seed);
        let mut world = draw::world(&mut draw, 6_000);
        world.conversion_rate = None;
        world.half_spread = None;
        let density = [0.001, 0.01, 0.1][seed as usize % 3];
        world.signals.iter_mut().for_each(|signal| *signal *= i8::from(draw.chance(density)));
        let levels = [Value::Null, json!({"rate": 0.08}), json!({"rate": 0.5})];
        let scenarios: Vec<Rules> = (0..12)
            .map(|scenario: usize| {
                rules(json!({"execution": {
                    "sizing": {"kind": "cash_fraction", "fraction": 1.0}, "on_opposite": "reverse",
                    "commission": {"rate": 0.0001 * scenario as f64},
                    "exits": {"stop_loss": levels[scenario % 3], "take_profit": levels[scenario / 3 % 3]}
                }}))
            })
            .collect();
        compare(&world, &scenarios, 2);
    }
}

#[test]
fn what_a_run_refuses_a_sweep_refuses() {
    let mut world = World::flat(&[100.0, 101.0, 102.0], &[0, 5, 0]);
    let refused = |world: &World| tried(world, &[rules(json!({}))], 1).expect_err("refused");
    assert_eq!(refused(&world).row(), Some(1));
    world.signals[1] = 1;
    world.confidence = Some(vec![0.5, 1.5, 0.5]);
    assert_eq!(refused(&world).field(), Some("confidence"));
    world.confidence = Some(vec![0.5]);
    assert_eq!(refused(&world).field(), Some("confidence"));
    world.confidence = None;
    world.warmup_bars = 3;
    assert_eq!(refused(&world).code(), "data_too_short");
}

#[test]
fn changes_that_are_no_rules_are_refused() {
    let world = World::flat(&[100.0, 101.0, 102.0], &[0, 1, 0]);
    let run = world.simulation(rules(json!({})));
    let refused = |change: Value, choice: i32| {
        let changes = vec![vec![change.as_object().expect("an object").clone()]];
        sweep(&run, world.columns(), &changes, &[choice], 1).expect_err("refused").to_string()
    };
    assert_eq!(refused(json!({"/execution/no_rule": 1}), 0), "no rule at /execution/no_rule");
    assert_eq!(refused(json!({"/execution/allow_short": true}), 1), "no such value");
    assert_eq!(refused(json!({"/execution/allow_short": true}), -1), "no such value");
    assert!(refused(json!({"/execution/allow_short": 1}), 0).starts_with("invalid type"));
}

#[test]
fn a_scenario_that_cannot_be_traded_leaves_the_others_alone() {
    let world = World::flat(&[1.0; 4], &[-1, 0, 0, 0]);
    let scenario = |changes: Value| rules(json!({ "execution": changes }));
    let scenarios = [
        scenario(json!({"spread": {"half": 1.0}})),
        scenario(json!({"exits": {"stop_loss": {"atr": 1.0}}})),
        scenario(json!({"commission": {"rate": 1.0}})),
        scenario(json!({})),
    ];
    let found = tried(&world, &scenarios, 2).expect("sound columns");
    let codes: Vec<_> = found.iter().map(|run| run.as_ref().err().and_then(|error| error.split(':').next())).collect();
    assert_eq!(codes, [Some("fill_price"), Some("argument_invalid"), Some("argument_invalid"), None]);
}

/// Two closes with one and the same equity, beside so much capital: the drawdown begins at the first of them.
#[test]
fn the_first_of_rows_that_rounding_makes_equal_is_the_deepest() {
    for (side, deep) in [(1, 9.0), (-1, 11.0)] {
        let deeper = deep - f64::from(side) * 1e-12;
        let world = World::flat(&[10.0, 10.0, deep, deeper, 9.5, 10.5, 10.0], &[side, 0, 0, 0, -side, 0, 0]);
        // A commission, so that no row between the fills is at the peak.
        compare(&world.capital(1e6), &[rules(json!({"execution": {"commission": {"per_fill": 1.0}}}))], 1);
    }
}

/// The same after a first fall: scenarios in lanes look for the row of the worst close alone.
#[test]
fn the_first_of_rows_that_rounding_makes_equal_is_the_deepest_in_lanes_too() {
    for (side, deep) in [(1, 9.0), (-1, 11.0)] {
        let deeper = deep - f64::from(side) * 1e-12;
        let opens = [10.0, 10.0, 10.0, 10.0, deep, deeper, 9.5, 10.5, 10.0];
        let world = World::flat(&opens, &[side, -side, side, 0, 0, 0, -side, 0, 0]).capital(1e6);
        let costs = |per_fill: i32| rules(json!({"execution": {"commission": {"per_fill": per_fill}}}));
        compare(&world, &[costs(1), costs(2), costs(3)], 1);
    }
}

/// A scenario that ends with an error leaves nothing to the next one of its thread: neither round trips nor money.
#[test]
fn round_trips_before_an_error_are_not_those_of_the_next_scenario() {
    let world = World::flat(&[5.0, 5.0, 5.0, 5.0, 5.0, 1.0, 1.0, 1.0], &[1, -1, 1, 0, 0, -1, 0, 0]);
    let scenario = |ticks: f64| {
        rules(json!({"execution": {"slippage": {"ticks": ticks}, "instrument": {"tick_size": 1.0},
                                   "exits": {"take_profit": {"rate": 9.0}}}}))
    };
    compare(&world, &[scenario(1.0), scenario(0.0)], 1);
}
