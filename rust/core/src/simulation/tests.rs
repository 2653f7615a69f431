//! Stretches taken at once against the same bars taken one by one: to the last bit.

use super::{Rows, Simulation};
use crate::common::draw::{self, Draw};
use crate::common::{World, outcome, rules};
use crate::error::Error;
use crate::signal::Columns;
use serde_json::{Value, json};

fn at_once(world: &World, changes: &Value) -> Result<Simulation, Error> {
    let mut simulation = world.simulation(rules(changes.clone()));
    simulation.run(&world.columns(), None).map(|()| simulation)
}

fn one_by_one(world: &World, changes: &Value) -> Result<Simulation, Error> {
    let mut simulation = world.simulation(rules(changes.clone()));
    let (columns, end) = (world.columns(), world.open.len());
    let half_spread = simulation.plan.execution().spread.half;
    let rows = Rows { bars: columns.bars, first_bar: 0, before: None, half_spread };
    for index in world.warmup_bars..end {
        simulation.desk.metrics.undefined(u64::from(columns.confidence(index).is_nan()));
        simulation.take_row(&columns, &rows, index, index + 1 == end)?;
        simulation.desk.benchmark.take_row(&simulation.plan, &rows, index, index + 1 == end)?;
    }
    simulation.book.post();
    simulation.desk.remember(&columns.bars, simulation.plan.lookback_rows());
    simulation.desk.past = Some(rows.leaves(end - 1));
    (simulation.next_bar, simulation.ended) = (end as u64, true);
    Ok(simulation)
}

#[test]
fn stretches_equal_single_bars() {
    for seed in 0..120 {
        let mut draw = Draw::new(seed);
        let bars = 1 + draw.below(700);
        let mut world = draw::world(&mut draw, bars);
        let mut changes = draw::rules(&mut draw);
        if draw.chance(0.5) {
            // Without levels and charges stretches are long, and a few signals make them longer.
            changes["execution"]["exits"] = json!({"max_holding_bars": draw.pick(&[Value::Null, json!(70)])});
            changes["execution"]["financing"] = json!({"long_rate": 0.0, "short_rate": 0.0});
            world.signals.iter_mut().for_each(|signal| *signal *= i8::from(draw.chance(0.05)));
        }
        match (at_once(&world, &changes), one_by_one(&world, &changes)) {
            (Ok(whole), Ok(single)) => {
                assert!(outcome(&whole, whole.ledger()) == outcome(&single, single.ledger()), "seed {seed}");
            }
            (whole, single) => assert_eq!(whole.err(), single.err(), "seed {seed}"),
        }
    }
}

/// The same world with prices that hardly move, so that levels stay out of reach for long.
fn calm(mut world: World) -> World {
    let base = world.open[0];
    for column in [&mut world.open, &mut world.high, &mut world.low, &mut world.close] {
        column.iter_mut().for_each(|price| *price = base + (*price - base) * 0.01);
    }
    world
}

#[test]
fn guarded_stretches_equal_single_bars() {
    for seed in 1_000..1_120 {
        let mut draw = Draw::new(seed);
        let bars = 200 + draw.below(500);
        let mut world = calm(draw::world(&mut draw, bars));
        let mut changes = draw::rules(&mut draw);
        changes["execution"]["exits"]["max_holding_bars"] = draw.pick(&[Value::Null, json!(70)]);
        changes["execution"]["financing"]["long_rate"] = json!(draw.pick(&[0.05, -0.02]));
        world.signals.iter_mut().for_each(|signal| *signal *= i8::from(draw.chance(0.05)));
        match (at_once(&world, &changes), one_by_one(&world, &changes)) {
            (Ok(whole), Ok(single)) => {
                assert!(outcome(&whole, whole.ledger()) == outcome(&single, single.ledger()), "seed {seed}");
            }
            (whole, single) => assert_eq!(whole.err(), single.err(), "seed {seed}"),
        }
    }
}

/// An error in what was given leaves the run as it was, in whichever block of the chunk it stands.
#[test]
fn rows_that_are_refused_can_be_given_again() {
    let mut draw = Draw::new(7);
    let mut world = draw::world(&mut draw, 350);
    world.warmup_bars = 50;
    world.confidence = Some(vec![0.9; 350]);
    let whole = at_once(&world, &json!({})).expect("a run");
    let mut again = world.simulation(rules(json!({})));
    let (mut signals, mut confidence) = (world.signals.clone(), vec![0.9; 350]);
    (signals[260], confidence[270]) = (2, 1.5);
    let broken = Columns { signals: &signals, ..world.columns() };
    assert_eq!(again.feed(&broken, true).expect_err("a signal"), Error::Signal { row: 260, found: 2 });
    let broken = Columns { confidence: Some(&confidence), ..world.columns() };
    assert_eq!(again.feed(&broken, true).expect_err("a confidence"), Error::Confidence { row: 270, found: 1.5 });
    confidence[255] = -0.5;
    let broken = Columns { signals: &signals, confidence: Some(&confidence), ..world.columns() };
    assert_eq!(again.feed(&broken, true).expect_err("both"), Error::Confidence { row: 255, found: -0.5 });
    again.feed(&world.columns(), true).expect("the same rows without a fault");
    assert!(outcome(&again, again.ledger()) == outcome(&whole, whole.ledger()));
}

/// It is also named before what comes of the rows before it.
#[test]
fn what_was_given_is_judged_before_what_comes_of_it() {
    let mut draw = Draw::new(7);
    let mut world = draw::world(&mut draw, 350);
    (world.signals[10], world.signals[60]) = (1, -1);
    let changes = json!({"execution": {"slippage": {"rate": 2.0}}});
    let mut run = world.simulation(rules(changes));
    let mut signals = world.signals.clone();
    signals[260] = 2;
    let broken = Columns { signals: &signals, ..world.columns() };
    assert_eq!(run.feed(&broken, true).expect_err("a signal"), Error::Signal { row: 260, found: 2 });
    for _ in 0..2 {
        let error = run.feed(&world.columns(), true).expect_err("a price below zero");
        assert!(matches!(error, Error::FillPrice { row, .. } if row < 200), "{error}");
    }
}
