//! Hand-checkable values, each with the arithmetic beside it where it fits.

use std::collections::BTreeMap;

use ktrdr_testkit::draw::Draw;
use wide::f64x8;

use crate::ledger::schema::Trade;
use crate::metrics::accumulator::{Accumulator, FillCosts};
use crate::metrics::calendar::{Calendar, PeriodEnd};
use crate::metrics::catalog::METRICS;
use crate::metrics::report::{Closing, MetricSet};
use crate::metrics::returns::{Block, Point, Returns};
use crate::metrics::undefined::{Metric, Undefined};
use crate::number::InLanes;
use crate::time::{DAY_NS, HOUR_NS, WEEK_NS};

fn daily(equity: &[f64], initial: f64) -> MetricSet {
    let stamps: Vec<i64> = (0..equity.len() as i64).map(|day| day * DAY_NS).collect();
    let calendar = Calendar::of_run(Some(252.0), DAY_NS, &stamps);
    let calendar = Calendar { per_bar: true, periods: Some(equity.len() as u64), ..calendar };
    let mut metrics = Accumulator::new(initial, calendar, 0.0);
    for ((bar, &stamp), &value) in (0..).zip(&stamps).zip(equity) {
        metrics.mark(bar, stamp, value, false);
    }
    MetricSet::new(&metrics, &closing())
}

fn closing() -> Closing<'static> {
    Closing {
        timeframe_ns: DAY_NS,
        open_gross: 0.0,
        earlier_bars_held: const { &BTreeMap::new() },
        bars_held: None,
        benchmark: Err(Undefined::TooShort),
    }
}

fn get(set: &MetricSet, name: &str) -> Metric {
    set.values.iter().find(|(known, _)| *known == name).expect("a known metric").1
}

fn assert_near(set: &MetricSet, name: &str, expected: f64) {
    let found = get(set, name).expect(name);
    assert!((found - expected).abs() < 5e-7, "{name}: {found}, expected {expected}");
}

fn curve(returns: &[f64]) -> Vec<f64> {
    let mut value = 1_000.0;
    returns
        .iter()
        .map(|r| {
            value *= 1.0 + r;
            value
        })
        .collect()
}

const RETURNS: [f64; 12] = [0.010, -0.005, 0.007, -0.012, 0.004, 0.0, 0.015, -0.008, 0.003, 0.006, -0.002, 0.001];

#[test]
fn twelve_returns() {
    let set = daily(&curve(&RETURNS), 1_000.0);
    assert_near(&set, "sharpe", 3.287696);
    assert_near(&set, "sortino", 5.655735);
    assert_near(&set, "volatility", 0.121362);
    assert_near(&set, "ann_return", 0.479866);
    assert_near(&set, "max_drawdown", 0.012);
    assert_near(&set, "max_drawdown_daily", 0.012);
    assert_near(&set, "daily_returns", 12.0);
}

#[test]
fn what_overflows_is_undefined() {
    let curve: Vec<f64> = (0..12).map(|day| if day % 2 == 0 { 1e300 } else { 1.0 }).collect();
    let set = daily(&curve, 1.0);
    assert_eq!(get(&set, "final_equity"), Ok(1.0));
    assert_eq!(get(&set, "volatility"), Err(Undefined::Overflow));
    assert!(set.values.iter().all(|(_, value)| value.is_err() || value.is_ok_and(f64::is_finite)));
}

fn trade(net_pnl: f64) -> Trade {
    Trade { net_pnl, gross_pnl: net_pnl, return_rate: net_pnl / 1_000.0, bars_held: 2, ..Trade::default() }
}

fn with_trades(pnls: &[f64]) -> Accumulator {
    let mut metrics = Accumulator::new(1_000.0, Calendar::open_ended(252.0, DAY_NS), 0.0);
    pnls.iter().for_each(|&net_pnl| metrics.trade(&trade(net_pnl)));
    metrics
}

#[test]
fn eight_trades() {
    let set = MetricSet::new(&with_trades(&[120.0, -80.0, 50.0, -40.0, 200.0, -150.0, 0.0, 30.0]), &closing());
    assert_near(&set, "profit_factor", 1.481481);
    assert_near(&set, "win_rate", 0.5);
    assert_near(&set, "expectancy", 16.25);
    assert_near(&set, "expectancy_rate", 0.01625);
    assert_near(&set, "sqn", 0.414214);
    // Wins 120, 50, 200, 30: mean 100. Losses 80, 40, 150: mean 90.
    assert_near(&set, "payoff", 100.0 / 90.0);
    assert_near(&set, "largest_win", 200.0);
    assert_near(&set, "largest_loss", -150.0);
    assert_near(&set, "avg_loss", -90.0);
    assert_eq!(get(&set, "median_bars_held"), Err(Undefined::NeedsLedger));
}

#[test]
fn a_zero_trade_ends_both_streaks() {
    let set = MetricSet::new(&with_trades(&[1.0, 1.0, 0.0, 1.0, -1.0, 0.0, -1.0, -1.0, -1.0]), &closing());
    assert_eq!((get(&set, "max_win_streak"), get(&set, "max_loss_streak")), (Ok(2.0), Ok(3.0)));
}

#[test]
fn reasons_of_trades_come_in_their_order() {
    let reasons = |pnls: &[f64], names: &[&str]| -> Vec<Metric> {
        let set = MetricSet::new(&with_trades(pnls), &closing());
        names.iter().map(|name| get(&set, name)).collect()
    };
    let names = ["win_rate", "avg_win", "avg_loss", "payoff", "profit_factor", "sqn", "median_bars_held"];
    assert_eq!(reasons(&[], &names), [Err(Undefined::NoTrades); 7]);
    let needs = Err(Undefined::NeedsLedger);
    let lost = [
        Ok(0.0),
        Err(Undefined::NoWins),
        Ok(-1.0),
        Err(Undefined::NoWins),
        Ok(0.0),
        Err(Undefined::TooFewTrades),
        needs,
    ];
    assert_eq!(reasons(&[-1.0], &names), lost);
    let none = Err(Undefined::NoLosses);
    assert_eq!(
        reasons(&[2.0, 2.0], &names),
        [Ok(1.0), Ok(2.0), none, none, none, Err(Undefined::ZeroDeviation), needs]
    );
    assert_eq!(
        reasons(&[], &["break_even_bps", "trades", "max_win_streak"]),
        [Err(Undefined::NoTrades), Ok(0.0), Ok(0.0)]
    );
}

#[test]
fn a_median_lies_between_the_middle_two() {
    let metrics = with_trades(&[1.0, 1.0]);
    let median = |bars_held: &[i64]| {
        let set = MetricSet::new(&metrics, &Closing { bars_held: Some(bars_held), ..closing() });
        get(&set, "median_bars_held")
    };
    assert_eq!((median(&[5, 1, 2]), median(&[4, 1, 2, 9]), median(&[])), (Ok(2.0), Ok(3.0), Err(Undefined::NoTrades)));
}

/// Short ones are counted, long ones sorted: the middle of a few kinds of both, beside the middle of their order.
#[test]
fn a_median_of_many_lies_in_the_middle_of_their_order() {
    let metrics = with_trades(&[1.0]);
    let mut state = 5_u64;
    for (number, longest) in [(255, 9), (256, 9), (1_001, 255), (1_000, 300), (700, 700), (601, 100_000)] {
        let bars_held: Vec<i64> = (0..number)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as i64 % longest + 1
            })
            .collect();
        let mut sorted = bars_held.clone();
        sorted.sort_unstable();
        let expected = (sorted[(number - 1) / 2] as f64 + sorted[number / 2] as f64) / 2.0;
        let set = MetricSet::new(&metrics, &Closing { bars_held: Some(&bars_held), ..closing() });
        assert_eq!(get(&set, "median_bars_held"), Ok(expected), "{number} up to {longest}");
    }
}

#[test]
fn a_median_is_the_same_wherever_the_earlier_trades_end() {
    let metrics = with_trades(&[1.0, 1.0]);
    let all = [7, 1, 4, 4, 9, 2, 4, 0, 7];
    for length in 0..=all.len() {
        let median = |earlier: &[i64], later: &[i64]| {
            let mut earlier_bars_held = BTreeMap::new();
            earlier.iter().for_each(|&bars| *earlier_bars_held.entry(bars).or_default() += 1);
            let facts = Closing { earlier_bars_held: &earlier_bars_held, bars_held: Some(later), ..closing() };
            get(&MetricSet::new(&metrics, &facts), "median_bars_held")
        };
        let whole = median(&[], &all[..length]);
        for cut in 0..=length {
            assert_eq!(median(&all[..cut], &all[cut..length]), whole, "{cut} of {length}");
        }
    }
}

#[test]
fn undefined_returns_say_why() {
    let names = ["ann_return", "cagr", "volatility", "sharpe", "sortino", "skew", "kurtosis", "calmar"];
    let all = |set: &MetricSet| -> Vec<Metric> { names.iter().map(|name| get(set, name)).collect() };
    assert_eq!(all(&daily(&[100.0; 9], 100.0)), [Err(Undefined::TooFewReturns); 8]);
    let mut ruined = [100.0; 12];
    ruined[5] = 0.0;
    assert_eq!(all(&daily(&ruined, 100.0)), [Err(Undefined::EquityNotPositive); 8]);
    let flat = daily(&[100.0; 10], 100.0);
    assert_eq!(get(&flat, "volatility"), Ok(0.0));
    assert_eq!([get(&flat, "sharpe"), get(&flat, "skew"), get(&flat, "kurtosis")], [Err(Undefined::ZeroVolatility); 3]);
    assert_eq!(get(&flat, "sortino"), Err(Undefined::ZeroDownside));
    assert_eq!(
        (get(&flat, "calmar"), get(&flat, "recovery_bars")),
        (Err(Undefined::NoDrawdown), Err(Undefined::NoDrawdown))
    );
}

#[test]
fn a_steady_rise_has_rounding_for_deviation() {
    let set = daily(&curve(&[0.001; 40]), 1_000.0);
    assert_eq!(get(&set, "sharpe"), Err(Undefined::ZeroVolatility));
}

#[test]
fn the_risk_free_rate_is_that_of_a_period() {
    let calendar = Calendar::open_ended(252.0, WEEK_NS);
    let mut metrics = Accumulator::new(1_000.0, calendar, 0.05);
    for ((bar, day), value) in (0..).zip(0..).zip(curve(&RETURNS)) {
        metrics.mark(bar, day * DAY_NS, value, false);
    }
    let set = MetricSet::new(&metrics, &closing());
    let per_period = 1.05_f64.powf(1.0 / 252.0) - 1.0;
    let mean = RETURNS.iter().sum::<f64>() / 12.0 - per_period;
    let volatility = get(&set, "volatility").expect("twelve returns");
    assert_near(&set, "sharpe", mean * 252.0 / volatility);
}

#[test]
fn points_are_the_last_bar_of_each_day() {
    // Fri 12:00, Sun 22:00, Mon 12:00, Tue 00:00 with equity 1, 2, 3, 4.
    let stamps = [36, 94, 108, 120].map(|hour| hour * HOUR_NS);
    let mean_point = |periods_per_year: f64| {
        let mut metrics = Accumulator::new(1.0, Calendar::of_run(Some(periods_per_year), HOUR_NS, &stamps), 0.0);
        for (bar, stamp) in (0..).zip(stamps) {
            metrics.mark(bar, stamp, (bar + 1) as f64, true);
        }
        let set = MetricSet::new(&metrics, &Closing { timeframe_ns: HOUR_NS, ..closing() });
        metrics.fill(FillCosts { notional: 1.0, commission: 0.0, slippage: 0.0, spread: 0.0 });
        let turnover = MetricSet::new(&metrics, &Closing { timeframe_ns: HOUR_NS, ..closing() });
        // Turnover is 1 / mean / years, years being 85 hours.
        let years = 85.0 / 24.0 / 365.25;
        (get(&set, "daily_returns"), 1.0 / years / get(&turnover, "turnover").expect("positive points"))
    };
    let (three, mean_of_1_3_4) = mean_point(252.0);
    let (four, mean_of_1_2_3_4) = mean_point(365.0);
    assert_eq!((three, four), (Ok(3.0), Ok(4.0)));
    assert!((mean_of_1_3_4 - 8.0 / 3.0).abs() < 1e-12 && (mean_of_1_2_3_4 - 2.5).abs() < 1e-12);
}

/// Equity of a run over hourly bars of two months on some weekdays, day by day or in one go, known in advance or not.
fn returns_of(days: usize, per_year: f64, known: bool, rows: usize) -> MetricSet {
    let stamps: Vec<i64> =
        (0..60 * 24).filter(|hour| days >> ((hour / 24 + 3) % 7) & 1 == 1).map(|h| h * HOUR_NS).collect();
    let equity: Vec<f64> = (0..stamps.len()).map(|row| 1_000.0 + (row * row % 97) as f64).collect();
    let calendar = Calendar::new(Some(per_year), HOUR_NS, known.then_some(&stamps[..])).expect("a calendar");
    let mut metrics = Accumulator::new(1_000.0, calendar, 0.0);
    for (part, at) in stamps.chunks(rows).zip((0..).step_by(rows)) {
        match part {
            [stamp] => metrics.mark(at as i64, *stamp, equity[at], true),
            _ => metrics.mark_many(at as i64, part, &equity[at..at + part.len()], part.len()),
        }
    }
    MetricSet { blocks: None, ..MetricSet::new(&metrics, &closing()) }
}

#[test]
fn a_run_of_unknown_length_reports_what_one_of_known_length_does() {
    for days in 1..128 {
        for per_year in [252.0, 365.0] {
            let known = returns_of(days, per_year, true, usize::MAX);
            for rows in [1, 7, 500] {
                assert_eq!(returns_of(days, per_year, false, rows), known, "{days:b} {per_year} {rows}");
            }
        }
    }
}

#[test]
fn turnover_needs_money_to_turn_over() {
    // Points 50 and -50: their mean is 0, and nothing can be divided by it.
    assert_eq!(get(&daily(&[50.0, -50.0], 100.0), "turnover"), Err(Undefined::EquityNotPositive));
    assert_eq!(get(&daily(&[50.0, -49.0], 100.0), "turnover"), Ok(0.0));
}

#[test]
fn a_run_of_bars_equals_single_bars_to_the_bit() {
    let stamps: Vec<i64> = (0..3_000_i64).map(|i| (i * 7 + i / 100 * 61) * HOUR_NS / 4).collect();
    let equity: Vec<f64> = (0..3_000).map(|i| 1_000.0 + f64::from(i * i % 977) - 400.0).collect();
    let start = || Accumulator::new(1_000.0, Calendar::of_run(None, HOUR_NS / 4, &stamps), 0.02);
    let mut single = start();
    for ((bar, &stamp), &value) in (0..).zip(&stamps).zip(&equity) {
        single.mark(bar, stamp, value, true);
    }
    for step in [1, 7, 64, 1_000, 3_000] {
        let mut together = start();
        for (part, at) in stamps.chunks(step).zip((0..).step_by(step)) {
            together.mark_many(at as i64, part, &equity[at..at + part.len()], part.len());
        }
        assert_eq!(together, single, "{step}");
    }
    let mut flat = single.clone();
    let later: Vec<i64> = (1..900).map(|i| stamps[2_999] + i * HOUR_NS).collect();
    flat.mark_flat(3_000, &later, 1_100.0);
    for (bar, &stamp) in (3_000..).zip(&later) {
        single.mark(bar, stamp, 1_100.0, false);
    }
    assert_eq!(flat, single);
}

#[test]
fn blocks_share_the_run_evenly_or_are_absent() {
    let set = daily(&curve(&[0.01; 40]), 1_000.0);
    let blocks = set.blocks.expect("forty returns");
    // 40 returns in 16 blocks: 2.5 each, so floor(16 k / 40) gives 3, 2, 3, 2, ...
    let counts: Vec<u64> = blocks.iter().map(|block| block.count).collect();
    assert_eq!(counts, [3, 2].repeat(8));
    let Block { sum, sum_of_squares, .. } = blocks[0];
    assert!((sum - 0.03).abs() < 1e-12 && (sum_of_squares - 0.0003).abs() < 1e-12);
    assert!(daily(&curve(&[0.01; 15]), 1_000.0).blocks.is_none());
    assert!(daily(&[vec![100.0; 20], vec![-1.0]].concat(), 100.0).blocks.is_none());
}

#[test]
fn the_catalogue_names_every_metric_in_order() {
    let set = daily(&[100.0], 100.0);
    assert!(set.values.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let reported: Vec<&str> = set.values.iter().map(|(name, _)| *name).collect();
    assert_eq!(reported, METRICS.map(|metric| metric.name));
}

/// Draws an equity, once in so many times 0 or below it.
fn drawn_equity(draw: &mut Draw, fatal: usize) -> f64 {
    if draw.below(fatal) == 0 { -100.0 * draw.below(2) as f64 } else { draw.between(1.0, 130.0) }
}

/// Adds points to up to eight runs at once and to one after the other: some began earlier than others, or fall to 0.
#[test]
fn points_of_many_runs_have_the_bits_of_each() {
    let mut draw = Draw::new(11);
    let mut ruined = 0;
    for round in 0..2_000_usize {
        let mut calendar = Calendar::open_ended(365.0, DAY_NS);
        calendar.periods = [None, Some(40), Some(17)][round % 3];
        let runs = 1 + draw.below(8);
        let mut apart: Vec<Returns> = (0..runs).map(|run| Returns::new(100.0, calendar, 0.001 * run as f64)).collect();
        for (run, one) in apart.iter_mut().enumerate() {
            let own_past = if round % 4 == 0 { run % 3 } else { round % 5 };
            (0..own_past).for_each(|day| one.note(day as i64 * DAY_NS, drawn_equity(&mut draw, 60)));
        }
        let mut together = apart.clone();
        let first = draw.below(5) as i64;
        let fatal = if round % 5 == 0 { 90 } else { usize::MAX };
        let mut point = |day: i64| Point {
            period: PeriodEnd { row: day as usize, end_ns: day * DAY_NS },
            equity: f64x8::new(std::array::from_fn(|_| drawn_equity(&mut draw, fatal))),
        };
        let points: Vec<Point> = (first..first + 30).map(&mut point).collect();
        for (lane, one) in apart.iter_mut().enumerate() {
            points.iter().for_each(|point| one.note(point.period.end_ns, point.equity.lane(lane)));
        }
        let (before, after) = points.split_at(draw.below(31));
        for part in [before, after] {
            Returns::note_together(&mut together.iter_mut().collect::<Vec<_>>(), part);
        }
        assert_eq!(together, apart, "{round}");
        ruined += apart.iter().filter(|one| one.usable().is_err()).count();
    }
    assert!(ruined > 100, "{ruined}");
}
