//! Metrics, accumulated while the loop runs: exact under resume and chunking, without a curve.

use serde::{Deserialize, Serialize};

use crate::ledger::tables::Trade;
use crate::metrics::calendar::Calendar;
use crate::metrics::drawdown::Drawdown;
use crate::metrics::returns::{BLOCKS, Block, Returns};
use crate::metrics::sums::Sum;
use crate::metrics::trades::{self, TradeStats};

const YEAR_NS: f64 = 365.25 * 86_400.0 * 1e9;

/// A metric's value, or the reason why it has none.
pub type Metric = Result<f64, &'static str>;

/// A number that overflowed is no number to compare runs by.
fn finite(value: f64) -> Metric {
    if value.is_finite() { Ok(value) } else { Err("overflow") }
}

/// Everything metrics need of a run so far; plain state that a snapshot holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accumulator {
    initial_capital: f64,
    equity: f64,
    first_ns: Option<i64>,
    last_ns: i64,
    bars: u64,
    bars_held: u64,
    returns: Returns,
    drawdown: Drawdown,
    trades: TradeStats,
    fills: u64,
    notional: Sum,
    commission: Sum,
    slippage: Sum,
    spread: Sum,
    financing: Sum,
    ambiguous_bars: u64,
    pessimistic_change: Sum,
    optimistic_change: Sum,
    undefined_bars: u64,
    refused_orders: u64,
}

/// What a fill costs, account currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FillCosts {
    /// Absolute notional at the fill price.
    pub notional: f64,
    /// Commission.
    pub commission: f64,
    /// Slippage, tick rounding included.
    pub slippage: f64,
    /// Spread.
    pub spread: f64,
}

/// What the accumulator cannot know by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closing<'a> {
    /// Length of a bar, ns.
    pub timeframe_ns: i64,
    /// Gross P&L of the open position at the last mark, account currency; 0 when flat.
    pub open_gross: f64,
    /// Bars held of every closed trade, where there is a ledger.
    pub bars_held: Option<&'a [i64]>,
    /// Return and largest drawdown of buying on the first bar and holding.
    pub benchmark: Result<(f64, f64), &'static str>,
}

/// All metrics of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSet {
    /// Name and value, sorted by name; the set of names is fixed.
    pub values: Vec<(&'static str, Metric)>,
    /// Returns in blocks, where the run has them.
    pub blocks: Option<[Block; BLOCKS]>,
    /// What returns were annualised with.
    pub periods_per_year: f64,
}

impl Accumulator {
    /// No bar yet; `risk_free_rate` is annual.
    #[must_use]
    pub fn new(initial_capital: f64, calendar: Calendar, risk_free_rate: f64) -> Self {
        Self {
            initial_capital,
            equity: initial_capital,
            first_ns: None,
            last_ns: 0,
            bars: 0,
            bars_held: 0,
            returns: Returns::new(initial_capital, calendar, risk_free_rate),
            drawdown: Drawdown::new(initial_capital),
            trades: TradeStats::default(),
            fills: 0,
            notional: Sum::default(),
            commission: Sum::default(),
            slippage: Sum::default(),
            spread: Sum::default(),
            financing: Sum::default(),
            ambiguous_bars: 0,
            pessimistic_change: Sum::default(),
            optimistic_change: Sum::default(),
            undefined_bars: 0,
            refused_orders: 0,
        }
    }

    /// A simulated bar's equity point; `bar` is its index in the run.
    #[inline]
    pub fn mark(&mut self, bar: i64, stamp_ns: i64, equity: f64, in_position: bool) {
        self.first_ns.get_or_insert(stamp_ns);
        self.last_ns = stamp_ns;
        self.bars += 1;
        self.bars_held += u64::from(in_position);
        self.equity = equity;
        self.drawdown.mark(bar, equity);
        self.returns.mark(stamp_ns, equity);
    }

    /// The equity points of a stretch of bars: to the last bit what `mark` on each gives.
    pub fn mark_many(&mut self, first_bar: i64, stamps: &[i64], equity: &[f64], in_position: bool) {
        let Some(&last) = equity.last() else { return };
        self.pass(stamps, in_position);
        self.equity = last;
        self.drawdown.mark_many(first_bar, equity);
        self.returns.mark_many(stamps, |row| equity[row]);
    }

    /// A stretch of bars without a position: one and the same equity.
    pub fn mark_flat(&mut self, first_bar: i64, stamps: &[i64], equity: f64) {
        if stamps.is_empty() {
            return;
        }
        self.pass(stamps, false);
        self.equity = equity;
        self.drawdown.mark_flat(first_bar, stamps.len(), equity);
        self.returns.mark_many(stamps, |_| equity);
    }

    fn pass(&mut self, stamps: &[i64], in_position: bool) {
        let rows = stamps.len() as u64;
        self.first_ns = self.first_ns.or(stamps.first().copied());
        self.last_ns = stamps.last().copied().unwrap_or(self.last_ns);
        self.bars += rows;
        self.bars_held += if in_position { rows } else { 0 };
    }

    /// A fill.
    #[inline]
    pub fn fill(&mut self, costs: FillCosts) {
        self.fills += 1;
        self.notional.add(costs.notional);
        self.commission.add(costs.commission);
        self.slippage.add(costs.slippage);
        self.spread.add(costs.spread);
    }

    /// A closed round trip.
    #[inline]
    pub fn trade(&mut self, trade: &Trade) {
        self.trades.add(trade);
    }

    /// Financing charged, account currency; positive is a cost.
    #[inline]
    pub fn finance(&mut self, amount: f64) {
        self.financing.add(amount);
    }

    /// What financing has been summed to, for those who charge many bars at once.
    pub(crate) fn financing(&mut self) -> &mut Sum {
        &mut self.financing
    }

    /// An ambiguous bar: the change of its trade's net P&L had it left at the adverse level, or at the target.
    pub fn ambiguous(&mut self, pessimistic_change: f64, optimistic_change: f64) {
        self.ambiguous_bars += 1;
        self.pessimistic_change.add(pessimistic_change);
        self.optimistic_change.add(optimistic_change);
    }

    /// Simulated bars whose confidence is undefined.
    #[inline]
    pub fn undefined(&mut self, bars: u64) {
        self.undefined_bars += bars;
    }

    /// A row of the refused orders.
    #[inline]
    pub fn refuse(&mut self) {
        self.refused_orders += 1;
    }

    /// Simulated bars so far.
    #[must_use]
    pub fn bars(&self) -> u64 {
        self.bars
    }

    /// Equity at the last mark.
    #[must_use]
    pub fn equity(&self) -> f64 {
        self.equity
    }

    /// Commission and financing of all fills and positions, account currency.
    #[must_use]
    pub fn charges(&self) -> f64 {
        self.commission.value() + self.financing.value()
    }

    /// What trades and charges were summed to.
    #[must_use]
    pub fn trades(&self) -> &TradeStats {
        &self.trades
    }

    /// Drawdown on bar equity.
    #[must_use]
    pub fn drawdown(&self) -> &Drawdown {
        &self.drawdown
    }

    /// What a period of returns is in this run.
    #[must_use]
    pub fn calendar(&self) -> &Calendar {
        self.returns.calendar()
    }

    /// Every metric of the run so far; the state stays as it is.
    #[must_use]
    pub fn finish(&self, closing: &Closing<'_>) -> MetricSet {
        let mut returns = self.returns.clone();
        returns.end_period();
        let mut values = Vec::with_capacity(56);
        let mut put = |name, value: Metric| values.push((name, value.and_then(finite)));
        self.report_money(closing, &returns, &mut put);
        self.report_returns(closing, &returns, &mut put);
        self.trades.report(&mut put);
        self.report_costs(closing, &mut put);
        values.sort_unstable_by_key(|(name, _)| *name);
        let blocks = returns.blocks();
        MetricSet { values, blocks, periods_per_year: returns.calendar().periods_per_year }
    }

    fn years(&self, timeframe_ns: i64) -> f64 {
        (self.last_ns + timeframe_ns - self.first_ns.unwrap_or(self.last_ns)) as f64 / YEAR_NS
    }

    fn report_money(&self, closing: &Closing<'_>, returns: &Returns, put: &mut impl FnMut(&'static str, Metric)) {
        let net_profit = self.equity - self.initial_capital;
        put("initial_capital", Ok(self.initial_capital));
        put("final_equity", Ok(self.equity));
        put("net_profit", Ok(net_profit));
        put("total_return", Ok(net_profit / self.initial_capital));
        put("profit_pessimistic", Ok(net_profit + self.pessimistic_change.value()));
        put("profit_optimistic", Ok(net_profit + self.optimistic_change.value()));
        put("exposure", Ok(if self.bars == 0 { 0.0 } else { self.bars_held as f64 / self.bars as f64 }));
        let mean_point = returns.mean_point().ok_or("equity_not_positive");
        put("turnover", mean_point.map(|mean| self.notional.value() / mean / self.years(closing.timeframe_ns)));
        put("benchmark_return", closing.benchmark.map(|(total_return, _)| total_return));
        put("benchmark_max_drawdown", closing.benchmark.map(|(_, drawdown)| drawdown));
    }

    fn report_returns(&self, closing: &Closing<'_>, returns: &Returns, put: &mut impl FnMut(&'static str, Metric)) {
        let growth = self.equity / self.initial_capital;
        let cagr = returns.usable().map(|()| libm::pow(growth, 1.0 / self.years(closing.timeframe_ns)) - 1.0);
        put("cagr", cagr);
        put("calmar", cagr.and_then(|cagr| self.over_drawdown(cagr)));
        put("ann_return", returns.ann_return());
        put("volatility", returns.volatility());
        put("sharpe", returns.sharpe());
        put("sortino", returns.sortino());
        put("skew", returns.skew());
        put("kurtosis", returns.kurtosis());
        put("daily_returns", Ok(returns.count() as f64));
        put("max_drawdown", Ok(self.drawdown.worst()));
        put("max_drawdown_bars", Ok(self.drawdown.worst_bars() as f64));
        put("max_drawdown_daily", Ok(returns.max_drawdown()));
        put("recovery_bars", self.drawdown.recovery_bars().map(|bars| bars as f64));
    }

    fn over_drawdown(&self, cagr: f64) -> Metric {
        let worst = self.drawdown.worst();
        if worst == 0.0 { Err("no_drawdown") } else { Ok(cagr / worst) }
    }

    fn report_costs(&self, closing: &Closing<'_>, put: &mut impl FnMut(&'static str, Metric)) {
        let gross = self.trades.gross_total() + closing.open_gross;
        let break_even = if self.fills == 0 { Err("no_trades") } else { Ok(gross / self.notional.value() * 1e4) };
        put("break_even_bps", break_even);
        put("commission", Ok(self.commission.value()));
        put("slippage", Ok(self.slippage.value()));
        put("spread", Ok(self.spread.value()));
        put("financing", Ok(self.financing.value()));
        let needs_ledger = if self.trades.count() == 0 { "no_trades" } else { "needs_ledger" };
        put("median_bars_held", closing.bars_held.map_or(Err(needs_ledger), trades::median));
        put("ambiguous_bars", Ok(self.ambiguous_bars as f64));
        put("undefined_bars", Ok(self.undefined_bars as f64));
        put("refused_orders", Ok(self.refused_orders as f64));
    }
}
