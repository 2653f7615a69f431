//! Properties that hold for any world and any rules.
#![allow(missing_docs)]

use ktrdr_core::{
    Calendar, Columns, Error, Header, Ledger, Reason, Simulation, SnapshotV2, open_snapshot, seal_snapshot,
};
use ktrdr_testkit::draw::{self, Draw};
use ktrdr_testkit::{HOUR_NS, World, close_to, joined, outcome, rules};
use proptest::prelude::*;
use serde_json::{Value, json};

const IDENTITY: [u8; 32] = [7; 32];

fn through_bytes(simulation: &Simulation) -> Simulation {
    let header = Header { identity: IDENTITY, bar: simulation.next_bar(), ledgers: Default::default() };
    let bytes = seal_snapshot(&header, &SnapshotV2::of(simulation.run_state(), Vec::new())).expect("plain data");
    let (_, payload) = open_snapshot::<SnapshotV2>(&bytes).expect("its own bytes");
    let (state, _) = payload.into_state().expect("one symbol");
    Simulation::from_state(state, Ledger::default())
}

fn drawn(seed: u64, bars: usize) -> (World, Value) {
    let mut draw = Draw::new(seed);
    (draw::world(&mut draw, bars), draw::rules(&mut draw))
}

/// Drawn worlds, as they are, of the kinds in which most bars are skipped, and with levels met exactly.
fn drawn_of_kind(seed: u64, bars: usize, kind: usize) -> (World, Value) {
    let mut draw = Draw::new(seed);
    let mut world = draw::world(&mut draw, bars);
    let mut changes = draw::rules(&mut draw);
    match kind {
        0 => {}
        1 => draw::undisturbed(&mut draw, &mut world, &mut changes),
        2 => draw::touching(&mut draw, &mut world, &mut changes),
        3 => draw::chained(&mut draw, &mut world, &mut changes),
        _ => draw::calm(&mut draw, &mut world, &mut changes),
    }
    (world, changes)
}

/// Runs bar by bar, the definition, and in blocks of so many rows at which several threads look.
fn both_ways(world: &World, changes: &Value, block_rows: usize) -> [Result<Simulation, Error>; 2] {
    let run = |mut simulation: Simulation| simulation.run(&world.columns(), None).map(|()| simulation);
    let fresh = || world.simulation(rules(changes.clone()));
    [run(fresh().stepping()), run(fresh().with_blocks(block_rows).with_threads(3))]
}

/// Runs over the rows between the cuts, one feed each, going through bytes at every cut if asked.
fn in_pieces(world: &World, changes: &Value, cuts: &[usize], bytes: bool) -> Result<(Simulation, Ledger), Error> {
    let mut simulation = world.simulation(rules(changes.clone()));
    let mut ledger = Ledger::default();
    let mut from = 0;
    for &to in cuts.iter().chain([&world.open.len()]) {
        simulation.feed(&world.columns().rows(from, to), to == world.open.len())?;
        if bytes {
            ledger = joined(ledger, simulation.ledger().clone());
            simulation = through_bytes(&simulation);
        }
        from = to;
    }
    ledger = joined(ledger, simulation.ledger().clone());
    Ok((simulation, ledger))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_cut_anywhere_ends_where_the_whole_ends(seed: u64, bars in 1_usize..40) {
        let (world, changes) = drawn(seed, bars);
        let whole = in_pieces(&world, &changes, &[], false);
        for cut in 0..world.open.len() {
            match (&whole, in_pieces(&world, &changes, &[cut], true)) {
                (Ok((simulation, ledger)), Ok((resumed, pieces))) => {
                    prop_assert!(outcome(simulation, ledger) == outcome(&resumed, &pieces), "cut {}", cut);
                }
                (Err(expected), Err(found)) => prop_assert_eq!(expected, &found),
                (expected, found) => prop_assert!(false, "cut {}: {:?} {:?}", cut, expected.is_ok(), found.is_ok()),
            }
        }
    }

    #[test]
    fn chunks_of_any_size_equal_one_run(seed: u64, bars in 2_usize..400, mut cuts in prop::collection::vec(0_usize..400, 0..12)) {
        let (world, changes) = drawn(seed, bars);
        cuts.retain(|&cut| cut < bars);
        cuts.sort_unstable();
        let whole = in_pieces(&world, &changes, &[], false);
        match (whole, in_pieces(&world, &changes, &cuts, false)) {
            (Ok((simulation, ledger)), Ok((fed, pieces))) => {
                prop_assert!(outcome(&simulation, &ledger) == outcome(&fed, &pieces));
            }
            (Err(expected), Err(found)) => prop_assert_eq!(expected, found),
            (expected, found) => prop_assert!(false, "{:?} {:?}", expected.is_ok(), found.is_ok()),
        }
    }

    #[test]
    fn a_run_of_unknown_length_ends_where_a_known_one_ends(seed: u64, bars in 2_usize..400, mut cuts in prop::collection::vec(0_usize..400, 0..6)) {
        let (world, mut changes) = drawn(seed, bars);
        changes["metrics"]["periods_per_year"] = json!(252.0);
        cuts.retain(|&cut| cut < bars);
        cuts.sort_unstable();
        let Ok((known, ledger)) = in_pieces(&world, &changes, &[], false) else { return Ok(()) };
        let calendar = Calendar::open_ended(252.0, HOUR_NS);
        let mut simulation = Simulation::new(rules(changes), world.spec(), calendar).expect("terms");
        let mut pieces = Ledger::default();
        let mut from = 0;
        for &to in cuts.iter().chain([&bars]) {
            simulation.feed(&world.columns().rows(from, to), to == bars).expect("what the known run took");
            pieces = joined(pieces, simulation.ledger().clone());
            simulation = through_bytes(&simulation);
            from = to;
        }
        let [known, open] = [(&known, &ledger), (&simulation, &pieces)].map(|(simulation, ledger)| {
            let metrics = simulation.metrics(Some(&ledger.trades.bars_held));
            format!("{ledger:?} {:?} {}", metrics.values, metrics.sundays_join)
        });
        prop_assert!(known == open);
    }

    #[test]
    fn fast_equals_stepping(seed: u64, bars in 1_usize..700, kind in 0_usize..5, block in prop_oneof![1_usize..20, 20_usize..800]) {
        let (world, changes) = drawn_of_kind(seed, bars, kind);
        match both_ways(&world, &changes, block) {
            [Ok(stepped), Ok(fast)] => {
                prop_assert!(outcome(&stepped, stepped.ledger()) == outcome(&fast, fast.ledger()));
            }
            [stepped, fast] => prop_assert_eq!(stepped.err(), fast.err()),
        }
    }

    /// Everything but the rows per bar, which it does not have.
    #[test]
    fn a_run_without_a_curve_has_the_figures_of_one_with_it(seed: u64, bars in 1_usize..700, kind in 0_usize..5, block in prop_oneof![1_usize..20, 20_usize..800]) {
        let (world, changes) = drawn_of_kind(seed, bars, kind);
        let run = |mut simulation: Simulation| simulation.run(&world.columns(), None).map(|()| simulation);
        let fresh = || world.simulation(rules(changes.clone())).with_blocks(block);
        match [run(fresh()), run(fresh().without_curve())] {
            [Ok(whole), Ok(lean)] => {
                prop_assert_eq!(whole.decision_counts(), lean.decision_counts());
                prop_assert_eq!(whole.marks_digest(), lean.marks_digest());
                prop_assert_eq!(whole.ledger().decisions.counts(), whole.decision_counts());
                prop_assert_eq!(lean.ledger().rows()[2], 0);
                prop_assert_eq!(lean.ledger().rows()[4], 0);
                let events = Ledger { equity: Vec::new(), decisions: Default::default(), ..whole.ledger().clone() };
                prop_assert!(outcome(&whole, &events) == outcome(&lean, lean.ledger()));
            }
            [whole, lean] => prop_assert_eq!(whole.err(), lean.err()),
        }
    }

    /// Few signals leave spans of rows whose equity is not written at all, from whichever bar a feed begins.
    #[test]
    fn long_spans_without_a_curve_have_the_figures_of_one_with_it(
        seed: u64, bars in 200_usize..1_500, kind in 0_usize..5, every in 20_usize..200, block in 100_usize..1_600, cut in 1_usize..200
    ) {
        let (mut world, changes) = drawn_of_kind(seed, bars, kind);
        let rest = world.signals.iter_mut().enumerate().filter(|(row, _)| row % every != 0);
        rest.for_each(|(_, signal)| *signal = 0);
        let run = |mut simulation: Simulation| {
            simulation.feed(&world.columns().rows(0, cut), false)?;
            simulation.feed(&world.columns().rows(cut, bars), true).map(|()| simulation)
        };
        let fresh = || world.simulation(rules(changes.clone())).with_blocks(block);
        match [run(fresh()), run(fresh().without_curve())] {
            [Ok(whole), Ok(lean)] => {
                let events = Ledger { equity: Vec::new(), decisions: Default::default(), ..whole.ledger().clone() };
                prop_assert!(outcome(&whole, &events) == outcome(&lean, lean.ledger()));
            }
            [whole, lean] => prop_assert_eq!(whole.err(), lean.err()),
        }
    }

    /// Most worlds have a level or a charge, and no chain.
    #[test]
    fn a_chain_of_fills_equals_stepping(seeds in prop::array::uniform8(any::<u64>()), bars in 1_usize..300, block in prop_oneof![1_usize..20, 20_usize..400]) {
        for seed in seeds {
            let (world, changes) = drawn_of_kind(seed, bars, 3);
            match both_ways(&world, &changes, block) {
                [Ok(stepped), Ok(fast)] => {
                    prop_assert!(outcome(&stepped, stepped.ledger()) == outcome(&fast, fast.ledger()), "seed {seed}");
                }
                [stepped, fast] => prop_assert_eq!(stepped.err(), fast.err()),
            }
        }
    }

    /// Dense signals: other threads write the books, until a fill or a liquidation is not certain.
    #[test]
    fn books_of_other_threads_equal_those_of_single_bars(
        seeds in prop::array::uniform8(any::<u64>()), bars in 60_usize..2_000, block in 4_usize..200, threads in 2_usize..5,
        cut in 1_usize..60, silent in 0_usize..2_000, broken in prop::option::of(1_usize..2_000)
    ) {
        for seed in seeds {
            let (mut world, mut changes) = drawn_of_kind(seed, bars, 3);
            changes["decisions"]["filters"]["min_signal_separation"] = json!(0.0);
            // Long enough to leave out the equity of its rows, whatever is open.
            world.signals.iter_mut().skip(silent).take(160).for_each(|signal| *signal = 0);
            let fresh = || world.simulation(rules(changes.clone()));
            let run = |mut simulation: Simulation| {
                simulation.feed(&world.columns().rows(0, cut), false)?;
                let mut bad = world.clone();
                if let Some(row) = broken.filter(|&row| row >= cut && row < bars) {
                    // A call that is refused leaves the run as it was.
                    bad.signals[row] = 9;
                    simulation.feed(&bad.columns().rows(cut, bars), true).expect_err("no signal");
                }
                simulation.feed(&world.columns().rows(cut, bars), true).map(|()| simulation)
            };
            let beside = || fresh().with_blocks(block).with_threads(threads);
            match [run(fresh().stepping()), run(beside()), run(beside().without_curve())] {
                [Ok(stepped), Ok(beside), Ok(lean)] => {
                    let events = Ledger { equity: Vec::new(), decisions: Default::default(), ..stepped.ledger().clone() };
                    prop_assert!(outcome(&stepped, stepped.ledger()) == outcome(&beside, beside.ledger()), "seed {seed}");
                    prop_assert!(outcome(&stepped, &events) == outcome(&lean, lean.ledger()), "lean, seed {seed}");
                    prop_assert_eq!(stepped.decision_counts(), lean.decision_counts());
                }
                [stepped, beside, lean] => {
                    let [stepped, beside, lean] = [stepped.err(), beside.err(), lean.err()];
                    prop_assert_eq!(&stepped, &beside);
                    prop_assert_eq!(stepped, lean);
                }
            }
        }
    }

    #[test]
    fn what_a_bar_closes_with_changes_no_fill_at_its_open(seed: u64, bars in 3_usize..40) {
        let (world, mut changes) = drawn(seed, bars);
        changes["execution"]["fill"] = json!("next_open");
        let run = |world: &World| {
            let mut simulation = world.simulation(rules(changes.clone()));
            let _ = simulation.feed(&world.columns(), false);
            simulation.ledger().clone()
        };
        // Orders execute at the open; an adverse exit has the open for reference only where it happened there.
        let at_opens = |ledger: &Ledger, row: usize| -> Vec<(i64, i8, u64, u64)> {
            let fills = &ledger.fills;
            let at_open = |i: usize| match Reason::NAMES[fills.reason[i] as usize] {
                "signal" | "max_holding" => true,
                "take_profit" => false,
                _ => fills.reference_price[i] == world.open[row],
            };
            (0..fills.bar.len())
                .filter(|&i| fills.bar[i] < row as i64 || fills.bar[i] == row as i64 && at_open(i))
                .map(|i| (fills.bar[i], fills.side[i], fills.quantity[i].to_bits(), fills.price[i].to_bits()))
                .collect()
        };
        let honest = run(&world.head(bars));
        for row in 1..bars {
            let mut poisoned = world.head(row + 1);
            let open = world.open[row];
            // A close and extremes that can never be the open: fills there are not taken for fills at the open.
            poisoned.high[row] = open * 1.9;
            poisoned.low[row] = open * 0.4;
            poisoned.close[row] = open * 1.7;
            for column in [&mut poisoned.half_spread, &mut poisoned.atr, &mut poisoned.conversion_rate].into_iter().flatten() {
                column[row] *= 3.0;
            }
            prop_assert_eq!(at_opens(&honest, row), at_opens(&run(&poisoned), row), "row {}", row);
        }
    }

    #[test]
    fn without_signals_equity_is_flat(seed: u64, bars in 1_usize..200) {
        let (mut world, changes) = drawn(seed, bars);
        world.signals.fill(0);
        let run = world.run(changes);
        prop_assert!(run.ledger.equity.iter().all(|&equity| equity == world.capital));
        prop_assert_eq!(run.ledger.equity.len(), bars - world.warmup_bars);
        prop_assert!(run.ledger.fills.bar.is_empty());
    }

    #[test]
    fn a_signal_on_the_last_bar_never_fills_at_the_next_open(seed: u64, bars in 2_usize..60) {
        let (mut world, mut changes) = drawn(seed, bars);
        changes["execution"]["fill"] = json!("next_open");
        world.signals.fill(0);
        world.signals[bars - 1] = 1;
        world.confidence = None;
        let run = world.run(changes);
        prop_assert!(run.ledger.fills.bar.is_empty());
        prop_assert_eq!(run.refusals(), ["end_of_data"]);
    }

    #[test]
    fn buying_and_holding_has_a_closed_form(seed: u64, bars in 3_usize..100) {
        let (mut world, _) = drawn(seed, bars);
        world.half_spread = None;
        world.conversion_rate = None;
        world.confidence = None;
        world.warmup_bars = 0;
        world.signals.fill(0);
        world.signals[0] = 1;
        let run = world.run(json!({"execution": {
            "sizing": {"kind": "cash_fraction", "fraction": 1.0}, "commission": {"rate": 0.001}, "slippage": {"rate": 0.002}
        }}));
        // Cash is spent on q (1 + c) (1 + s) open; q (1 - c) (1 - s) close comes back.
        let spent = world.open[1] * 1.002 * 1.001;
        let expected = world.capital / spent * world.close[bars - 1] * 0.998 * 0.999;
        close_to(run.metric("final_equity"), expected, 1e-6 * expected);
        close_to(run.metric("benchmark_return"), run.metric("total_return"), 1e-12);
        prop_assert_eq!(run.metric("benchmark_max_drawdown"), run.metric("max_drawdown"));
    }

    #[test]
    fn equity_is_cash_replayed_from_fills_and_financing(seed: u64, bars in 2_usize..80) {
        let (world, changes) = drawn(seed, bars);
        let Ok(run) = world.try_run(changes) else { return Ok(()) };
        let trades = &run.ledger.trades;
        let closed: f64 = trades.net_pnl.iter().sum();
        if run.ledger.fills.bar.len() == 2 * trades.net_pnl.len() {
            close_to(run.metric("final_equity"), world.capital + closed, 1e-9 * world.capital.max(run.metric("final_equity").abs()));
        }
        for row in 0..trades.net_pnl.len() {
            let costs = trades.commission[row] + trades.financing[row];
            close_to(trades.net_pnl[row], trades.gross_pnl[row] - costs, 1e-9 * world.capital);
            prop_assert!(trades.mfe[row] >= 0.0 && trades.mae[row] <= 0.0);
        }
    }
}

/// Fixed quantity, nothing that makes money discontinuous in price or cost.
fn smooth(costs: f64) -> Value {
    json!({"execution": {
        "sizing": {"kind": "fixed_quantity", "quantity": 3.0}, "margin": {"max_leverage": 1000.0, "maintenance": 0.0},
        "commission": {"rate": 0.001 * costs, "per_unit": 0.01 * costs, "per_fill": 0.1 * costs, "minimum": 0.2 * costs},
        "slippage": {"rate": 0.001 * costs}, "spread": {"half": 0.05 * costs},
        "financing": {"long_rate": 0.03 * costs, "short_rate": 0.05 * costs}
    }})
}

fn plain_world(seed: u64, bars: usize) -> World {
    let mut world = draw::world(&mut Draw::new(seed), bars).capital(1e6);
    world.half_spread = None;
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn higher_costs_never_raise_equity(seed: u64, bars in 2_usize..80) {
        let world = plain_world(seed, bars);
        let [cheap, dear] = [0.5, 1.0].map(|costs| world.run(smooth(costs)));
        prop_assert_eq!(&cheap.ledger.fills.bar, &dear.ledger.fills.bar);
        for (low, high) in dear.ledger.equity.iter().zip(&cheap.ledger.equity) {
            prop_assert!(*low <= high + 1e-6);
        }
    }

    #[test]
    fn the_other_side_without_costs_loses_what_this_one_earns(seed: u64, bars in 2_usize..80) {
        let world = plain_world(seed, bars);
        let mut mirrored = world.clone();
        // A signal that closes either side is its own mirror.
        let mirror = |signal: &mut i8| if *signal != Columns::CLOSE_ANY { *signal = -*signal };
        mirrored.signals.iter_mut().for_each(mirror);
        let [here, there] = [&world, &mirrored].map(|world| world.run(smooth(0.0)));
        for (one, other) in here.ledger.equity.iter().zip(&there.ledger.equity) {
            close_to(one - world.capital, world.capital - other, 1e-7);
        }
    }

    #[test]
    fn ten_times_the_price_and_a_tenth_of_the_quantity_is_the_same_money(seed: u64, bars in 2_usize..80) {
        let mut world = plain_world(seed, bars);
        let mut here = smooth(1.0);
        here["execution"]["commission"]["per_unit"] = json!(0.0);
        let mut there = here.clone();
        let one = world.run(here);
        for column in [&mut world.open, &mut world.high, &mut world.low, &mut world.close] {
            column.iter_mut().for_each(|price| *price *= 10.0);
        }
        there["execution"]["sizing"]["quantity"] = json!(0.3);
        there["execution"]["spread"]["half"] = json!(0.5);
        there["execution"]["instrument"] = json!({"lot_size": 1e-9});
        let ten = world.run(there);
        for (one, ten) in one.ledger.equity.iter().zip(&ten.ledger.equity) {
            close_to(*ten, *one, 1e-6);
        }
    }
}

#[test]
fn every_block_size_gives_the_same_bits() {
    for (seed, kind) in (0..8).zip([0, 1, 2, 3].into_iter().cycle()) {
        let (world, changes) = drawn_of_kind(seed, 150, kind);
        for block_rows in 1..=151 {
            let [stepped, fast] = both_ways(&world, &changes, block_rows).map(|run| run.expect("a run"));
            assert!(
                outcome(&stepped, stepped.ledger()) == outcome(&fast, fast.ledger()),
                "seed {seed}, blocks of {block_rows}"
            );
        }
    }
}

#[test]
fn a_level_in_atr_needs_its_column() {
    let mut world = World::flat(&[100.0, 101.0], &[0, 0]);
    let exits = |level| rules(json!({"execution": {"exits": {"stop_loss": level}}}));
    let refused = |world: &World, level| world.simulation(exits(level)).feed(&world.columns(), true).is_err();
    assert!(refused(&world, json!({"atr": 2.0})));
    assert!(!refused(&world, json!({"rate": 0.02})));
    world.atr = Some(vec![1.0; 2]);
    assert!(!refused(&world, json!({"atr": 2.0})));
}

#[test]
fn feeding_after_the_end_and_ending_without_bars_are_refused() {
    let world = World::flat(&[100.0, 101.0], &[0, 0]);
    let mut simulation = world.simulation(rules(json!({})));
    let none = world.columns().rows(0, 0);
    assert_eq!(simulation.feed(&none, true).expect_err("no bars").code(), "argument_invalid");
    simulation.feed(&world.columns(), true).expect("all bars");
    assert_eq!(simulation.feed(&world.columns(), true).expect_err("ended").code(), "argument_invalid");
}

#[test]
fn a_warm_up_as_long_as_the_bars_is_too_short() {
    let mut world = World::flat(&[100.0, 101.0], &[0, 0]);
    world.warmup_bars = 2;
    assert_eq!(world.try_run(json!({})).expect_err("too short").code(), "data_too_short");
}

#[test]
fn signals_and_confidences_have_a_range() {
    let mut world = World::flat(&[100.0, 101.0], &[0, 5]);
    assert_eq!(world.try_run(json!({})).expect_err("signal").row(), Some(1));
    world.signals[1] = 0;
    for bad in [1.5, -0.1] {
        world.confidence = Some(vec![bad, 0.5]);
        assert_eq!(world.try_run(json!({})).expect_err("confidence").row(), Some(0));
    }
}

#[test]
fn a_market_price_of_nothing_is_an_error_that_stays() {
    let world = World::flat(&[1.0; 4], &[-1, 0, 0, 0]);
    let mut simulation = world.simulation(rules(json!({"execution": {"spread": {"half": 1.0}}})));
    let first = simulation.feed(&world.columns(), true).expect_err("free shares");
    assert_eq!((first.code(), first.row()), ("fill_price", Some(1)));
    assert_eq!(simulation.feed(&world.columns(), true).expect_err("still"), first);
}

#[test]
fn the_snapshot_of_a_long_look_back_fits_four_kib_and_stays_flat() {
    let mut sizes = Vec::new();
    for bars in [200, 2_000, 20_000] {
        let mut draw = Draw::new(5);
        let mut world = draw::world(&mut draw, bars);
        world.timestamp = (0..bars as i64).map(|bar| 1_600_000_000_000_000_000 + bar * HOUR_NS / 12).collect();
        let mut simulation = world.simulation(rules(json!({"execution": {
            "sizing": {"kind": "volatility_target", "annual": 0.1, "window": 128},
            "exits": {"stop_loss": {"atr": 2.0}, "take_profit": {"rate": 0.1}, "trailing_stop": {"atr": 2.0}}
        }})));
        simulation.feed(&world.columns(), false).expect("a run");
        let parts = ["bars", "model", "profile", "rules", "strategy", "terms"].map(|part| (part.to_owned(), IDENTITY));
        let header = Header { identity: IDENTITY, bar: simulation.next_bar(), ledgers: Default::default() };
        sizes.push(
            seal_snapshot(&header, &SnapshotV2::of(simulation.run_state(), parts.into())).expect("plain data").len(),
        );
    }
    assert!(sizes.iter().all(|&bytes| bytes <= 4_096), "{sizes:?}");
}
