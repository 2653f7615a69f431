//! Errors in the columns a run is fed: found before anything comes of them, in whichever block they lie.
#![allow(missing_docs)]

use ktrdr_core::{Columns, Error, Rules, Simulation};
use ktrdr_testkit::draw::{self, Draw};
use ktrdr_testkit::{World, outcome, rules};
use serde_json::json;

/// Blocks enough for a thread that looks ahead.
fn in_blocks(world: &World, rules: Rules) -> Simulation {
    world.simulation(rules).with_blocks(20).with_threads(2)
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

/// Breaks a price of one bar of a world.
fn broken_bar(world: &World, row: usize, kind: usize) -> World {
    let mut broken = world.clone();
    match kind {
        0 => broken.high[row] = f64::NAN,
        1 => broken.low[row] = -1.0,
        _ => broken.close[row] = broken.high[row] * 2.0,
    }
    broken
}

/// Prices that nobody has checked: the first broken bar is named as the check of all of them would, wherever it lies.
#[test]
fn unchecked_prices_are_refused_at_the_first_look() {
    let mut draw = Draw::new(7);
    let world = draw::world(&mut draw, 350);
    let mut whole = in_blocks(&world, rules(json!({})));
    whole.run(&world.columns(), None).expect("a run");
    for row in [1, 2, 63, 64, 65, 99, 100, 127, 255, 320, 348, 349] {
        for kind in 0..3 {
            let broken = broken_bar(&world, row, kind);
            let expected = broken.columns().bars.check(None).expect_err("a broken bar");
            let mut run = in_blocks(&world, rules(json!({}))).checking_prices();
            let found = run.run(&broken.columns(), None).expect_err("a broken bar");
            assert_eq!(
                (found.code(), found.row(), found.field()),
                (expected.code(), Some(row), expected.field()),
                "{row} {kind}"
            );
            // Nothing of it was simulated.
            run.run(&world.columns(), None).expect("the same bars, mended");
            assert!(outcome(&run, run.ledger()) == outcome(&whole, whole.ledger()), "{row} {kind}");
        }
    }
}

/// A broken bar is named before what comes of the rows before it, and before a broken signal.
#[test]
fn broken_bars_come_before_their_consequences() {
    let mut draw = Draw::new(7);
    let mut world = draw::world(&mut draw, 350);
    world.signals[10] = -1;
    world.half_spread = Some(vec![1e6; 350]);
    let mut broken = broken_bar(&world, 300, 0);
    broken.signals[20] = 5;
    let mut run = in_blocks(&world, rules(json!({}))).checking_prices();
    let error = run.feed(&broken.columns(), true).expect_err("a bar");
    assert_eq!((error.code(), error.row()), ("data_nonfinite", Some(300)));
}
