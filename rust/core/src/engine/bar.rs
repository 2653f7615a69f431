//! One bar, in order: the definition of a run's result.
//!
//! `BarStep::step` reads like the list on the crate's page. Everything in `fast` must give the bits that this gives.

use crate::engine::leg::At;
use crate::engine::plan::Plan;
use crate::engine::state::State;
use crate::engine::trade::Trading;
use crate::error::Error;
use crate::ledger::schema::DecisionRow;
use crate::ledger::writer::LedgerWriter;
use crate::market::columns::Columns;
use crate::market::rows::{PreviousBar, Row, Rows};
use crate::money::sizing;
use crate::orders::matching::{self, BarExit, Reason};
use crate::orders::order::{Order, RejectionReason};
use crate::rules::sizing::Sizing;
use crate::signals::filter::{Decision, Verdict};

/// One bar with everything it changes.
pub(crate) struct BarStep<'a> {
    /// Rules of the run.
    pub plan: &'a Plan,
    /// State that the bar changes.
    pub state: &'a mut State,
    /// Ledger that the bar is written to.
    pub writer: &'a mut LedgerWriter,
    /// Rows that contain the bar.
    pub rows: &'a Rows<'a>,
    /// Index of the bar in the rows.
    pub index: usize,
    /// Values of the bar.
    pub row: Row,
    /// Values of the bar before; those of the bar itself at the start of a run.
    pub previous: PreviousBar,
    /// True if the run ends with this bar.
    pub last: bool,
}

impl BarStep<'_> {
    /// Simulates the bar, with the signal and the confidence known at its close.
    pub fn step(&mut self, signal: i8, confidence: f32) -> Result<(), Error> {
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

    /// Places the order that the signal or the age of the position asks for.
    ///
    /// With `next_open` nothing else of this bar depends on it, so `fast` calls it after a range of quiet rows.
    pub fn act_on(&mut self, signal: i8, confidence: f32) -> Result<(), Error> {
        let Some((signal, confidence)) = self.decide(signal, confidence) else { return Ok(()) };
        self.place(self.order(signal, confidence))
    }

    fn charge_financing(&mut self) {
        let Some(position) = &mut self.state.position else { return };
        let Some(charge) = self.plan.holding(position.net()).charge(&self.previous, self.row.time) else { return };
        position.financing += charge;
        self.state.account.pay(charge);
        self.state.metrics.finance(charge);
    }

    fn execute_pending(&mut self) -> Result<(), Error> {
        let Some(order) = self.state.pending.take() else { return Ok(()) };
        let Row { open, .. } = self.row;
        let previous = self.previous;
        self.trading().execute_at_open(&order, open, &previous)
    }

    fn exit_inside(&mut self) -> Result<(), Error> {
        let Some(position) = &mut self.state.position else { return Ok(()) };
        position.note_price(self.row.open);
        // After financing: the level of liquidation moves with every charge.
        let holding = self.plan.holding(position.net());
        let account = &self.state.account;
        let rate = self.previous.rate;
        let liquidation = position.requirement.map(|equity| holding.liquidation_price(account, equity, rate));
        let prices = [self.row.open, self.row.high, self.row.low];
        let rule = self.plan.execution().intrabar;
        let exit = matching::exit_inside(position, liquidation, prices, self.previous.half_spread, rule);
        let Some(BarExit { exit, ambiguous }) = exit else {
            // Only a bar that is held to its close has all its prices behind it.
            position.note_price(self.row.high);
            position.note_price(self.row.low);
            return Ok(());
        };
        self.exit(exit, ambiguous)
    }

    /// Applies the filters; returns signal and confidence of the order to place, if any.
    fn decide(&mut self, signal: i8, confidence: f32) -> Option<(i8, Option<f32>)> {
        let direction = self.state.direction();
        let last_fill_ns = self.state.last_fill_ns;
        let verdict = self.plan.filter.judge(signal, confidence, self.row.time, last_fill_ns, direction);
        if verdict == Verdict::AlreadyInPosition {
            self.trading().reject(signal.signum(), None, RejectionReason::AlreadyInPosition);
        }
        let mut decision = verdict.decision();
        let mut order = verdict.is_order().then(|| (against(signal, direction), Some(confidence)));
        // An order that is placed takes precedence over the longest holding.
        if order.is_none() && self.is_held_long_enough() {
            decision = Decision::MaxHolding;
            order = Some((-direction, None));
        }
        if self.plan.record_decisions {
            self.writer.decide(DecisionRow { signal, confidence, code: decision as u8 });
        }
        order
    }

    fn order(&self, signal: i8, confidence: Option<f32>) -> Order {
        // Measured at this close: what follows must not change the size.
        let sigma = match self.plan.execution().sizing {
            Sizing::VolatilityTarget { window, .. } => self.volatility(window + 1),
            _ => None,
        };
        Order { signal, confidence, atr: self.row.atr, sigma }
    }

    /// Returns the annual volatility over the last `rows` rows, this one included; `None` with fewer.
    fn volatility(&self, rows: usize) -> Option<f64> {
        let here = self.index + 1;
        let known = &self.state.closes;
        let from_known = known.len().checked_sub(rows.saturating_sub(here))?;
        let fresh = here.saturating_sub(rows)..here;
        let bars = &self.rows.bars;
        let news = bars.timestamp[fresh.clone()].iter().copied().zip(bars.close[fresh].iter().copied());
        sizing::annual_volatility(known[from_known..].iter().copied().chain(news))
    }

    fn is_held_long_enough(&self) -> bool {
        let deadline = self.state.position.as_ref().and_then(|position| self.plan.deadline(position));
        deadline.is_some_and(|bar| self.row.bar >= bar)
    }

    /// Places an order. With `next_open` it is pending until the next bar, with `this_close` it executes now.
    fn place(&mut self, order: Order) -> Result<(), Error> {
        if self.plan.fills_at_close() {
            let quote = self.row.at_close(&self.previous);
            return self.trading().execute(&order, &quote);
        }
        self.state.pending = Some(order);
        Ok(())
    }

    fn end_of_data(&mut self) -> Result<(), Error> {
        // First the order, then the position: neither outlives the data.
        if let Some(order) = self.state.pending.take() {
            self.trading().reject(order.side(), None, RejectionReason::EndOfData);
        }
        if self.plan.execution().close_at_end && self.state.position.is_some() {
            let quote = self.row.at_close(&self.previous);
            self.trading().close_at_market(&quote, Reason::EndOfData, None)?;
        }
        Ok(())
    }

    fn mark(&mut self) {
        let Row { bar, time, close, rate, .. } = self.row;
        let equity = self.plan.holding(self.state.net()).equity(&self.state.account, close, rate);
        self.state.metrics.mark(bar, time, equity, self.state.position.is_some());
        self.writer.ledger.equity.push(equity);
    }

    fn move_trailing(&mut self) {
        let Some(position) = &mut self.state.position else { return };
        // Entered at this close: high and low of this bar lie before the entry.
        let entered_just_now = self.plan.fills_at_close() && position.entry_bar == self.row.bar;
        if !entered_just_now {
            position.trail_after(self.plan.execution(), &self.row);
        }
    }

    /// Returns the fills of the bar.
    #[inline]
    pub(super) fn trading(&mut self) -> Trading<'_> {
        let Row { bar, time, .. } = self.row;
        Trading { plan: self.plan, state: self.state, writer: self.writer, at: At { bar, time }, last: self.last }
    }
}

/// Returns the signal as an order has it: `CLOSE_ANY` becomes the one that closes the open position.
pub(crate) fn against(signal: i8, direction: i8) -> i8 {
    if signal == Columns::CLOSE_ANY { Columns::CLOSE_LONG * direction } else { signal }
}
