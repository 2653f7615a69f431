//! A chain of orders that follow from signals alone: many fills in one pass over the rows.
//!
//! Where rules set neither levels nor charges, the row of the next order is known from the bits of the signals, and a
//! fill at an open leaves nothing else of its row to do but the mark. So a chain goes from fill to fill and moves the
//! money; `books` writes what the fills leave behind, at once or on another thread.

use std::ops::Range;

use prefetch_index::prefetch_index;

use crate::engine::bar::against;
use crate::engine::fast::books::{Books, RoundTrip};
use crate::engine::fast::curve::Held;
use crate::engine::fast::decisions::Positions;
use crate::engine::fast::hold;
use crate::engine::fast::look::Block;
use crate::engine::leg::Leg;
use crate::engine::state::State;
use crate::market::bars::LINE_VALUES;
use crate::market::rows::Quote;
use crate::metrics::accumulator::Accumulator;
use crate::money::account::Account;
use crate::money::position::Position;
use crate::orders::matching::{Levels, Reason};
use crate::orders::order::Order;

/// Rows from an entry on that are prefetched: another core may have looked at the block, and has it in its own cache.
///
/// With 128 a chain still waited; 256 and 512 were alike.
const ROWS_AHEAD: usize = 512;

/// The state that a chain changes: all that decides the next fill.
pub(crate) struct Trader<'a> {
    account: &'a mut Account,
    position: &'a mut Option<Position>,
    pending: &'a mut Option<Order>,
    last_fill_ns: &'a mut Option<i64>,
    next_trade_id: &'a mut i64,
}

impl<'a> Trader<'a> {
    /// Borrows the state of a run, and beside it the metrics, which books need.
    pub fn of(state: &'a mut State) -> (Self, &'a mut Accumulator) {
        let State { account, position, pending, last_fill_ns, next_trade_id, metrics, .. } = state;
        (Self { account, position, pending, last_fill_ns, next_trade_id }, metrics)
    }

    /// Returns true if a chain can begin here: nothing but a signal ends the position or has placed the order.
    pub fn can_begin(state: &State) -> bool {
        let is_free = state.position.as_ref().is_none_or(|position| !position.has_price_levels());
        is_free && state.pending.as_ref().is_none_or(|order| order.confidence.is_some())
    }
}

/// The reason why a chain ends.
#[derive(Debug)]
pub(crate) enum End {
    /// All rows are simulated.
    Rows,
    /// The fill of this order, at the open of the next row, is not certain.
    Unsure(Order),
    /// The open position may be liquidated in the next rows, or its exit has no price.
    Stuck,
}

/// The end of a position, as a chain finds it.
enum Exit {
    /// This order has ended it.
    By(Order),
    /// It ends behind the rows.
    Later,
    /// A fill of it is not certain, or it may be liquidated.
    Unsure,
}

/// Rows of a chain with everything they change.
pub(crate) struct Chain<'a, B> {
    /// Block that holds the rows.
    pub block: Block<'a>,
    /// State that the fills change.
    pub trader: Trader<'a>,
    /// Books of the fills.
    pub books: &'a mut B,
    /// Position at the close of each row.
    pub positions: &'a mut Positions,
    /// Next row. Nothing of it is simulated but, after an order of these rows, the fill at its open.
    pub row: usize,
    /// Row behind the last.
    pub end: usize,
    /// Row behind the last that is prefetched.
    pub prefetched: usize,
}

impl<B: Books> Chain<'_, B> {
    /// Simulates rows as long as every fill in them is certain, and leaves `row` behind the last of them.
    pub fn follow(&mut self) -> End {
        let mut order = if self.trader.position.is_some() {
            match self.leave() {
                Exit::Unsure => return End::Stuck,
                Exit::Later => return End::Rows,
                Exit::By(closing) => Some(closing).filter(|order| order.reverses(self.block.plan.execution())),
            }
        } else {
            self.trader.pending.take()
        };
        while self.row < self.end {
            while let Some(opening) = order {
                order = match self.round_trip(&opening) {
                    Exit::By(closing) => Some(closing).filter(|order| order.reverses(self.block.plan.execution())),
                    // The next block has to know the position.
                    Exit::Later if self.enter(&opening) => return End::Rows,
                    _ => {
                        self.flat_to(self.row, self.trader.account.balance);
                        return End::Unsure(opening);
                    }
                };
            }
            let from = self.row + self.block.held_back(*self.trader.last_fill_ns, self.row..self.end);
            let found = self.block.bits.next_order(0, from..self.end);
            self.row = found.map_or(self.end, |row| row + 1);
            order = found.map(|row| self.order(row, 0));
        }
        if self.trader.position.is_none() {
            self.flat_to(self.row, self.trader.account.balance);
            *self.trader.pending = order.map(|order| self.kept(order));
        }
        End::Rows
    }

    /// Simulates a round trip that opens with an order at the next row.
    ///
    /// Nothing is changed if it does not end in these rows, or if its fills are not certain.
    #[inline(always)]
    fn round_trip(&mut self, order: &Order) -> Exit {
        let rules = self.block.plan.execution();
        let entry_row = self.row;
        let direction = order.side();
        let entry_at = self.block.at(entry_row);
        let balance = self.trader.account.balance;
        let Some(entry) = self.opening(order, entry_row, balance) else { return Exit::Unsure };
        self.prefetch(entry_row);
        // Nothing is booked before the exit is known: half a round trip would have to be taken back.
        let from = entry_row + self.block.held_back(Some(entry_at.time), entry_row..self.end);
        let decided = self.block.bits.next_order(direction, from..self.end).filter(|row| row + 1 < self.end);
        let Some(decided) = decided else { return Exit::Later };
        let exit_row = decided + 1;
        let exit_at = self.block.at(exit_row);
        let (exit, is_sold) = Leg::closing_at_once(rules, direction, entry.quantity, &self.block.quote(exit_row));
        if !is_sold {
            return Exit::Unsure;
        }
        // A copy, which stays in registers from fill to fill.
        let mut account = *self.trader.account;
        entry.pay(rules, &mut account);
        let held = account;
        if !self.is_far_from_liquidation(entry.requirement(rules, balance), entry.net(), &held, entry_row..exit_row) {
            return Exit::Unsure;
        }
        exit.pay(rules, &mut account);
        let gross_pnl = account.settle(exit.priced.rate);
        let closing = self.order(decided, direction);
        let trade_id = self.next_trade_id();
        let confidences = [order.confidence, closing.confidence];
        let rows = entry_row..exit_row;
        self.positions.add(direction, &rows);
        self.flat_to(entry_row, balance);
        let last_fill_ns = Some(entry_at.time);
        let range = self.books.hold(&self.block, Held { rows, net: entry.net(), account: &held, last_fill_ns });
        let trip = RoundTrip { entry_at, exit_at, entry, exit, trade_id, range, gross_pnl, confidences };
        self.books.trip(&self.block, &trip);
        *self.trader.account = account;
        *self.trader.last_fill_ns = Some(exit_at.time);
        self.row = exit_row;
        Exit::By(closing)
    }

    /// Opens a position that stays open to the end of the rows, by an order at the next row.
    ///
    /// Returns false, and nothing is changed, if the fill or its liquidation is not certain.
    fn enter(&mut self, order: &Order) -> bool {
        let rules = self.block.plan.execution();
        let row = self.row;
        let at = self.block.at(row);
        let balance = self.trader.account.balance;
        let Some(entry) = self.opening(order, row, balance) else { return false };
        let from = row + self.block.held_back(Some(at.time), row..self.end);
        let decided = self.block.bits.next_order(entry.side, from..self.end);
        let mut account = *self.trader.account;
        entry.pay(rules, &mut account);
        let requirement = entry.requirement(rules, balance);
        if !self.is_far_from_liquidation(requirement, entry.net(), &account, row..self.end) {
            return false;
        }
        let trade_id = self.next_trade_id();
        let costs = entry.costs(rules);
        self.flat_to(row, balance);
        self.books.fill(&costs, entry.row(at, trade_id, Reason::Signal, &costs));
        let position = entry.position(at, trade_id, order.confidence, &costs, Levels::NONE, requirement);
        *self.trader.account = account;
        *self.trader.last_fill_ns = Some(at.time);
        *self.trader.position = Some(position);
        self.hold_to(self.end);
        *self.trader.pending = decided.map(|decided| self.kept(self.order(decided, entry.side)));
        true
    }

    /// Leaves the open position where signals end it, or holds it to the end of the rows.
    ///
    /// Nothing is changed if that is not certain.
    fn leave(&mut self) -> Exit {
        let rules = self.block.plan.execution();
        let Some(position) = &*self.trader.position else { return Exit::Unsure };
        let Position { direction, quantity, .. } = *position;
        let (exit_row, closing) = match *self.trader.pending {
            // The last row of the block before has placed it.
            Some(order) => (self.row, Some(order)),
            None => {
                let from = self.row + self.block.held_back(*self.trader.last_fill_ns, self.row..self.end);
                let decided = self.block.bits.next_order(direction, from..self.end);
                (decided.map_or(self.end, |row| row + 1), decided.map(|row| self.order(row, direction)))
            }
        };
        let rows = self.row..exit_row;
        if !self.is_far_from_liquidation(position.requirement, position.net(), self.trader.account, rows) {
            return Exit::Unsure;
        }
        let Some(closing) = closing.filter(|_| exit_row < self.end) else {
            self.hold_to(self.end);
            *self.trader.pending = closing.map(|order| self.kept(order));
            return Exit::Later;
        };
        let (exit, is_sold) = Leg::closing_at_once(rules, direction, quantity, &self.block.quote(exit_row));
        if !is_sold {
            return Exit::Unsure;
        }
        self.hold_to(exit_row);
        let Some(mut position) = self.trader.position.take() else { return Exit::Unsure };
        let at = self.block.at(exit_row);
        *self.trader.pending = None;
        exit.pay(rules, self.trader.account);
        let gross_pnl = self.trader.account.settle(exit.priced.rate);
        *self.trader.last_fill_ns = Some(at.time);
        let costs = exit.costs(rules);
        let fill = exit.row(at, position.trade_id, Reason::Signal, &costs);
        // Of the bar of the exit the position has seen the open, and nothing else.
        position.note_price(self.block.rows.bars.open[exit_row]);
        let trade = exit.trade(rules, &mut position, &fill, gross_pnl, closing.confidence);
        self.books.fill(&costs, fill);
        self.books.trade(trade);
        Exit::By(closing)
    }

    /// Prefetches rows from an entry on: round trips read most of the rows at which a position is held.
    #[inline(always)]
    fn prefetch(&mut self, entry_row: usize) {
        let bars = &self.block.rows.bars;
        self.prefetched = self.prefetched.max(entry_row);
        while self.prefetched < entry_row + ROWS_AHEAD {
            prefetch_index(bars.timestamp, self.prefetched);
            bars.prefetch_prices(self.prefetched);
            self.prefetched += LINE_VALUES;
        }
    }

    /// Adds rows without a position up to a row.
    #[inline(always)]
    fn flat_to(&mut self, row: usize, balance: f64) {
        self.books.flat(&self.block, row, balance, *self.trader.last_fill_ns);
    }

    /// Holds the open position up to a row.
    fn hold_to(&mut self, row: usize) {
        let rows = self.row..row;
        self.row = row;
        let Trader { account, position, last_fill_ns, .. } = &mut self.trader;
        let Some(position) = position.as_mut().filter(|_| !rows.is_empty()) else { return };
        self.positions.add(position.direction, &rows);
        let held = Held { rows, net: position.net(), account, last_fill_ns: **last_fill_ns };
        let (lowest, highest) = self.books.hold(&self.block, held);
        position.note_price(highest);
        position.note_price(lowest);
    }

    /// Returns the fill that an order opens a position with at the open of a row; `None` if it opens none.
    #[inline(always)]
    fn opening(&self, order: &Order, row: usize, balance: f64) -> Option<Leg> {
        let rules = self.block.plan.execution();
        let quote = self.block.quote(row);
        let (entry, is_certain) = Leg::opening_at_once(rules, order, &quote, balance);
        if is_certain {
            return Some(entry);
        }
        // Most refused orders are for less than a lot, and no search would find more.
        let is_lot = entry.quantity >= rules.instrument.lot_size;
        is_lot.then(|| self.opening_by_search(order, &quote, row, balance))?
    }

    /// Searches for the count of lots that margin allows, where the first look at its equation does not find it.
    #[cold]
    fn opening_by_search(&self, order: &Order, quote: &Quote, row: usize, balance: f64) -> Option<Leg> {
        let opening = Leg::opening(self.block.plan.execution(), order, quote, balance, self.block.at(row).bar);
        opening.ok()?.ok().map(|(entry, _)| entry)
    }

    fn next_trade_id(&mut self) -> i64 {
        *self.trader.next_trade_id += 1;
        *self.trader.next_trade_id - 1
    }

    /// Returns true if no price of these rows can touch the level of liquidation of `net` units, if they have one.
    #[inline(always)]
    fn is_far_from_liquidation(
        &self,
        requirement: Option<f64>,
        net: f64,
        account: &Account,
        rows: Range<usize>,
    ) -> bool {
        if requirement.is_none() || rows.is_empty() {
            return true;
        }
        let holding = self.block.plan.holding(net);
        let Account { balance, quote_cash } = *account;
        let ranges = &self.block.look.ranges;
        let is_far =
            |range| hold::is_far_from_liquidation(requirement, &holding, quote_cash, &[balance], &[1.0], range);
        // Rows around these are known, and mostly far enough: the rows themselves need a look at each.
        ranges.around(&rows).is_some_and(is_far) || is_far(ranges.range(rows))
    }

    /// Returns the order that a row places at a position of that direction.
    #[inline]
    fn order(&self, row: usize, direction: i8) -> Order {
        let columns = &self.block.look.columns;
        let signal = against(columns.signals[row], direction);
        // Neither a level nor the size of these rules asks for ATR or volatility.
        Order { signal, confidence: Some(columns.confidence(row)), atr: f64::NAN, sigma: None }
    }

    /// Returns the order of the last row as it is kept: what executes it may have other rules, which ask for ATR.
    fn kept(&self, order: Order) -> Order {
        Order { atr: self.block.rows.row(self.end - 1).atr, ..order }
    }
}
