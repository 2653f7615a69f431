//! All accumulators of a run.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::ledger::schema::Trade;
use crate::metrics::calendar::{Calendar, Periods};
use crate::metrics::curve::Curve;
use crate::metrics::drawdown::Drawdown;
use crate::metrics::returns::Returns;
use crate::metrics::sums::Sum;
use crate::metrics::trades::TradeStats;
use crate::metrics::week::{OpenWeek, Week};

/// Everything that metrics need of a run so far; plain state that a snapshot holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accumulator {
    // In the order of the snapshot's bytes, which postcard takes from here.
    pub(super) initial_capital: f64,
    pub(super) equity: f64,
    pub(super) first_ns: Option<i64>,
    pub(super) last_ns: i64,
    pub(super) bars: u64,
    pub(super) bars_held: u64,
    pub(super) returns: Returns,
    pub(super) drawdown: Drawdown,
    pub(super) trades: TradeStats,
    pub(super) fills: u64,
    pub(super) notional: Sum,
    pub(super) commission: Sum,
    pub(super) slippage: Sum,
    pub(super) spread: Sum,
    pub(super) financing: Sum,
    pub(super) ambiguous_bars: u64,
    pub(super) pessimistic_change: Sum,
    pub(super) optimistic_change: Sum,
    pub(super) undefined_bars: u64,
    pub(super) refused_orders: u64,
    /// Returns by the other rule for Sundays, in a run of unknown length. `SnapshotV2` keeps it beside these bytes, which
    /// are those of version 1.
    #[serde(skip)]
    pub(super) open_week: Option<OpenWeek>,
}

/// The costs of a fill, account currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FillCosts<N = f64> {
    /// Absolute notional at the fill price.
    pub notional: N,
    /// Commission of the fill.
    pub commission: N,
    /// Slippage of the fill, tick rounding included.
    pub slippage: N,
    /// Spread of the fill.
    pub spread: N,
}

impl Accumulator {
    /// Starts before the first bar; `risk_free_rate` is annual.
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
            open_week: OpenWeek::new(initial_capital, calendar, risk_free_rate),
        }
    }

    /// Adds the equity point of a simulated bar; `bar` is its index in the run.
    #[inline]
    pub fn mark(&mut self, bar: i64, stamp_ns: i64, equity: f64, in_position: bool) {
        self.first_ns.get_or_insert(stamp_ns);
        self.last_ns = stamp_ns;
        self.bars += 1;
        self.bars_held += u64::from(in_position);
        self.equity = equity;
        self.drawdown.mark(bar, equity);
        self.returns.mark(stamp_ns, equity);
        if let Some(week) = &mut self.open_week {
            week.mark(stamp_ns, equity);
        }
    }

    /// Adds the equity points of many bars, with the bits of `mark` on each.
    pub fn mark_many(&mut self, first_bar: i64, stamps: &[i64], equity: &[f64], held: usize) {
        let Some(&last) = equity.last() else { return };
        self.count_bars(stamps, held);
        self.equity = last;
        self.drawdown.mark_many(first_bar, equity);
        self.mark_returns(stamps, |row| equity[row]);
    }

    /// Adds bars without a position: one and the same equity.
    pub fn mark_flat(&mut self, first_bar: i64, stamps: &[i64], equity: f64) {
        if stamps.is_empty() {
            return;
        }
        self.count_bars(stamps, 0);
        self.equity = equity;
        self.drawdown.mark_flat(first_bar, stamps.len(), equity);
        self.mark_returns(stamps, |_| equity);
    }

    /// Adds bars at which a position is held and equity follows a curve, with the bits of `mark` on each.
    pub(crate) fn mark_held(&mut self, first_bar: i64, stamps: &[i64], curve: &impl Curve) {
        if stamps.is_empty() {
            return;
        }
        let first = first_bar as usize;
        let bars = first..first + stamps.len();
        self.count_bars(stamps, stamps.len());
        self.equity = curve.equity(bars.end - 1);
        self.drawdown.mark_curve(bars, curve);
        self.mark_returns(stamps, |row| curve.equity(first + row));
    }

    /// Adds rows of a run of known length whose equity follows a curve, with the bits of `mark` on each.
    pub(crate) fn mark_curve(&mut self, rows: Range<usize>, stamps: &[i64], periods: &Periods, curve: &impl Curve) {
        if rows.is_empty() {
            return;
        }
        self.count_bars(&stamps[rows.clone()], rows.len());
        self.equity = curve.equity(rows.end - 1);
        self.drawdown.mark_curve(rows.clone(), curve);
        self.returns.mark_known(periods, rows, |row| curve.equity(row));
    }

    /// Adds rows without a position, of a run of known length: one and the same equity.
    pub(crate) fn mark_cash(&mut self, rows: Range<usize>, stamps: &[i64], periods: &Periods, equity: f64) {
        if rows.is_empty() {
            return;
        }
        self.count_bars(&stamps[rows.clone()], 0);
        self.equity = equity;
        self.drawdown.mark_flat(rows.start as i64, rows.len(), equity);
        self.returns.mark_known(periods, rows, |_| equity);
    }

    fn mark_returns(&mut self, stamps: &[i64], equity: impl Fn(usize) -> f64) {
        self.returns.mark_many(stamps, &equity);
        if let Some(week) = &mut self.open_week {
            week.mark_many(stamps, &equity);
        }
    }

    /// Returns the returns of the run so far, by the rule for Sundays that its days call for.
    pub(super) fn returns(&self) -> &Returns {
        self.open_week.as_ref().and_then(OpenWeek::returns).unwrap_or(&self.returns)
    }

    /// Returns what version 1 of the snapshot does not hold.
    pub(crate) fn week(&self) -> Week {
        Week { sundays_join: self.returns.calendar().sundays_join(), open: self.open_week.clone() }
    }

    /// Returns the accumulator with what version 1 of the snapshot does not hold.
    #[must_use]
    pub(crate) fn with_week(mut self, week: Week) -> Self {
        self.returns.set_sundays(week.sundays_join);
        self.open_week = week.open;
        self
    }

    /// Returns the calendar of the run.
    pub(crate) fn calendar(&self) -> &Calendar {
        self.returns.calendar()
    }

    /// Counts bars of which nothing else is added, and those of them with a position.
    pub(crate) fn count_bars(&mut self, stamps: &[i64], held: usize) {
        let rows = stamps.len() as u64;
        self.first_ns = self.first_ns.or(stamps.first().copied());
        self.last_ns = stamps.last().copied().unwrap_or(self.last_ns);
        self.bars += rows;
        self.bars_held += held as u64;
    }

    /// Adds the costs of a fill.
    #[inline]
    pub fn fill(&mut self, costs: FillCosts) {
        self.fills += 1;
        self.notional.add(costs.notional);
        self.commission.add(costs.commission);
        self.slippage.add(costs.slippage);
        self.spread.add(costs.spread);
    }

    /// Adds the costs of two fills, with the bits of `fill` on each.
    #[inline(always)]
    pub(crate) fn fill_twice(&mut self, costs: [FillCosts; 2]) {
        self.fills += 2;
        let sums = [&mut self.notional, &mut self.commission, &mut self.slippage, &mut self.spread];
        Sum::add_rows(sums, costs.map(|fill| [fill.notional, fill.commission, fill.slippage, fill.spread]));
    }

    /// Adds a closed round trip.
    #[inline]
    pub fn trade(&mut self, trade: &Trade) {
        self.trades.add(trade);
    }

    /// Adds a financing charge, account currency; positive is a cost.
    #[inline]
    pub fn finance(&mut self, amount: f64) {
        self.financing.add(amount);
    }

    /// Lends the sum of financing to a scan that charges many bars.
    pub(crate) fn financing_mut(&mut self) -> &mut Sum {
        &mut self.financing
    }

    /// Adds an ambiguous bar: the change of its trade's net profit at the adverse level, and at the target.
    pub fn ambiguous(&mut self, pessimistic_change: f64, optimistic_change: f64) {
        self.ambiguous_bars += 1;
        self.pessimistic_change.add(pessimistic_change);
        self.optimistic_change.add(optimistic_change);
    }

    /// Adds simulated bars whose confidence is undefined.
    #[inline]
    pub fn undefined(&mut self, bars: u64) {
        self.undefined_bars += bars;
    }

    /// Counts a rejected order.
    #[inline]
    pub fn reject(&mut self) {
        self.refused_orders += 1;
    }

    /// Returns the number of simulated bars so far.
    #[must_use]
    pub fn bars(&self) -> u64 {
        self.bars
    }

    /// Returns the equity at the last mark.
    #[must_use]
    pub fn equity(&self) -> f64 {
        self.equity
    }

    /// Lends the drawdown and the returns to a walk that adds rows span by span and counts them at its end.
    #[inline(always)]
    pub(crate) fn curve_mut(&mut self) -> (&mut Drawdown, &mut Returns) {
        (&mut self.drawdown, &mut self.returns)
    }

    /// Lends the sums of costs and the statistics of trades to a walk that adds them for many scenarios at once, and counts
    /// its fills.
    pub(crate) fn money_mut(&mut self, fills: u64) -> ([&mut Sum; 4], &mut TradeStats) {
        self.fills += fills;
        ([&mut self.notional, &mut self.commission, &mut self.slippage, &mut self.spread], &mut self.trades)
    }

    /// Returns commission and financing of all fills and positions, account currency.
    #[must_use]
    pub fn charges(&self) -> f64 {
        self.commission.value() + self.financing.value()
    }

    /// Returns the statistics of trades.
    #[must_use]
    pub fn trades(&self) -> &TradeStats {
        &self.trades
    }

    /// Returns the drawdown on bar equity.
    #[must_use]
    pub fn drawdown(&self) -> &Drawdown {
        &self.drawdown
    }
}
