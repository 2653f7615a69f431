//! Stretches taken at once against the same bars taken one by one: to the last bit.

#[path = "../../tests/common/mod.rs"]
mod common;

use super::{Rows, Simulation};
use crate::error::Error;
use common::draw::{self, Draw};
use common::{World, outcome, rules};
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
