//! One bar, in order: financing, pending order, exits, decision, end of data, mark, trailing.

use crate::engine::plan::Plan;
use crate::engine::state::Desk;
use crate::error::Error;
use crate::ledger::tables::{DecisionRow, Refusal};
use crate::ledger::writer::Book;
use crate::market::rows::{Past, Row, Rows};
use crate::money::position::Position;
use crate::money::sizing;
use crate::orders::matching::{self, Found, Reason};
use crate::orders::order::{Order, RefusalReason};
use crate::rules::Sizing;
use crate::signals::filter::{Decision, Verdict};

/// What one bar is traded with.
pub(crate) struct Turn<'a> {
    /// Rules.
    pub plan: &'a Plan,
    /// State.
    pub desk: &'a mut Desk,
    /// Where it is written down.
    pub book: &'a mut Book,
    /// The rows at hand.
    pub rows: &'a Rows<'a>,
    /// This bar's index in them.
    pub index: usize,
    /// This bar.
    pub row: &'a Row,
    /// What the bar before left; the very first bar's own.
    pub past: &'a Past,
    /// Whether the run ends with this bar.
    pub last: bool,
}

impl Turn<'_> {
    /// Takes the bar, with the signal and confidence known at its close.
    pub fn take(&mut self, signal: i8, confidence: f32) -> Result<(), Error> {
        self.charge_financing();
        self.execute_pending()?;
        self.exit_inside()?;
        self.act_on(signal, confidence)?;
        if self.last {
            self.end_of_data()?;
        }
        self.mark();
        self.move_trailing();
        Ok(())
    }

    /// Places the order that the signal, or the longest holding, leads to; where orders wait for the next open
    /// nothing else of the bar depends on it.
    pub fn act_on(&mut self, signal: i8, confidence: f32) -> Result<(), Error> {
        let Some((side, confidence)) = self.decide(signal, confidence) else { return Ok(()) };
        self.place(self.order(side, confidence))
    }

    fn charge_financing(&mut self) {
        let Some(position) = &mut self.desk.position else { return };
        let Some(carry) = self.plan.carry(position.net()) else { return };
        let charge = carry.charge(position.quantity * self.plan.multiplier(), self.past, self.row.time);
        position.financing += charge;
        self.desk.account.pay(charge);
        self.desk.metrics.finance(charge);
    }

    fn execute_pending(&mut self) -> Result<(), Error> {
        let Some(order) = self.desk.pending.take() else { return Ok(()) };
        if let Some(position) = &mut self.desk.position {
            position.see(self.row.open);
        }
        let quote = self.row.at_open(self.past);
        self.execute(&order, &quote)
    }

    fn exit_inside(&mut self) -> Result<(), Error> {
        let Some(position) = &mut self.desk.position else { return Ok(()) };
        position.see(self.row.open);
        let multiplier = self.plan.multiplier();
        let (account, net, rate) = (&self.desk.account, position.net(), self.past.rate);
        let liquidation = position.requirement.map(|equity| account.price_at(equity, net, multiplier, rate));
        let prices = [self.row.open, self.row.high, self.row.low];
        let half_spread = self.past.half_spread;
        let rule = self.plan.execution().intrabar;
        let Some(Found { exit, ambiguous }) = matching::inside(position, liquidation, prices, half_spread, rule) else {
            position.see(self.row.high);
            position.see(self.row.low);
            return Ok(());
        };
        self.exit(exit, ambiguous)
    }

    /// Side and confidence of that order.
    fn decide(&mut self, signal: i8, confidence: f32) -> Option<(i8, Option<f32>)> {
        let direction = self.desk.position.as_ref().map_or(0, |position| position.direction);
        let verdict = self.plan.filter.judge(signal, confidence, self.row.time, self.desk.last_fill_ns, direction);
        let (mut decision, mut order) = match verdict {
            Verdict::Order => (Decision::Traded, Some((signal, Some(confidence)))),
            Verdict::Pass(decision) => (decision, None),
            Verdict::AlreadyInPosition => {
                self.refuse(signal, None, RefusalReason::AlreadyInPosition);
                (Decision::Position, None)
            }
        };
        if order.is_none() && self.held_long_enough() {
            (decision, order) = (Decision::MaxHolding, Some((-direction, None)));
        }
        if self.plan.record_decisions {
            self.book.decisions.push(DecisionRow { signal, confidence, code: decision as u8 });
        }
        order
    }

    fn order(&self, side: i8, confidence: Option<f32>) -> Order {
        let sigma = match self.plan.execution().sizing {
            Sizing::VolatilityTarget { window, .. } => self.volatility(window + 1),
            _ => None,
        };
        Order { side, confidence, atr: self.row.atr, sigma }
    }

    /// Annual volatility over the last `rows` rows, this one included; `None` with fewer.
    fn volatility(&self, rows: usize) -> Option<f64> {
        let here = self.index + 1;
        let known = &self.desk.closes;
        let from_known = known.len().checked_sub(rows.saturating_sub(here))?;
        let fresh = here.saturating_sub(rows)..here;
        let bars = &self.rows.bars;
        let news = bars.timestamp[fresh.clone()].iter().copied().zip(bars.close[fresh].iter().copied());
        sizing::annual_volatility(known[from_known..].iter().copied().chain(news))
    }

    fn held_long_enough(&self) -> bool {
        let deadline = self.desk.position.as_ref().and_then(|position| self.plan.deadline(position));
        deadline.is_some_and(|bar| self.row.bar >= bar)
    }

    /// `next_open`: waits for the next bar. `this_close`: executes now.
    fn place(&mut self, order: Order) -> Result<(), Error> {
        if self.plan.fills_at_close() {
            return self.execute(&order, &self.row.at_close(self.past));
        }
        self.desk.pending = Some(order);
        Ok(())
    }

    fn end_of_data(&mut self) -> Result<(), Error> {
        if let Some(order) = self.desk.pending.take() {
            self.refuse(order.side, None, RefusalReason::EndOfData);
        }
        if self.plan.execution().close_at_end && self.desk.position.is_some() {
            let quote = self.row.at_close(self.past);
            self.close_at_market(&quote, Reason::EndOfData, None)?;
        }
        Ok(())
    }

    fn mark(&mut self) {
        let (desk, row) = (&mut *self.desk, self.row);
        let net = desk.position.as_ref().map_or(0.0, Position::net);
        let equity = desk.account.equity(net, row.close, self.plan.multiplier(), row.rate);
        desk.metrics.mark(row.bar, row.time, equity, desk.position.is_some());
        self.book.ledger.equity.push(equity);
    }

    fn move_trailing(&mut self) {
        let follows = self.plan.execution().exits.trail_on;
        let Some(position) = &mut self.desk.position else { return };
        let entered_just_now = self.plan.fills_at_close() && position.entry_bar == self.row.bar;
        if !entered_just_now {
            position.trail_after(follows, self.row);
        }
    }

    pub(crate) fn refuse(&mut self, side: i8, quantity: Option<f64>, reason: RefusalReason) {
        self.desk.metrics.refuse();
        self.book.refused.push(Refusal {
            bar: self.row.bar,
            time: self.row.time,
            side,
            quantity,
            reason: reason as u8,
        });
    }
}
