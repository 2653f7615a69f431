//! The largest acceptable count of lots against plain bisection, which defines it.

use ktrdr_testkit::rules_json;
use proptest::prelude::*;
use serde_json::json;
use wide::f64x8;

use super::{SizingInput, SizingOutcome, is_acceptable, largest_acceptable, size, size_at_once};
use crate::lanes::LANES;
use crate::number::InLanes;
use crate::rules::sizing::Sizing;
use crate::rules::{Execution, Rules};

/// Halves the counts from none to `too_many` until two neighbours are left.
fn bisected(rules: &Execution, input: &SizingInput, too_many: f64) -> Option<f64> {
    let mut low = 0.0;
    let mut high = too_many;
    while high - low > 1.0 {
        let middle = (low + (high - low) / 2.0).floor();
        if middle <= low || middle >= high {
            break;
        }
        let fits = is_acceptable(rules, input, middle * rules.instrument.lot_size);
        *(if fits { &mut low } else { &mut high }) = middle;
    }
    (low >= 1.0).then_some(low)
}

/// Costs, margin and lot of an order.
#[derive(Debug, Clone, Copy)]
struct Terms {
    commission: [f64; 4],
    max_leverage: f64,
    lot_size: f64,
}

fn execution(terms: &Terms) -> Execution {
    let [rate, per_unit, per_fill, minimum] = terms.commission;
    let changes = json!({"execution": {
        "commission": {"rate": rate, "per_unit": per_unit, "per_fill": per_fill, "minimum": minimum},
        "margin": {"max_leverage": terms.max_leverage, "maintenance": 0.5},
        "instrument": {"lot_size": terms.lot_size},
    }});
    serde_json::from_value::<Rules>(rules_json(changes)).expect("rules").execution
}

fn input(equity: f64, unit_cost: f64) -> SizingInput {
    SizingInput { equity, unit_value: unit_cost, unit_cost, sigma: None }
}

/// Compares both for a count that is not acceptable; returns false if the count is.
fn agrees(terms: &Terms, equity: f64, unit_cost: f64, too_many: f64) -> bool {
    let rules = execution(terms);
    let input = input(equity, unit_cost);
    if is_acceptable(&rules, &input, too_many * terms.lot_size) {
        return false;
    }
    let expected = bisected(&rules, &input, too_many);
    assert_eq!(largest_acceptable(&rules, &input, too_many), expected, "{terms:?} {equity} {unit_cost} {too_many}");
    true
}

/// Values as orders have them.
fn usual() -> impl Strategy<Value = (Terms, f64, f64, f64)> {
    let lots = prop_oneof![Just(1e-8), Just(1e-5), Just(0.01), Just(1.0), Just(100.0), 1e-6..10.0];
    let cost = |most: f64| prop_oneof![Just(0.0), 0.0..most];
    let commission = (cost(0.01), cost(0.1), cost(20.0), cost(50.0)).prop_map(|(a, b, c, d)| [a, b, c, d]);
    let terms = (commission, prop_oneof![Just(1.0), 1.0..30.0], lots)
        .prop_map(|(commission, max_leverage, lot_size)| Terms { commission, max_leverage, lot_size });
    (terms, 1.0..1e7, 1e-3..1e5, 1.0..1.01).prop_map(|(terms, equity, unit_cost, excess)| {
        let wanted: f64 = equity * terms.max_leverage / unit_cost * excess;
        (terms, equity, unit_cost, (wanted / terms.lot_size).floor())
    })
}

/// Values of any magnitude: equity below every cost, lots beyond 2^53, quotients without a finite value.
fn hostile() -> impl Strategy<Value = (Terms, f64, f64, f64)> {
    let any = || (-300_i32..300, 1.0..10.0).prop_map(|(power, digits)| digits * 10.0_f64.powi(power));
    let cost = || prop_oneof![Just(0.0), any()];
    let commission = (0.0..0.999, cost(), cost(), cost()).prop_map(|(a, b, c, d)| [a, b, c, d]);
    let terms = (commission, prop_oneof![Just(1.0), any().prop_map(|leverage: f64| leverage.max(1.0))], any())
        .prop_map(|(commission, max_leverage, lot_size)| Terms { commission, max_leverage, lot_size });
    (terms, any(), any(), any()).prop_map(|(terms, equity, unit_cost, lots)| (terms, equity, unit_cost, lots.ceil()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_largest_count_of_an_order_is_the_bisected_one((terms, equity, unit_cost, too_many) in usual()) {
        agrees(&terms, equity, unit_cost, too_many);
    }

    #[test]
    fn the_largest_count_of_any_values_is_the_bisected_one((terms, equity, unit_cost, too_many) in hostile()) {
        agrees(&terms, equity, unit_cost, too_many);
    }
}

/// Neighbouring counts around powers of two, where lots stop being whole numbers apart.
#[test]
fn counts_about_the_last_whole_double_are_the_bisected_ones() {
    let terms = Terms { commission: [0.0, 0.0, 0.0, 0.0], max_leverage: 1.0, lot_size: 1.0 };
    let mut compared = 0;
    for power in [1, 20, 51, 52, 53, 54, 60, 200] {
        let count = 2.0_f64.powi(power);
        for equity in [count, count.next_down(), count.next_up(), count - 1.0, count + 3.0] {
            compared += [1.5, 2.0, 1e3, 1e300]
                .map(|excess| agrees(&terms, equity, 1.0, (count * excess).ceil()))
                .iter()
                .filter(|compared| **compared)
                .count();
        }
    }
    assert!(compared > 100, "{compared}");
}

/// The search takes a few steps where bisection takes fifty.
#[test]
fn the_limit_lies_within_a_lot_of_the_largest_count() {
    let terms = Terms { commission: [1e-5, 0.0, 0.0, 0.0], max_leverage: 1.0, lot_size: 1e-8 };
    let rules = execution(&terms);
    for step in 0..200 {
        let input = input(100_000.0 + f64::from(step) * 7.3, 1.1 + f64::from(step) * 1e-5);
        let near = super::limit(&rules, &input).floor();
        let largest = largest_acceptable(&rules, &input, near * 1.1).expect("some");
        assert!((near - largest).abs() <= 1.0, "{near} {largest}");
    }
}

/// Sizes orders of all cash in lanes; returns how many of them are certain, after comparing these with `size`.
fn certain_in_lanes(orders: &[(Terms, f64, f64, f64)]) -> usize {
    let rules: [Execution; LANES] = std::array::from_fn(|lane| {
        let mut rules = execution(&orders[lane].0);
        rules.sizing = Sizing::CashFraction(1.0);
        rules
    });
    // The last of the drawn numbers is a count of lots: its last digits say which way the price has slipped.
    let inputs: [SizingInput; LANES] = std::array::from_fn(|lane| {
        let (_, equity, unit_value, lots) = orders[lane];
        let slippage = if lots % 3.0 < 1.0 { -1e-5 } else { 1e-5 };
        SizingInput { equity, unit_value, unit_cost: unit_value * (1.0 + slippage), sigma: None }
    });
    let number = |of: fn(&SizingInput) -> f64| f64x8::new(inputs.each_ref().map(of));
    let together = SizingInput {
        equity: number(|input| input.equity),
        unit_value: number(|input| input.unit_value),
        unit_cost: number(|input| input.unit_cost),
        sigma: None,
    };
    let in_lanes = Execution::of_lanes(rules.each_ref()).expect("one kind of rules");
    let (quantities, is_certain) = size_at_once(&in_lanes, &together);
    let certain = (0..LANES).filter(|lane| is_certain.to_bitmask() >> lane & 1 == 1);
    certain
        .inspect(|&lane| {
            let found = SizingOutcome::Quantity(quantities.lane(lane));
            assert_eq!(found, size(&rules[lane], &inputs[lane]), "{:?} {:?}", orders[lane], inputs[lane]);
        })
        .count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn orders_in_lanes_have_the_sizes_of_their_own(orders in prop::collection::vec(usual(), LANES)) {
        certain_in_lanes(&orders);
    }

    #[test]
    fn orders_of_any_values_in_lanes_have_the_sizes_of_their_own(orders in prop::collection::vec(hostile(), LANES)) {
        certain_in_lanes(&orders);
    }
}

/// Lanes pay only where the first look mostly finds the size.
#[test]
fn most_orders_in_lanes_are_certain() {
    let mut certain = 0;
    for step in 0..100 {
        let orders: Vec<_> = (0..LANES)
            .map(|lane| {
                let commission = [1e-5 * lane as f64, 0.0, 0.0, 0.0];
                let terms = Terms { commission, max_leverage: 1.0, lot_size: 1e-8 };
                (terms, 100_000.0 + f64::from(step) * 7.3, 1.1 + f64::from(step) * 1e-5, f64::from(step) + lane as f64)
            })
            .collect();
        certain += certain_in_lanes(&orders);
    }
    assert!(certain > 780, "{certain} of 800");
}
