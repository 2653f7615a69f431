//! Errors in the columns a run is fed: found before anything comes of them, in whichever block they lie.
#![allow(missing_docs)]

use ktrdr_core::{Columns, Error, Rules, Simulation};
use ktrdr_testkit::draw::{self, Draw};
use ktrdr_testkit::{World, outcome, rules};
use serde_json::json;

fn in_blocks(world: &World, rules: Rules) -> Simulation {
    world.simulation(rules).with_blocks(100)
}

/// An error in what was given leaves the run as it was, in whichever block of the chunk it lies.
#[test]
fn rows_that_are_refused_can_be_given_again() {
    let mut draw = Draw::new(7);
    let mut world = draw::world(&mut draw, 350);
    world.warmup_bars = 50;
    world.confidence = Some(vec![0.9; 350]);
    let mut whole = in_blocks(&world, rules(json!({})));
    whole.run(&world.columns(), None).expect("a run");
    let mut again = in_blocks(&world, rules(json!({})));
    let mut signals = world.signals.clone();
    signals[260] = 5;
    let mut confidence = vec![0.9; 350];
    confidence[270] = 1.5;
    let broken = Columns { signals: &signals, ..world.columns() };
    assert_eq!(again.feed(&broken, true).expect_err("a signal"), Error::Signal { row: 260, found: 5 });
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
    // A spread above the price: the first short would sell below zero.
    world.signals[10] = -1;
    world.half_spread = Some(vec![1e6; 350]);
    let mut run = in_blocks(&world, rules(json!({})));
    let mut signals = world.signals.clone();
    signals[260] = 5;
    let broken = Columns { signals: &signals, ..world.columns() };
    assert_eq!(run.feed(&broken, true).expect_err("a signal"), Error::Signal { row: 260, found: 5 });
    for _ in 0..2 {
        let error = run.feed(&world.columns(), true).expect_err("a price below zero");
        assert!(matches!(error, Error::FillPrice { row, .. } if row < 200), "{error}");
    }
}
