//! The report: the values of all metrics of a run so far.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::metrics::accumulator::Accumulator;
use crate::metrics::catalog::METRICS;
use crate::metrics::returns::{BLOCKS, Block, Returns};
use crate::metrics::trades;
use crate::metrics::undefined::{Metric, Undefined};
use crate::time;

/// The facts that the accumulators cannot know by themselves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closing<'a> {
    /// Length of a bar, ns.
    pub timeframe_ns: i64,
    /// Gross profit of the open position at the last mark, account currency; 0 when flat.
    pub open_gross: f64,
    /// Number of round trips by the bars that they were held, of those that are in no ledger any more.
    pub earlier_bars_held: &'a BTreeMap<i64, u64>,
    /// Bars held of every other closed trade, if there is a ledger.
    pub bars_held: Option<&'a [i64]>,
    /// Return and largest drawdown of buying on the first bar and holding.
    pub benchmark: Result<(f64, f64), Undefined>,
}

/// All metrics of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSet {
    /// Name and value of every metric in `METRICS`, in its order.
    pub values: Vec<(&'static str, Metric)>,
    /// Returns in blocks, if the run has them.
    pub blocks: Option<[Block; BLOCKS]>,
    /// Factor of annual figures.
    pub periods_per_year: f64,
    /// True if a Sunday belongs to the Monday after it.
    pub sundays_join: bool,
}

/// Returns `Overflow` instead of an infinite value: runs cannot be compared by one.
fn finite(value: f64) -> Metric {
    if value.is_finite() { Ok(value) } else { Err(Undefined::Overflow) }
}

impl MetricSet {
    /// Reports every metric of a run so far; the accumulators stay as they are.
    #[must_use]
    pub fn new(run: &Accumulator, closing: &Closing<'_>) -> Self {
        // On a copy: the run may continue, and its period with it.
        let mut returns = run.returns().clone();
        returns.end_period();
        let mut values = Vec::with_capacity(METRICS.len());
        let mut put = |name, value: Metric| values.push((name, value.and_then(finite)));
        report_money(run, closing, &returns, &mut put);
        report_returns(run, closing, &returns, &mut put);
        run.trades.report(&mut put);
        report_costs(run, closing, &mut put);
        let calendar = returns.calendar();
        Self {
            values: by_name(&values),
            blocks: returns.blocks(),
            periods_per_year: calendar.periods_per_year(),
            sundays_join: calendar.sundays_join(),
        }
    }
}

/// Returns the values by name, the order in which results are hashed; they come in one and the same order.
fn by_name(values: &[(&'static str, Metric)]) -> Vec<(&'static str, Metric)> {
    static PLACES: OnceLock<Vec<usize>> = OnceLock::new();
    let places = PLACES.get_or_init(|| {
        let mut places: Vec<usize> = (0..values.len()).collect();
        places.sort_unstable_by_key(|&at| values[at].0);
        places
    });
    places.iter().map(|&at| values[at]).collect()
}

fn years(run: &Accumulator, timeframe_ns: i64) -> f64 {
    // The last bar lasts as long as its timeframe.
    time::years(run.last_ns + timeframe_ns - run.first_ns.unwrap_or(run.last_ns))
}

fn report_money(
    run: &Accumulator,
    closing: &Closing<'_>,
    returns: &Returns,
    put: &mut impl FnMut(&'static str, Metric),
) {
    let net_profit = run.equity - run.initial_capital;
    put("initial_capital", Ok(run.initial_capital));
    put("final_equity", Ok(run.equity));
    put("net_profit", Ok(net_profit));
    put("total_return", Ok(net_profit / run.initial_capital));
    put("profit_pessimistic", Ok(net_profit + run.pessimistic_change.value()));
    put("profit_optimistic", Ok(net_profit + run.optimistic_change.value()));
    put("exposure", Ok(if run.bars == 0 { 0.0 } else { run.bars_held as f64 / run.bars as f64 }));
    let mean_point = returns.mean_point().ok_or(Undefined::EquityNotPositive);
    put("turnover", mean_point.map(|mean| run.notional.value() / mean / years(run, closing.timeframe_ns)));
    put("benchmark_return", closing.benchmark.map(|(total_return, _)| total_return));
    put("benchmark_max_drawdown", closing.benchmark.map(|(_, drawdown)| drawdown));
}

fn report_returns(
    run: &Accumulator,
    closing: &Closing<'_>,
    returns: &Returns,
    put: &mut impl FnMut(&'static str, Metric),
) {
    let growth = run.equity / run.initial_capital;
    let cagr = returns.usable().map(|()| libm::pow(growth, 1.0 / years(run, closing.timeframe_ns)) - 1.0);
    put("cagr", cagr);
    put("calmar", cagr.and_then(|cagr| over_drawdown(run, cagr)));
    put("ann_return", returns.ann_return());
    put("volatility", returns.volatility());
    put("sharpe", returns.sharpe());
    put("sortino", returns.sortino());
    put("skew", returns.skew());
    put("kurtosis", returns.kurtosis());
    put("daily_returns", Ok(returns.count() as f64));
    put("max_drawdown", Ok(run.drawdown.worst()));
    put("max_drawdown_bars", Ok(run.drawdown.worst_bars() as f64));
    put("max_drawdown_daily", Ok(returns.max_drawdown()));
    put("recovery_bars", run.drawdown.recovery_bars().map(|bars| bars as f64));
}

fn over_drawdown(run: &Accumulator, cagr: f64) -> Metric {
    let worst = run.drawdown.worst();
    if worst == 0.0 { Err(Undefined::NoDrawdown) } else { Ok(cagr / worst) }
}

fn report_costs(run: &Accumulator, closing: &Closing<'_>, put: &mut impl FnMut(&'static str, Metric)) {
    let gross = run.trades.gross_total() + closing.open_gross;
    let traded = if run.fills == 0 { Err(Undefined::NoTrades) } else { Ok(run.notional.value()) };
    put("break_even_bps", traded.map(|notional| gross / notional * 1e4));
    put("commission", Ok(run.commission.value()));
    put("slippage", Ok(run.slippage.value()));
    put("spread", Ok(run.spread.value()));
    put("financing", Ok(run.financing.value()));
    let no_median = if run.trades.count() == 0 { Undefined::NoTrades } else { Undefined::NeedsLedger };
    let median = |later| trades::median(closing.earlier_bars_held, later);
    put("median_bars_held", closing.bars_held.map_or(Err(no_median), median));
    put("ambiguous_bars", Ok(run.ambiguous_bars as f64));
    put("undefined_bars", Ok(run.undefined_bars as f64));
    put("refused_orders", Ok(run.refused_orders as f64));
}
