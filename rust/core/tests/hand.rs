//! Fills, sizes and money that can be checked by hand; the arithmetic is in the comments.
#![allow(missing_docs)]

use ktrdr_core::{Calendar, Columns, Error, Saved, Simulation};
use ktrdr_testkit::{DAY_NS, HOUR_NS, Run, World, close_to, rules};
use serde_json::{Value, json};

fn execution(changes: Value) -> Value {
    json!({ "execution": changes })
}

fn with_exits(exits: Value) -> Value {
    execution(json!({ "exits": exits }))
}

/// Enters at 100 at the open of bar 1, which does not move, and meets the bars after it.
fn entered(side: i8, bars: &[[f64; 4]]) -> World {
    let mut all = vec![[100.0; 4], [100.0; 4]];
    all.extend(bars);
    let mut signals = vec![0; all.len()];
    signals[0] = side;
    World::new(&all, &signals)
}

#[test]
fn a_stop_that_the_open_jumps_over_fills_at_the_open() {
    // Entry 105 less 4.76 % is a stop at 100; the bar opens at 90.
    let world = World::flat(&[105.0, 105.0, 90.0], &[1, 0, 0]);
    let run = world.run(with_exits(json!({"stop_loss": {"rate": 5.0 / 105.0}})));
    assert_eq!((run.prices()[1], run.reasons()[1]), (90.0, "stop_loss"));
}

#[test]
fn a_stop_whose_spread_leaves_nothing_is_an_error() {
    // Bought at 1 + 0.6; the stop 70 % below is 0.48, and 0.48 - 0.6 is no price.
    let world = World::new(&[[1.0; 4], [1.0; 4], [1.0, 1.0, 0.4, 0.9]], &[1, 0, 0]);
    let rules = json!({"spread": {"half": 0.6}, "exits": {"stop_loss": {"rate": 0.7}}});
    let Err(Error::FillPrice { row: 2, price }) = world.try_run(execution(rules)) else { panic!("a price below 0") };
    close_to(price, -0.12, 1e-12);
}

#[test]
fn a_sale_for_nothing_is_an_error() {
    // Bought at 1 + 0.5; 0.5 - 0.5 is nothing, and nothing is no price.
    let world = World::flat(&[1.0, 1.0, 1.0, 0.5], &[1, 0, -1, 0]);
    let Err(Error::FillPrice { row: 3, price }) = world.try_run(execution(json!({"spread": {"half": 0.5}}))) else {
        panic!("a price of nothing")
    };
    assert_eq!(price, 0.0);
}

#[test]
fn a_stop_inside_the_bar_fills_at_its_level() {
    let world = World::new(&[[105.0; 4], [105.0; 4], [102.0, 102.0, 98.0, 99.0]], &[1, 0, 0]);
    let run = world.run(with_exits(json!({"stop_loss": {"rate": 5.0 / 105.0}})));
    close_to(run.prices()[1], 100.0, 1e-12);
}

/// Returns the reason of the exit of a position entered at `entry` that meets one bar, and then its entry price again.
fn met(side: i8, entry: f64, changes: Value, bar: [f64; 4]) -> &'static str {
    let rows = [[entry; 4], [entry; 4], bar, [entry; 4]];
    World::new(&rows, &[side, 0, 0, 0]).run(execution(changes)).reasons()[1]
}

#[test]
fn a_level_touched_exactly_stops_and_does_not_fill_a_target() {
    // 1.085 less 3 % is 1.05245, 100.1 plus 2 % is 102.102; in floats both come out a little lower.
    let stop = json!({"exits": {"stop_loss": {"rate": 0.03}}});
    let target = json!({"exits": {"take_profit": {"rate": 0.02}}});
    assert_eq!(met(1, 1.085, stop.clone(), [1.085, 1.09, 1.05245, 1.06]), "stop_loss");
    assert_eq!(met(1, 1.085, stop.clone(), [1.085, 1.09, 1.05246, 1.06]), "end_of_data");
    assert_eq!(met(1, 100.1, target.clone(), [100.1, 102.102, 100.0, 101.0]), "end_of_data");
    assert_eq!(met(1, 100.1, target.clone(), [100.1, 102.103, 100.0, 101.0]), "take_profit");
    // Shorts: 1.085 plus 3 % is 1.11755, 100.1 less 2 % is 98.098.
    assert_eq!(met(-1, 1.085, stop.clone(), [1.085, 1.11755, 1.08, 1.1]), "stop_loss");
    assert_eq!(met(-1, 1.085, stop, [1.085, 1.11754, 1.08, 1.1]), "end_of_data");
    assert_eq!(met(-1, 100.1, target.clone(), [100.1, 101.0, 98.098, 99.0]), "end_of_data");
    assert_eq!(met(-1, 100.1, target, [100.1, 101.0, 98.097, 99.0]), "take_profit");
}

#[test]
fn the_slack_of_a_level_is_a_share_of_it() {
    // 0.001 less 3 % is 0.00097: a low 1e-10 above it is another price, although 1e-10 is less than the share of 1e-9.
    let stop = json!({"exits": {"stop_loss": {"rate": 0.03}}});
    assert_eq!(met(1, 0.001, stop.clone(), [0.001, 0.0011, 0.000_970_000_1, 0.001]), "end_of_data");
    assert_eq!(met(1, 0.001, stop, [0.001, 0.0011, 0.000_97, 0.001]), "stop_loss");
}

#[test]
fn an_open_at_a_level_leaves_there() {
    let exits = json!({"exits": {"stop_loss": {"rate": 0.03}, "take_profit": {"rate": 0.02}}});
    // The open of the first is the stop, that of the second the target, which a resting order meets at the open.
    assert_eq!(met(1, 1.085, exits.clone(), [1.05245, 1.2, 1.05245, 1.1]), "stop_loss");
    assert_eq!(met(1, 100.1, exits.clone(), [102.102, 102.102, 90.0, 101.0]), "take_profit");
    assert_eq!(met(-1, 1.085, exits.clone(), [1.11755, 1.11755, 1.0, 1.1]), "stop_loss");
    assert_eq!(met(-1, 100.1, exits, [98.098, 110.0, 98.098, 99.0]), "take_profit");
}

#[test]
fn equal_levels_are_named_in_their_order_whatever_their_last_bits() {
    // The close of 1.085 moves the trailing stop to 1.085 - 0.03255, the stop lies 3 % below 1.085: both are 1.05245.
    let exits = json!({"exits": {"trailing_stop": {"atr": 0.03255}, "stop_loss": {"rate": 0.03}}});
    let mut world = World::new(&[[1.085; 4], [1.085; 4], [1.085, 1.09, 1.05, 1.06]], &[1, 0, 0]);
    world.atr = Some(vec![1.0; 3]);
    assert_eq!(world.run(execution(exits)).reasons()[1], "stop_loss");
}

#[test]
fn a_level_is_the_tick_it_lies_on() {
    // Bought at 100.25 on ticks of 0.25; 1 below, but for 2e-7, is the tick of 99.25.
    let near = |atr: f64| json!({"exits": {"stop_loss": {"atr": atr}}, "instrument": {"tick_size": 0.25}});
    for (atr, stop) in [(1.000_000_2, 99.25), (0.999_999_8, 99.25), (1.1, 99.15)] {
        let mut world = entered(1, &[[100.25, 100.25, 99.25, 100.0]]);
        world.atr = Some(vec![atr; 3]);
        world.open[1] = 100.25;
        world.high[1] = 100.25;
        world.low[1] = 100.0;
        let run = world.run(execution(near(1.0)));
        close_to(run.ledger.trades.stop_price[0].expect("a stop"), stop, 1e-12);
    }
}

#[test]
fn an_ambiguous_bar_of_a_long_and_of_a_short() {
    let exits = json!({"stop_loss": {"rate": 0.02}, "take_profit": {"rate": 0.03}});
    for (intrabar, long, short) in [("pessimistic", 98.0, 102.0), ("optimistic", 103.0, 97.0), ("ohlc", 98.0, 102.0)] {
        let rules = execution(json!({"exits": exits, "intrabar": intrabar}));
        // The long's low is 3 away, its high 4; the short's high is 3 away, its low 4: the adverse one is nearer.
        let run = entered(1, &[[100.0, 104.0, 97.0, 101.0]]).run(rules.clone());
        assert_eq!((run.prices()[1], run.metric("ambiguous_bars")), (long, 1.0), "{intrabar}");
        let run = entered(-1, &[[100.0, 103.0, 96.0, 99.0]]).run(rules);
        assert_eq!((run.prices()[1], run.metric("ambiguous_bars")), (short, 1.0), "{intrabar}");
    }
}

#[test]
fn the_path_of_ohlc_takes_the_nearer_extreme_and_on_equal_distances_the_adverse_one() {
    let rules = execution(json!({
        "exits": {"stop_loss": {"rate": 0.02}, "take_profit": {"rate": 0.03}}, "intrabar": "ohlc"
    }));
    for (bar, price) in [([100.0, 104.0, 95.0, 99.0], 103.0), ([100.0, 104.0, 96.0, 99.0], 98.0)] {
        assert_eq!(entered(1, &[bar]).run(rules.clone()).prices()[1], price);
    }
}

#[test]
fn distances_are_equal_within_a_share_of_the_open() {
    // High and low of the last bar lie 100.3 from its open, but for the rounding of 100,100.87 less 100,000.57.
    let rules = execution(json!({
        "exits": {"stop_loss": {"rate": 0.0005}, "take_profit": {"rate": 0.0005}}, "intrabar": "ohlc"
    }));
    let [open, low, high] = [100_000.57, 99_900.27, 100_100.87];
    assert!(high - open < open - low, "as floats the high is nearer");
    let world = World::new(&[[open; 4], [open; 4], [open, high, low, open]], &[1, 0, 0]);
    assert_eq!(world.run(rules).reasons()[1], "stop_loss");
}

#[test]
fn what_an_ambiguous_bar_could_have_cost_and_earned() {
    // 10 units, slippage and commission 0.001: entry 100.1, exit 98 x 0.999 = 97.902 or the target at 103.
    // The levels are those of the entry fill: stop 98.098 x ..., so place them by rate of 100.1.
    let rules = execution(json!({
        "sizing": {"kind": "fixed_quantity", "quantity": 10.0}, "slippage": {"rate": 0.001},
        "commission": {"rate": 0.001},
        "exits": {"stop_loss": {"rate": 0.02}, "take_profit": {"rate": 0.03}}
    }));
    // Entry 100.1; stop 98.098, filled 97.999902-; target 103.103.
    // gross 10 (98.098 x 0.999 - 100.1) = -20.99...; commission 0.001 x 10 x (100.1 + 97.999902).
    let run = entered(1, &[[100.0, 104.0, 97.0, 101.0]]).run(rules);
    close_to(run.metric("net_profit"), -22.981979, 5e-7);
    close_to(run.metric("profit_pessimistic"), -22.981979, 5e-7);
    close_to(run.metric("profit_optimistic"), 27.997970, 5e-7);
}

#[test]
fn a_long_in_the_account_currency() {
    let rules = execution(json!({"sizing": {"kind": "fixed_quantity", "quantity": 100_000.0}}));
    let run = World::flat(&[1.1, 1.1, 1.101], &[1, -1, 0]).capital(200_000.0).run(rules);
    close_to(run.metric("net_profit"), 100.0, 1e-8);
}

#[test]
fn a_short_in_another_currency_is_converted_when_it_is_flat() {
    let rules = execution(json!({"sizing": {"kind": "fixed_quantity", "quantity": 50_000.0}}));
    let mut world = World::flat(&[150.0, 150.0, 149.25], &[-1, 0, 0]).capital(200_000.0);
    world.conversion_rate = Some(world.close.iter().map(|close| 1.0 / close).collect());
    // 50,000 x 0.75 = 37,500 JPY / 149.25 = 251.26 USD; fills at a close take their own row's rate.
    let run = world.run(rules);
    close_to(run.metric("net_profit"), 37_500.0 / 149.25, 1e-8);
    assert_eq!(run.reasons(), ["signal", "end_of_data"]);
}

#[test]
fn borrowing_a_short_for_ten_days() {
    // 100 x 50 x 3 % x 10 / 360 = 4.1667.
    let rules = execution(json!({
        "sizing": {"kind": "fixed_quantity", "quantity": 100.0}, "financing": {"short_rate": 0.03, "day_count": 360.0}
    }));
    let mut signals = vec![0; 12];
    signals[0] = -1;
    let run = World::flat(&[50.0; 12], &signals).spaced(DAY_NS).run(rules);
    close_to(run.metric("net_profit"), -100.0 * 50.0 * 0.03 * 10.0 / 360.0, 1e-9);
    close_to(run.metric("financing"), 4.17, 5e-3);
    close_to(run.ledger.trades.financing[0], 4.17, 5e-3);
}

#[test]
fn a_single_unit_is_charged_as_many_are() {
    // 1 x 50 x 3.65 % x 10 / 365 = 0.05.
    let rules = execution(json!({"financing": {"long_rate": 0.0365, "day_count": 365.0}}));
    let mut signals = vec![0; 12];
    signals[0] = 1;
    let run = World::flat(&[50.0; 12], &signals).spaced(DAY_NS).run(rules);
    close_to(run.ledger.trades.financing[0], 0.05, 1e-12);
}

#[test]
fn a_fill_without_costs_has_a_positive_zero() {
    let run = World::flat(&[50.0; 4], &[1, 0, -1, 0]).run(execution(json!({})));
    assert_eq!(run.ledger.fills.slippage.iter().map(|cost| cost.to_bits()).collect::<Vec<_>>(), [0, 0]);
}

#[test]
fn a_long_that_borrows_only_its_commission_is_liquidated() {
    // 10 x 10 is all of 100; the commission of 1 is borrowed. Requirement 100 / 2 x 0.5 = 25; 10 p - 1 = 25 at p = 2.6.
    let rules = |per_fill: f64| {
        execution(json!({
            "sizing": {"kind": "fixed_quantity", "quantity": 10.0}, "commission": {"per_fill": per_fill},
            "margin": {"max_leverage": 2.0, "maintenance": 0.5}
        }))
    };
    let world = World::new(&[[10.0; 4], [10.0; 4], [10.0, 10.0, 2.0, 3.0]], &[1, 0, 0]).capital(100.0);
    let run = world.run(rules(1.0));
    close_to(run.prices()[1], 2.6, 1e-9);
    assert_eq!(run.reasons()[1], "liquidation");
    // Without it nothing is borrowed, and a long of its own money is nobody's to liquidate.
    assert_eq!(world.run(rules(0.0)).reasons()[1], "end_of_data");
}

#[test]
fn a_long_that_costs_its_equity_but_for_rounding_borrows_nothing() {
    // One unit costs 1e12 and a millionth of a millionth of that, the most that still counts as all of the equity. A fall
    // by nine tenths would liquidate a borrowed one, at half of its price.
    let cost = 1e12 * (1.0 + 1e-12);
    let world = World::flat(&[cost, cost, 0.1 * cost, 0.1 * cost], &[1, 0, 0, 0]).capital(1e12);
    let run = world.run(execution(json!({})));
    assert_eq!((run.ledger.fills.quantity[0], run.reasons()[1]), (1.0, "end_of_data"));
}

#[test]
fn leverage_refuses_grants_and_liquidates() {
    let rules = |quantity: f64| {
        execution(json!({
            "sizing": {"kind": "fixed_quantity", "quantity": quantity}, "margin": {"max_leverage": 30.0, "maintenance": 0.5}
        }))
    };
    let bars = [[1.1; 4], [1.1; 4], [1.1, 1.1, 1.06, 1.07]];
    let world = World::new(&bars, &[1, 0, 0]).capital(1_000.0);
    // 30,000 x 1.1 / 30 = 1,100 > 1,000.
    assert_eq!(world.run(rules(30_000.0)).refusals(), ["margin"]);
    // 20,000 x 1.1 / 30 = 733.33, half of it 366.67: 1,000 + 20,000 (p - 1.1) = 366.67 at p = 1.068333.
    let run = world.run(rules(20_000.0));
    close_to(run.prices()[1], 1.068_333_333, 1e-9);
    close_to(run.metric("final_equity"), 366.666_667, 1e-6);
    assert_eq!(run.reasons()[1], "liquidation");
}

#[test]
fn a_weekend_gap_fills_at_the_open() {
    let mut world = World::flat(&[1.1, 1.1, 1.09], &[1, 0, 0]);
    world.timestamp[2] = 50 * HOUR_NS;
    let run = world.run(with_exits(json!({"stop_loss": {"rate": 0.005 / 1.1}})));
    assert_eq!(run.prices()[1], 1.09);
}

#[test]
fn half_spread_then_slippage_then_tick() {
    // (1.10003 + 0.00002) x 1.0001 = 1.10016: up to 1.1002. (1.10003 - 0.00002) x 0.9999 = 1.0999: down to 1.0998.
    let rules = execution(json!({
        "spread": {"half": 2e-5}, "slippage": {"rate": 1e-4}, "instrument": {"tick_size": 1e-4}
    }));
    let world = World::flat(&[1.10003; 4], &[1, -1, 0, 0]);
    let run = world.run(rules);
    close_to(run.prices()[0], 1.1002, 1e-12);
    close_to(run.prices()[1], 1.0998, 1e-12);
    let fills = &run.ledger.fills;
    for row in 0..2 {
        let side = f64::from(fills.side[row]);
        let lost = side * (fills.price[row] - fills.reference_price[row]) * fills.quantity[row];
        close_to(fills.slippage[row] + fills.spread[row], lost, 1e-15);
        close_to(fills.spread[row], 2e-5, 1e-15);
    }
}

#[test]
fn a_trailing_stop_follows_the_close_or_the_extreme() {
    let trailing = |on: &str| with_exits(json!({"trailing_stop": {"rate": 0.05}, "trail_on": on}));
    for (open, on_close, on_extreme) in [(103.0, 99.0, 101.0), (100.5, 99.0, 100.5)] {
        let world = entered(1, &[[100.0, 106.0, 99.0, 104.0], [open, 104.0, 98.5, 99.0]]);
        close_to(world.run(trailing("close")).prices()[1], on_close, 1e-12);
        close_to(world.run(trailing("extreme")).prices()[1], on_extreme, 1e-12);
    }
    let world = entered(-1, &[[100.0, 103.0, 94.0, 96.0], [97.0, 101.5, 96.5, 101.0]]);
    close_to(world.run(trailing("close")).prices()[1], 101.0, 1e-12);
    close_to(world.run(trailing("extreme")).prices()[1], 99.0, 1e-12);
}

#[test]
fn a_target_that_the_open_jumps_over_fills_at_the_open() {
    let rules = with_exits(json!({"take_profit": {"rate": 0.03}}));
    let run = entered(-1, &[[96.0, 97.0, 95.0, 96.0]]).run(rules);
    assert_eq!((run.prices()[1], run.reasons()[1]), (96.0, "take_profit"));
}

#[test]
fn a_bar_that_opens_at_the_target_and_rises_no_further_fills_it() {
    // Target 103, reached by the open and nothing else of the bar; the bars after it show that it is gone.
    let rules = with_exits(json!({"take_profit": {"rate": 0.03}}));
    let run = entered(1, &[[103.0, 103.0, 101.0, 102.0], [102.0; 4], [102.0; 4]]).run(rules);
    assert_eq!((run.fill_bars()[1], run.prices()[1], run.reasons()[1]), (2, 103.0, "take_profit"));
}

#[test]
fn levels_of_a_short_far_below_one() {
    // Short at 0.25 of all 0.25: stop 0.3125, target 0.1875, met by the high and the low of bar 3; liquidation at 0.375.
    let rules = with_exits(json!({"stop_loss": {"rate": 0.25}, "take_profit": {"rate": 0.25}}));
    for (bar, price, reason) in
        [([0.25, 0.34375, 0.25, 0.25], 0.3125, "stop_loss"), ([0.25, 0.25, 0.125, 0.25], 0.1875, "take_profit")]
    {
        let world = World::new(&[[0.25; 4], [0.25; 4], [0.25; 4], bar, [0.25; 4]], &[-1, 0, 0, 0, 0]);
        let run = world.capital(0.25).run(rules.clone());
        assert_eq!((run.fill_bars()[1], run.prices()[1], run.reasons()[1]), (3, price, reason));
    }
}

#[test]
fn nearly_a_whole_lot_counts_as_one() {
    let bought = |quantity: f64, lot: f64| {
        let rules = execution(json!({
            "sizing": {"kind": "fixed_quantity", "quantity": quantity}, "instrument": {"lot_size": lot}
        }));
        let run = World::flat(&[1.0; 3], &[1, 0, 0]).run(rules);
        run.ledger.fills.quantity.first().copied()
    };
    // 0.3 / 0.1 is a rounding below 3.
    assert_eq!(bought(0.3, 0.1), Some(3.0 * 0.1));
    // 100,000,000.99995 lots lie within 1e-12 of their number (1e-4) of an integer; 100,000,000.9998 do not.
    let few = |quantity: f64| bought(quantity / 1e6, 1e-6).map(|found| (found * 1e6).round());
    assert_eq!((few(100_000_000.999_95), few(100_000_000.999_8)), (Some(100_000_001.0), Some(100_000_000.0)));
}

#[test]
fn shrinking_ends_where_lots_are_more_than_doubles_can_count() {
    // 1e9 units are 1e17 lots of 1e-8: neighbouring doubles lie 16 apart. 1e9 / 1.5 units are affordable.
    let rules = execution(json!({
        "sizing": {"kind": "cash_fraction", "fraction": 1.0}, "slippage": {"rate": 0.5}
    }));
    let run = World::flat(&[1.0; 3], &[1, 0, 0]).capital(1e9).run(rules);
    close_to(run.ledger.fills.quantity[0], 1e9 / 1.5, 1e-3);
}

#[test]
fn the_longest_holding() {
    for (fill, bars) in [("next_open", [1, 3]), ("this_close", [0, 2])] {
        let rules = execution(json!({"fill": fill, "exits": {"max_holding_bars": 2}}));
        let run = World::flat(&[100.0; 6], &[1, 0, 0, 0, 0, 0]).run(rules);
        assert_eq!(run.fill_bars(), bars, "{fill}");
        assert_eq!(run.reasons(), ["signal", "max_holding"]);
    }
}

#[test]
fn a_reversal_is_sized_on_the_cash_after_the_close() {
    let rules = execution(json!({
        "sizing": {"kind": "cash_fraction", "fraction": 0.25}, "commission": {"rate": 0.001},
        "on_opposite": "reverse", "close_at_end": false
    }));
    // 0.25 x 10,000 / (100 x 1.001) = 24.97502497; closed at 110; 0.25 x cash / (110 x 1.001) = 23.25970732.
    let run = World::flat(&[100.0, 100.0, 110.0], &[1, -1, 0]).capital(10_000.0).run(rules);
    close_to(run.ledger.fills.quantity[0], 24.975_024_97, 1e-8);
    close_to(run.ledger.fills.quantity[2], 23.259_707_32, 1e-8);
    close_to(run.metric("final_equity"), 10_241.946_927, 5e-7);
    assert_eq!(run.ledger.fills.trade_id, [0, 0, 1]);
}

#[test]
fn a_fork_without_shorts_still_reverses_a_short_into_a_long() {
    let changes = |allow_short: bool| json!({"execution": {"on_opposite": "reverse", "allow_short": allow_short, "close_at_end": false}});
    let world = World::flat(&[50.0; 5], &[-1, 0, 1, 0, 0]);
    let calendar = Calendar::open_ended(252.0, HOUR_NS);
    let mut run = Simulation::new(rules(changes(true)), world.spec(), calendar).expect("a run");
    run.feed(&world.columns().rows(0, 2), false).expect("the short");
    let mut fork = run.fork(rules(changes(false)), None).expect("a fork");
    fork.feed(&world.columns().rows(2, 5), true).expect("the long");
    // Sold at bar 1 before the fork; bought twice at bar 3, to close and to open.
    assert_eq!(fork.ledger().fills.side, [-1, 1, 1]);
}

#[test]
fn a_signal_that_only_closes_opens_nothing() {
    let rules = execution(json!({"on_opposite": "reverse", "close_at_end": false}));
    for close in [Columns::CLOSE_LONG, Columns::CLOSE_ANY] {
        // Closed at bar 2 though opposite orders reverse; while flat, and beside a short, there is nothing to close.
        let run = World::flat(&[100.0; 5], &[1, close, close, 0, 0]).run(rules.clone());
        assert_eq!((run.fill_bars(), run.reasons()), (&[1, 2][..], vec!["signal"; 2]), "{close}");
        assert_eq!(run.decisions(), ["traded", "traded", "position", "hold", "hold"], "{close}");
    }
    for close in [Columns::CLOSE_SHORT, Columns::CLOSE_ANY] {
        let run = World::flat(&[100.0; 5], &[-1, close, close, 0, 0]).run(rules.clone());
        assert_eq!((run.fill_bars(), run.ledger.fills.side.as_slice()), (&[1, 2][..], &[-1, 1][..]), "{close}");
    }
    for (side, close) in [(1, Columns::CLOSE_SHORT), (-1, Columns::CLOSE_LONG)] {
        let run = World::flat(&[100.0; 4], &[side, close, close, 0]).run(rules.clone());
        assert_eq!((run.fill_bars(), run.decisions()[1]), (&[1][..], "position"), "{side}");
    }
}

#[test]
fn an_entry_reverses_whatever_an_opposite_order_does() {
    let rules = execution(json!({"on_opposite": "close", "close_at_end": false}));
    for (signals, sides) in [
        ([Columns::ENTER_LONG, Columns::ENTER_SHORT, Columns::ENTER_SHORT, 0], [1, -1, -1]),
        ([Columns::ENTER_SHORT, Columns::ENTER_LONG, Columns::ENTER_LONG, 0], [-1, 1, 1]),
    ] {
        let run = World::flat(&[100.0; 4], &signals).run(rules.clone());
        assert_eq!((run.fill_bars(), run.ledger.fills.side.as_slice()), (&[1, 2, 2][..], &sides[..]));
        assert_eq!(run.decisions(), ["traded", "traded", "position", "hold"]);
    }
    // No shorts: the long is closed, and no short opened, then or from flat.
    let long_only = execution(json!({"allow_short": false, "close_at_end": false}));
    let run =
        World::flat(&[100.0; 4], &[Columns::ENTER_LONG, Columns::ENTER_SHORT, Columns::ENTER_SHORT, 0]).run(long_only);
    assert_eq!((run.fill_bars(), run.decisions()[2]), (&[1, 2][..], "short"));
}

#[test]
fn a_signal_that_only_closes_passes_the_filters_and_ends_with_the_data() {
    let mut world = World::flat(&[100.0; 4], &[1, Columns::CLOSE_LONG, Columns::CLOSE_ANY, Columns::CLOSE_ANY]);
    world.confidence = Some(vec![0.9, 0.4, 0.9, 0.9]);
    let slow = json!({"confidence_threshold": 0.5, "filters": {"min_signal_separation": 2.0}});
    let run = world.run(json!({"decisions": slow, "execution": {"close_at_end": false}}));
    // Filled at bar 1: bar 1 lies below the threshold, bar 2 one hour after the fill, bar 3 two, where the data end.
    assert_eq!(run.decisions(), ["traded", "threshold", "separation", "traded"]);
    assert_eq!((run.refusals(), run.ledger.refused.side.as_slice()), (vec!["end_of_data"], &[-1][..]));
}

#[test]
fn a_volatility_target() {
    let rules = execution(json!({"sizing": {"kind": "volatility_target", "annual": 0.1, "window": 3}}));
    let world = World::flat(&[100.0, 101.0, 100.0, 102.0, 102.0], &[0, 0, 0, 1, 0]).spaced(DAY_NS).capital(10_000.0);
    close_to(world.run(rules).ledger.fills.quantity[0], 36.574_604_84, 1e-8);
}

#[test]
fn shrinks_to_the_largest_lot_count_that_the_cash_allows() {
    let rules = execution(json!({
        "sizing": {"kind": "cash_fraction", "fraction": 1.0}, "slippage": {"rate": 0.05},
        "commission": {"rate": 0.001}, "instrument": {"lot_size": 1.0}, "close_at_end": false
    }));
    let run = World::flat(&[10.0; 3], &[1, 0, 0]).capital(1_000.0).run(rules);
    // 95 x 10.5 = 997.5, commission 0.9975; 96 would need 1,009.
    assert_eq!(run.ledger.fills.quantity, [95.0]);
    close_to(1_000.0 - 95.0 * 10.5 - run.ledger.fills.commission[0], 1.5025, 1e-9);
    close_to(run.metric("final_equity"), 1.5025 + 950.0, 1e-9);
}

#[test]
fn a_short_of_everything_is_liquidated_half_way() {
    let rules = execution(json!({"sizing": {"kind": "cash_fraction", "fraction": 1.0}}));
    let run = entered(-1, &[[100.0, 151.0, 100.0, 150.0]]).capital(10_000.0).run(rules);
    // 100 units: 10,000 + 100 (100 - p) = 5,000 at p = 150.
    close_to(run.prices()[1], 150.0, 1e-9);
    close_to(run.metric("final_equity"), 5_000.0, 1e-9);
    assert_eq!(run.reasons()[1], "liquidation");
}

fn drawdown(run: &Run) -> (f64, f64) {
    (run.metric("max_drawdown_bars"), run.metric("recovery_bars"))
}

#[test]
fn a_drawdown_counts_from_the_last_bar_at_the_peak() {
    // One unit bought at 10 with a capital of 100: equity 100, 100, 100, 98, 100.
    let run = World::flat(&[10.0, 10.0, 10.0, 8.0, 10.0], &[1, 0, 0, 0, 0]).capital(100.0).run(json!({}));
    assert_eq!(run.ledger.equity, [100.0, 100.0, 100.0, 98.0, 100.0]);
    assert_eq!(drawdown(&run), (1.0, 1.0));
}

#[test]
fn rows_that_were_taken_leave_the_ledger_and_stay_counted() {
    let world = World::flat(&[10.0; 6], &[1, 0, -1, 0, 1, 0]).capital(100.0);
    let mut saved = Saved::new(world.simulation(rules(json!({}))));
    let rows = world.columns();
    saved.run.feed(&rows.rows(0, 4), false).expect("sound bars");
    let written = saved.run.ledger().rows();
    assert_eq!(written, [2, 1, 4, 0, 4]);
    saved.let_go();
    assert_eq!((saved.run.ledger().rows(), saved.run.view().rows()), ([0; 5], written));
    saved.run.feed(&rows.rows(4, 6), true).expect("sound bars");
    // Another purchase, and its sale at the end of the data.
    assert_eq!((saved.run.ledger().rows(), saved.run.view().rows()), ([2, 1, 2, 0, 2], [4, 2, 6, 0, 6]));
    assert!(saved.run.view().whole().is_err());
}
