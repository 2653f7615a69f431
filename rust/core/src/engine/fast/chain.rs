//! A chain of orders that follow from signals alone: many fills in one pass over the rows.
//!
//! Where rules set neither levels nor charges, the row of the next order is known from the bits of the signals, and a
//! fill at an open leaves nothing else of its row to do but the mark. So a chain goes from fill to fill, and everything
//! that is added row by row (drawdown, returns, decisions) is added once for all its rows.

use std::ops::Range;

use prefetch_index::prefetch_index;

use crate::engine::bar::against;
use crate::engine::fast::curve::HeldCurve;
use crate::engine::fast::hold;
use crate::engine::fast::ranges::{BlockRanges, MinMax};
use crate::engine::leg::{At, Leg};
use crate::engine::plan::Plan;
use crate::engine::state::State;
use crate::engine::trade::Trading;
use crate::error::Error;
use crate::lanes::{Extremes, LANES};
use crate::ledger::writer::{LedgerWriter, ROWS_AHEAD};
use crate::market::columns::Columns;
use crate::market::rows::{Quote, Rows};
use crate::money::account::Account;
use crate::money::holding::Holding;
use crate::orders::matching::{Levels, Reason};
use crate::orders::order::Order;
use crate::signals::bits::{RowBits, SignalBits};
use crate::signals::filter::Decision;
use crate::time::rows_before;

/// Rows from which on a plain loop is faster than eight rows at a time.
const LONG_ROWS: usize = 64;

/// Rows of a chain with everything they change.
pub(crate) struct Chain<'a> {
    /// Rules of the run.
    pub plan: &'a Plan,
    /// State that the rows change.
    pub state: &'a mut State,
    /// Ledger that the rows are written to.
    pub writer: &'a mut LedgerWriter,
    /// Rows of the block.
    pub rows: &'a Rows<'a>,
    /// Minimum and maximum of their prices.
    pub ranges: &'a BlockRanges<'a>,
    /// Signals beside the rows.
    pub columns: &'a Columns<'a>,
    /// Bits of the signals.
    pub bits: &'a SignalBits,
}

/// The progress of a chain.
struct Progress {
    /// First row of the chain.
    first: usize,
    /// Next row. An order at its open has been executed.
    row: usize,
    /// Row behind the last.
    end: usize,
    /// First row that the metrics do not have.
    new_row: usize,
    /// Place of its equity in the ledger.
    new_point: usize,
    /// Rows with an open position among those that they do not have.
    held: usize,
    /// Decisions written before the chain.
    decided: usize,
    /// Position at the close of each row.
    positions: Positions,
}

/// The direction of the position at the close of each row of a block.
struct Positions {
    long: RowBits,
    short: RowBits,
}

impl Positions {
    fn none(rows: usize) -> Self {
        Self { long: RowBits::none(rows), short: RowBits::none(rows) }
    }

    #[inline]
    fn add(&mut self, direction: i8, rows: &Range<usize>) {
        if direction > 0 { self.long.add(rows) } else { self.short.add(rows) }
    }

    #[inline]
    fn at(&self, row: usize) -> i8 {
        i8::from(self.long.has(row)) - i8::from(self.short.has(row))
    }
}

/// A round trip whose fills follow from two signals.
struct RoundTrip {
    entry_row: usize,
    exit_row: usize,
    entry: Leg,
    exit: Leg,
    levels: Levels,
    requirement: Option<f64>,
    /// Lowest and highest price between the fills.
    range: MinMax,
    gross_pnl: f64,
}

impl Chain<'_> {
    /// Simulates rows of `range` as long as every round trip ends in them; returns their number.
    ///
    /// Without a position or a pending order before them. One may be open after them: it has been entered at the open of
    /// the next row, of which nothing else has been simulated.
    ///
    /// # Errors
    /// `FillPrice`, as in single bars.
    pub fn run(mut self, range: Range<usize>) -> Result<usize, Error> {
        let new_point = self.writer.ledger.equity.len();
        let decided = self.writer.ledger.decisions.code.len();
        let Range { start: first, end } = range;
        // Bits instead of a number a row: a round trip changes a word or two.
        let positions = Positions::none(end);
        let mut progress = Progress { first, row: first, end, new_row: first, new_point, held: 0, decided, positions };
        let outcome = self.follow(&mut progress);
        // Before an error is returned: the rows until then are part of the ledger.
        let taken = first..progress.row;
        self.add_points(&mut progress, taken.end);
        if self.plan.record_decisions {
            self.writer.take_signals(&self.columns.rows(taken.start, taken.end));
            if !self.plan.filter.separates() {
                self.decide(taken.clone(), &progress);
            }
        }
        outcome.map(|()| taken.len())
    }

    /// Goes from one flat row to the next.
    fn follow(&mut self, progress: &mut Progress) -> Result<(), Error> {
        let end = progress.end;
        while progress.row < end {
            let from = progress.row + self.held_back(self.state.last_fill_ns, progress.row..end);
            let found = self.bits.next_order(0, from..end);
            let rows = progress.row..found.map_or(end, |row| row + 1);
            self.flat(rows.clone(), progress);
            self.judge(rows.clone(), progress, self.state.last_fill_ns, 0);
            progress.row = rows.end;
            let Some(row) = found else { break };
            // The next block executes the order, so it has to carry all that any rule may ask for.
            if rows.end == end {
                self.state.pending = Some(Order { atr: self.rows.row(row).atr, ..self.order(row, 0) });
                break;
            }
            let mut order = Some(self.order(row, 0));
            while let Some(opening) = order {
                order = match self.round_trip(&opening, progress) {
                    Some(closing) => Some(closing).filter(|order| order.reverses(self.plan.execution())),
                    None => {
                        // The definition of a fill decides what this one could not.
                        self.execute(&opening, progress.row)?;
                        if self.state.position.is_some() {
                            return Ok(());
                        }
                        None
                    }
                };
            }
        }
        Ok(())
    }

    /// Simulates a round trip that opens with an order at the next row; returns the order that closes it.
    ///
    /// `None`, and nothing is changed, if the round trip does not end in these rows, or if its fills are not certain.
    #[inline(always)]
    fn round_trip(&mut self, order: &Order, progress: &mut Progress) -> Option<Order> {
        let rules = self.plan.execution();
        let entry_row = progress.row;
        let direction = order.side();
        let entry_at = self.at(entry_row);
        let equity = self.state.account.balance;
        let opening = Leg::opening(rules, order, &self.quote(entry_row), equity, entry_at.bar);
        let Ok(Ok((entry, levels))) = opening else { return None };
        // Nothing is booked before the exit is known: half a round trip would have to be taken back.
        let from = entry_row + self.held_back(Some(entry_at.time), entry_row..progress.end);
        let decided = self.bits.next_order(direction, from..progress.end)?;
        let exit_row = decided + 1;
        if exit_row == progress.end {
            return None;
        }
        let exit = Leg::closing(rules, direction, entry.quantity, &self.quote(exit_row), self.bar_of(exit_row)).ok()?;
        // A copy, which stays in registers from fill to fill.
        let mut account = self.state.account;
        entry.pay(rules, &mut account);
        let requirement = entry.requirement(rules, equity);
        let range = self.hold(&entry, &account, requirement, entry_row..exit_row)?;
        self.count_held(&entry, account, entry_row..exit_row, progress);
        exit.pay(rules, &mut account);
        let gross_pnl = account.settle(exit.priced.rate);
        self.judge(entry_row..exit_row, progress, Some(entry_at.time), direction);
        progress.positions.add(direction, &(entry_row..exit_row));
        let closing = self.order(decided, direction);
        let trip = RoundTrip { entry_row, exit_row, entry, exit, levels, requirement, range, gross_pnl };
        self.book(&trip, order.confidence, closing.confidence);
        self.state.account = account;
        progress.row = exit_row;
        Some(closing)
    }

    /// Books both fills and the round trip, as `Trading` does.
    #[inline(always)]
    fn book(&mut self, trip: &RoundTrip, entry_confidence: Option<f32>, exit_confidence: Option<f32>) {
        let RoundTrip { entry_row, exit_row, entry, exit, levels, requirement, range, gross_pnl } = *trip;
        let rules = self.plan.execution();
        let [entry_at, exit_at] = [entry_row, exit_row].map(|row| self.at(row));
        let [entry_costs, exit_costs] = [entry, exit].map(|leg| leg.costs(rules));
        let State { metrics, next_trade_id, last_fill_ns, .. } = &mut *self.state;
        let trade_id = *next_trade_id;
        *next_trade_id += 1;
        *last_fill_ns = Some(exit_at.time);
        // In the order of single bars: sums of money keep the bits of their order.
        metrics.fill_twice([entry_costs, exit_costs]);
        self.writer.fill(entry.row(entry_at, trade_id, Reason::Signal, &entry_costs));
        let fill = exit.row(exit_at, trade_id, Reason::Signal, &exit_costs);
        self.writer.fill(fill);
        let mut position = entry.position(entry_at, trade_id, entry_confidence, &entry_costs, levels, requirement);
        // Of the bar of the exit the position has seen the open, and nothing else.
        for price in [range.0, range.1, self.rows.bars.open[exit_row]] {
            position.note_price(price);
        }
        let trade = exit.trade(rules, &mut position, &fill, gross_pnl, exit_confidence);
        metrics.trade(&trade);
        self.writer.trade(trade);
    }

    /// Returns the order that a row places at a position of that direction.
    #[inline]
    fn order(&self, row: usize, direction: i8) -> Order {
        let signal = against(self.columns.signals[row], direction);
        // Neither a level nor the size of these rules asks for ATR or volatility.
        Order { signal, confidence: Some(self.columns.confidence(row)), atr: f64::NAN, sigma: None }
    }

    /// Executes an order at the open of a row.
    fn execute(&mut self, order: &Order, row: usize) -> Result<(), Error> {
        let at = self.at(row);
        let mut trading = Trading { plan: self.plan, state: self.state, writer: self.writer, at, last: false };
        trading.execute_at_open(order, self.rows.bars.open[row], &self.rows.previous(row))
    }

    #[inline]
    fn at(&self, row: usize) -> At {
        At { bar: self.bar_of(row), time: self.rows.bars.timestamp[row] }
    }

    fn bar_of(&self, row: usize) -> i64 {
        self.rows.first_bar + row as i64
    }

    #[inline(always)]
    fn quote(&self, row: usize) -> Quote {
        Quote::at_open(self.rows.bars.open[row], &self.rows.previous(row))
    }

    /// Counts the rows too soon after the last fill.
    #[inline]
    fn held_back(&self, last_fill_ns: Option<i64>, rows: Range<usize>) -> usize {
        let free_ns = self.plan.filter.free_from_ns(last_fill_ns);
        free_ns.map_or(0, |free_ns| rows_before(&self.rows.bars.timestamp[rows], free_ns))
    }

    /// Writes the equity of rows without a position.
    #[inline]
    fn flat(&mut self, rows: Range<usize>, progress: &mut Progress) {
        let balance = self.state.account.balance;
        if self.leaves_out(&rows) {
            self.add_points(progress, rows.start);
            progress.new_row = rows.end;
            let first_bar = self.bar_of(rows.start);
            self.state.metrics.mark_flat(first_bar, &self.rows.bars.timestamp[rows], balance);
            return;
        }
        let equity = &mut self.writer.ledger.equity;
        let end = equity.len() + rows.len();
        // A plain fill writes whole pages faster than any loop of lanes.
        if rows.len() >= LONG_ROWS {
            equity.resize(end, balance);
            return;
        }
        // Whole lanes, cut where the rows end: a loop over so few rows would end each time where nobody expects it.
        while equity.len() < end {
            prefetch_index(&equity[..], equity.len() + ROWS_AHEAD);
            equity.extend_from_slice(&[balance; LANES]);
        }
        equity.truncate(end);
    }

    /// Returns true for rows whose equity is not written: nobody keeps it, and its extremes are known.
    fn leaves_out(&self, rows: &Range<usize>) -> bool {
        rows.len() >= LONG_ROWS && !self.writer.keeps_curve()
    }

    /// Counts the rows of a position that is held, which `hold` has written unless it leaves them out.
    #[inline]
    fn count_held(&mut self, entry: &Leg, account: Account, rows: Range<usize>, progress: &mut Progress) {
        if !self.leaves_out(&rows) {
            progress.held += rows.len();
            return;
        }
        self.add_points(progress, rows.start);
        progress.new_row = rows.end;
        let holding = self.plan.holding(f64::from(entry.side) * entry.quantity);
        let curve = HeldCurve::of(self.rows, self.ranges, holding, account);
        let stamps = &self.rows.bars.timestamp[rows.clone()];
        self.state.metrics.mark_held(self.bar_of(rows.start), stamps, &curve);
    }

    /// Writes the equity of rows at which nothing but the mark of a position changes; returns their extremes.
    ///
    /// `None`, and nothing is written, if one of them may touch the level of liquidation.
    #[inline(always)]
    fn hold(&mut self, entry: &Leg, account: &Account, requirement: Option<f64>, rows: Range<usize>) -> Option<MinMax> {
        let holding = self.plan.holding(f64::from(entry.side) * entry.quantity);
        let marked = self.writer.ledger.equity.len();
        let range = if self.leaves_out(&rows) { self.ranges.range(rows) } else { self.mark(&holding, account, rows) };
        let Account { balance, quote_cash } = *account;
        if hold::is_far_from_liquidation(requirement, &holding, quote_cash, &[balance], &[1.0], range) {
            return Some(range);
        }
        self.writer.ledger.equity.truncate(marked);
        None
    }

    #[inline(always)]
    fn mark(&mut self, holding: &Holding, account: &Account, rows: Range<usize>) -> MinMax {
        let bars = &self.rows.bars;
        let equity = &mut self.writer.ledger.equity;
        let at = |close: f64| holding.equity(account, close, 1.0);
        if rows.len() >= LONG_ROWS || rows.start + rows.len().next_multiple_of(LANES) > bars.len() {
            equity.extend(bars.close[rows.clone()].iter().map(|&close| at(close)));
            return self.ranges.range(rows);
        }
        // As in `flat`; the lanes behind the rows count neither as equity nor as extremes.
        let end = equity.len() + rows.len();
        let [lows, highs, closes] = [bars.low, bars.high, bars.close].map(|column| column[rows.start..].as_chunks().0);
        let mut extremes = Extremes::none();
        for (step, ((lows, highs), closes)) in lows.iter().zip(highs).zip(closes).enumerate() {
            prefetch_index(&equity[..], equity.len() + ROWS_AHEAD);
            equity.extend_from_slice(&closes.map(at));
            extremes.add_first(rows.len() - step * LANES, lows, highs);
            if equity.len() >= end {
                break;
            }
        }
        equity.truncate(end);
        extremes.min_max()
    }

    /// Writes the decisions on rows where a fill can hold signals back; the order at the last of them is one.
    #[inline]
    fn judge(&mut self, rows: Range<usize>, progress: &Progress, last_fill_ns: Option<i64>, direction: i8) {
        if self.plan.record_decisions && self.plan.filter.separates() {
            self.judge_each(rows, progress, last_fill_ns, direction);
        }
    }

    fn judge_each(&mut self, rows: Range<usize>, progress: &Progress, last_fill_ns: Option<i64>, direction: i8) {
        let filter = &self.plan.filter;
        let codes = &mut self.writer.ledger.decisions.code;
        let Progress { first, decided, .. } = *progress;
        // A row without a signal or an undefined confidence has this code, whatever the position.
        codes.resize(decided + rows.end - first, Decision::Hold as u8);
        self.bits.each_noted(rows, |row| {
            let stamp_ns = self.rows.bars.timestamp[row];
            let signal = self.columns.signals[row];
            let confidence = self.columns.confidence(row);
            let verdict = filter.judge(signal, confidence, stamp_ns, last_fill_ns, direction);
            codes[decided + row - first] = verdict.decision() as u8;
        });
    }

    /// Writes the decisions on all rows of a chain where no fill holds signals back.
    ///
    /// Then a decision depends on signal, confidence and position alone, and a table has most of them: the branches of
    /// `judge` would be taken by chance.
    fn decide(&mut self, rows: Range<usize>, progress: &Progress) {
        let filter = &self.plan.filter;
        let tables = [-1, 0, 1].map(|position| filter.codes(position));
        let codes = &mut self.writer.ledger.decisions.code;
        codes.resize(progress.decided + rows.len(), Decision::Hold as u8);
        let codes = &mut codes[progress.decided..];
        self.bits.each_noted(rows.clone(), |row| {
            let confidence = self.columns.confidence(row);
            let signal = self.columns.signals[row];
            // Confidence decides before the position does, so any position gives the code of the others.
            codes[row - rows.start] = if filter.is_confident(confidence) {
                tables[(progress.positions.at(row) + 1) as usize][(signal - Columns::ENTER_SHORT) as usize]
            } else {
                filter.judge(signal, confidence, 0, None, 0).decision() as u8
            };
        });
    }

    /// Adds the equity that was written of rows up to `end` to the metrics, all of it at once.
    fn add_points(&mut self, progress: &mut Progress, end: usize) {
        let Progress { new_row, new_point, held, .. } = *progress;
        let equity = &self.writer.ledger.equity;
        let stamps = &self.rows.bars.timestamp[new_row..end];
        self.state.metrics.mark_many(self.bar_of(new_row), stamps, &equity[new_point..], held);
        progress.new_row = end;
        progress.new_point = equity.len();
        progress.held = 0;
    }
}
