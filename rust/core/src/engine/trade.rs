//! Orders and exits become fills, positions and round trips.

use crate::engine::leg::{At, Leg};
use crate::engine::plan::Plan;
use crate::engine::state::State;
use crate::error::Error;
use crate::ledger::schema::{Fill, Rejection};
use crate::ledger::writer::LedgerWriter;
use crate::market::rows::{PreviousBar, Quote};
use crate::metrics::accumulator::FillCosts;
use crate::money::position::Position;
use crate::orders::matching::Reason;
use crate::orders::order::{Order, RejectionReason};

/// The fills of one bar, with everything they change.
pub(crate) struct Trading<'a> {
    /// Rules of the run.
    pub plan: &'a Plan,
    /// State that the fills change.
    pub state: &'a mut State,
    /// Ledger that they are written to.
    pub writer: &'a mut LedgerWriter,
    /// Bar of the fills.
    pub at: At,
    /// True if the run ends with this bar.
    pub last: bool,
}

impl Trading<'_> {
    /// Executes an order at the open of the bar.
    #[inline]
    pub fn execute_at_open(&mut self, order: &Order, open: f64, previous: &PreviousBar) -> Result<(), Error> {
        // A position that this order closes has seen the open, and nothing else of the bar.
        if let Some(position) = &mut self.state.position {
            position.note_price(open);
        }
        self.execute(order, &Quote::at_open(open, previous))
    }

    /// Executes an order. Against a position it closes all of it, and may then open the other side.
    pub(super) fn execute(&mut self, order: &Order, quote: &Quote) -> Result<(), Error> {
        if self.state.position.is_some() {
            let reason = if order.confidence.is_some() { Reason::Signal } else { Reason::MaxHolding };
            self.close_at_market(quote, reason, order.confidence)?;
            if !order.reverses(self.plan.execution()) {
                return Ok(());
            }
        }
        let execution = self.plan.execution();
        // The last close would end the position that it opens.
        if self.last && self.plan.fills_at_close() && execution.close_at_end {
            self.reject(order.side(), None, RejectionReason::EndOfData);
            return Ok(());
        }
        self.open(order, quote)
    }

    /// Opens a position, or records why not.
    fn open(&mut self, order: &Order, quote: &Quote) -> Result<(), Error> {
        let equity = self.state.account.balance;
        let rules = self.plan.execution();
        let (leg, levels) = match Leg::opening(rules, order, quote, equity, self.at.bar)? {
            Ok(opening) => opening,
            Err((reason, wanted)) => {
                self.reject(order.side(), wanted, reason);
                return Ok(());
            }
        };
        let trade_id = self.state.next_trade_id;
        self.state.next_trade_id += 1;
        let (costs, _) = self.book(&leg, trade_id, Reason::Signal);
        let requirement = leg.requirement(rules, equity);
        let position = leg.position(self.at, trade_id, order.confidence, &costs, levels, requirement);
        self.state.position = Some(position);
        Ok(())
    }

    /// Books a fill in account, metrics and ledger; returns its costs and its row.
    fn book(&mut self, leg: &Leg, trade_id: i64, reason: Reason) -> (FillCosts, Fill) {
        let rules = self.plan.execution();
        leg.pay(rules, &mut self.state.account);
        let costs = leg.costs(rules);
        self.state.last_fill_ns = Some(self.at.time);
        self.state.metrics.fill(costs);
        let fill = leg.row(self.at, trade_id, reason, &costs);
        self.writer.fill(fill);
        (costs, fill)
    }

    /// Closes the open position at market.
    pub(super) fn close_at_market(
        &mut self,
        quote: &Quote,
        reason: Reason,
        confidence: Option<f32>,
    ) -> Result<(), Error> {
        let Some(Position { direction, quantity, .. }) = self.state.position else { return Ok(()) };
        let leg = Leg::closing(self.plan.execution(), direction, quantity, quote, self.at.bar)?;
        self.close(&leg, reason, confidence);
        Ok(())
    }

    /// Books the closing fill and the round trip.
    pub(super) fn close(&mut self, leg: &Leg, reason: Reason, confidence: Option<f32>) {
        let Some(mut position) = self.state.position.take() else { return };
        let (_, fill) = self.book(leg, position.trade_id, reason);
        let gross_pnl = self.state.account.settle(leg.priced.rate);
        let trade = leg.trade(self.plan.execution(), &mut position, &fill, gross_pnl, confidence);
        self.state.metrics.trade(&trade);
        self.writer.trade(trade);
    }

    /// Records an order that is not executed.
    pub(super) fn reject(&mut self, side: i8, quantity: Option<f64>, reason: RejectionReason) {
        self.state.metrics.reject();
        let At { bar, time } = self.at;
        self.writer.refuse(Rejection { bar, time, side, quantity, reason: reason as u8 });
    }
}
