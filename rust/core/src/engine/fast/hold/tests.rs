//! Eight bars at once against eight single bars, for every kind of level and charge.

use super::{HoldScan, LANES};
use crate::engine::plan::Plan;
use crate::market::bars::Bars;
use crate::market::rows::Rows;
use crate::metrics::sums::Sum;
use crate::money::account::Account;
use crate::money::position::Position;
use crate::orders::matching;
use crate::rules::Rules;
use ktrdr_testkit::{HOUR_NS, World, rules_json};
use serde_json::{Value, json};

/// Builds the rules of this crate: those of the testkit belong to another build of it.
fn rules(changes: &Value) -> Rules {
    serde_json::from_value(rules_json(changes.clone())).expect("rules")
}

fn bars(world: &World) -> Bars<'_> {
    Bars {
        timestamp: &world.timestamp,
        open: &world.open,
        high: &world.high,
        low: &world.low,
        close: &world.close,
        half_spread: world.half_spread.as_deref(),
        atr: world.atr.as_deref(),
        conversion_rate: world.conversion_rate.as_deref(),
    }
}

const ENTRY: f64 = 100.0;
/// Behind every level of the cases below.
const FAR: f64 = 8.0;

/// Rules with one level or charge each, and with all of them.
fn cases() -> Vec<Value> {
    let level = json!({"rate": 0.02});
    let all = json!({"exits": {"stop_loss": level, "take_profit": level, "trailing_stop": level, "trail_on": "extreme"},
                     "financing": {"long_rate": 0.05, "short_rate": -0.03}});
    vec![
        json!({"exits": {"stop_loss": level}}),
        json!({"exits": {"take_profit": level}}),
        json!({"exits": {"trailing_stop": level, "trail_on": "close"}}),
        json!({"exits": {"trailing_stop": level, "trail_on": "extreme"}}),
        json!({"financing": {"long_rate": 0.05, "short_rate": 0.02}}),
        json!({"financing": {"long_rate": -0.05, "short_rate": -0.02}}),
        all,
    ]
}

/// A bar and eight after it that hardly move, with a spread, a rate and uneven stamps where asked for.
fn world(with_columns: bool) -> World {
    let rows: Vec<[f64; 4]> = (0..=LANES)
        .map(|row| {
            let open = ENTRY + (row as f64 * 1.7).sin() * 0.3;
            [open, open + 0.2, open - 0.1, open + 0.05]
        })
        .collect();
    let mut world = World::new(&rows, &[0; LANES + 1]);
    if with_columns {
        world.half_spread = Some((0..=LANES).map(|row| 0.01 + row as f64 * 0.003).collect());
        world.conversion_rate = Some((0..=LANES).map(|row| 0.9 + row as f64 * 0.01).collect());
        world.timestamp[LANES / 2..].iter_mut().for_each(|stamp| *stamp += 48 * HOUR_NS);
    }
    world
}

fn position(plan: &Plan, direction: i8, borrowed: bool) -> Position {
    let levels = matching::levels(plan.execution(), f64::from(direction), ENTRY, 1.0).expect("levels");
    Position {
        trade_id: 0,
        direction,
        quantity: 10.0,
        entry_bar: 0,
        entry_ns: 0,
        entry_price: ENTRY,
        entry_notional: 1_000.0,
        entry_confidence: 1.0,
        commission: 0.0,
        financing: 0.0,
        slippage: 0.0,
        spread: 0.0,
        highest: ENTRY,
        lowest: ENTRY,
        stop: levels.stop,
        target: levels.target,
        trailing: levels.trailing,
        requirement: borrowed.then_some(30.0),
    }
}

/// Everything that `take` can change, after it.
#[derive(Debug, PartialEq)]
struct Left {
    taken: bool,
    position: Position,
    account: Account,
    financing: Sum,
    equity: Vec<f64>,
}

/// Returns everything that `take` can change, after it.
fn left(plan: &Plan, world: &World, mut position: Position, take: impl FnOnce(&mut HoldScan<'_>) -> bool) -> Left {
    let rows = Rows { bars: bars(world), first_bar: 1, previous: None, half_spread: 0.02 };
    // Equity is 100 at the entry price: a move of 7 against the position is its liquidation.
    let account = Account { balance: 100.0, quote_cash: -position.net() * ENTRY };
    let mut equity = Vec::new();
    let holding = plan.holding(position.net());
    let financing = Sum::default();
    let mut scan =
        HoldScan { plan, rows: &rows, equity: &mut equity, position: &mut position, holding, account, financing };
    let taken = take(&mut scan);
    let account = scan.account;
    let financing = scan.financing;
    Left { taken, position, account, financing, equity }
}

#[test]
fn lanes_leave_what_single_bars_leave() {
    for execution in cases() {
        let plan = Plan::new(rules(&json!({ "execution": execution })), 0, false);
        for (direction, borrowed, with_columns) in
            [1, -1].into_iter().flat_map(|side| [(side, false, false), (side, true, false), (side, true, true)])
        {
            let world = world(with_columns);
            let held = position(&plan, direction, borrowed);
            let lanes = left(&plan, &world, held.clone(), |scan| scan.step_lanes(1));
            let single = left(&plan, &world, held, |scan| (1..=LANES).all(|row| scan.step_row(row)));
            assert!(lanes.taken, "{execution} {direction} {borrowed}");
            assert_eq!(lanes, single, "{execution} {direction} {borrowed}");
        }
    }
}

#[test]
fn lanes_take_nothing_where_a_bar_may_touch_a_level() {
    for execution in cases() {
        let plan = Plan::new(rules(&json!({ "execution": execution })), 0, false);
        for (direction, row) in [1, -1].into_iter().flat_map(|side| (1..=LANES).map(move |row| (side, row))) {
            let held = position(&plan, direction, true);
            let mut world = world(true);
            // Both ways: one of them is the target's.
            world.high[row] = ENTRY + FAR;
            world.low[row] = ENTRY - FAR;
            let found = left(&plan, &world, held.clone(), |scan| scan.step_lanes(1));
            let nothing = left(&plan, &world, held, |_| false);
            assert_eq!(found, nothing, "{execution} {direction} {row}");
        }
    }
}

/// Answers if lanes take bars whose last one comes within `spare` of the level of liquidation.
fn lanes_take(execution: &Value, direction: i8, spare: f64) -> bool {
    let plan = Plan::new(rules(&json!({ "execution": execution })), 0, false);
    let mut world = world(false);
    let edge = ENTRY + f64::from(direction) * (spare - 7.0);
    *(if direction > 0 { &mut world.low } else { &mut world.high }).last_mut().expect("rows") = edge;
    left(&plan, &world, position(&plan, direction, true), |scan| scan.step_lanes(1)).taken
}

/// Single bars divide where lanes do not, and touch a level within `EQUAL` of it: both are left to single bars.
#[test]
fn lanes_leave_the_edge_of_liquidation_alone() {
    for direction in [1, -1] {
        let taken = [1e-3, 1e-7, 1e-8, 0.0].map(|spare| lanes_take(&json!({}), direction, spare));
        assert_eq!(taken, [true, false, false, false]);
    }
}

/// The level of liquidation may be put on a tick that lies nearer to the market.
#[test]
fn lanes_leave_the_tick_of_liquidation_alone() {
    let coarse = json!({"instrument": {"tick_size": 30.0}});
    for direction in [1, -1] {
        assert!(lanes_take(&json!({}), direction, 4e-5));
        assert!(!lanes_take(&coarse, direction, 4e-5));
        assert!(lanes_take(&coarse, direction, 1e-3));
    }
}
