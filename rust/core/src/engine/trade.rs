//! Orders and exits become fills, positions and round trips.

use crate::engine::bar::Turn;
use crate::error::Error;
use crate::ledger::tables::{Fill, Trade};
use crate::market::rows::Quote;
use crate::metrics::accumulator::FillCosts;
use crate::money::costs;
use crate::money::position::Position;
use crate::money::sizing::{self, Grant, Offer};
use crate::orders::matching::{self, Ambiguous, Exit, Levels, Reason};
use crate::orders::order::{Order, RefusalReason};
use crate::orders::price::{self, Priced};
use crate::rules::OnOpposite;

impl Turn<'_> {
    /// Executes an order: against a position it closes all of it, and may then open the other side.
    pub(crate) fn execute(&mut self, order: &Order, quote: &Quote) -> Result<(), Error> {
        if self.desk.position.is_some() {
            let reason = if order.confidence.is_some() { Reason::Signal } else { Reason::MaxHolding };
            self.close_at_market(quote, reason, order.confidence)?;
            if !self.reverses(order) {
                return Ok(());
            }
        }
        let execution = self.plan.execution();
        if self.last && self.plan.fills_at_close() && execution.close_at_end {
            self.refuse(order.side, None, RefusalReason::EndOfData);
            return Ok(());
        }
        self.open(order, quote)
    }

    fn reverses(&self, order: &Order) -> bool {
        let execution = self.plan.execution();
        let may_open = order.side > 0 || execution.allow_short;
        execution.on_opposite == OnOpposite::Reverse && order.confidence.is_some() && may_open
    }

    fn open(&mut self, order: &Order, quote: &Quote) -> Result<(), Error> {
        let execution = self.plan.execution();
        let side = f64::from(order.side);
        let priced = price::at_market(execution, side, quote);
        priced.require_positive(self.row.bar)?;
        let Some(levels) = matching::levels(&execution.exits, side, priced.price, order.atr) else {
            self.refuse(order.side, None, RefusalReason::StopDistance);
            return Ok(());
        };
        let unit = self.plan.multiplier() * quote.rate;
        let offer = Offer {
            equity: self.desk.account.cash,
            unit_value: quote.reference * unit,
            unit_cost: priced.price * unit,
            sigma: order.sigma,
        };
        match sizing::size(execution, &offer) {
            Grant::Quantity(quantity) => self.enter(order, &priced, quantity, levels),
            Grant::Volatility => self.refuse(order.side, None, RefusalReason::Volatility),
            Grant::BelowLot(wanted) => self.refuse(order.side, Some(wanted), RefusalReason::BelowLot),
            Grant::Margin(wanted) => self.refuse(order.side, Some(wanted), RefusalReason::Margin),
        }
        Ok(())
    }

    fn enter(&mut self, order: &Order, priced: &Priced, quantity: f64, levels: Levels) {
        let equity = self.desk.account.cash;
        let trade_id = self.desk.next_trade_id;
        self.desk.next_trade_id += 1;
        let (fill, notional) = self.book_fill(trade_id, order.side, quantity, priced, Reason::Signal);
        let borrowed = order.side < 0 || notional + fill.commission > equity * sizing::ROUNDING;
        let margin = &self.plan.execution().margin;
        self.desk.position = Some(Position {
            trade_id,
            direction: order.side,
            quantity,
            entry_bar: self.row.bar,
            entry_ns: self.row.time,
            entry_price: priced.price,
            entry_notional: notional,
            entry_confidence: order.confidence.unwrap_or(f32::NAN),
            commission: fill.commission,
            financing: 0.0,
            slippage: fill.slippage,
            spread: fill.spread,
            highest: priced.price,
            lowest: priced.price,
            stop: levels.stop,
            target: levels.target,
            trailing: levels.trailing,
            requirement: borrowed.then(|| margin.maintenance * notional / margin.max_leverage),
        });
    }

    /// Books a fill in account, metrics and ledger; returns it with its notional.
    fn book_fill(&mut self, trade_id: i64, side: i8, quantity: f64, priced: &Priced, reason: Reason) -> (Fill, f64) {
        let (desk, sign, multiplier) = (&mut *self.desk, f64::from(side), self.plan.multiplier());
        let notional = quantity * (priced.price * (multiplier * priced.rate));
        let commission = costs::commission(&self.plan.rules.execution.commission, notional, quantity);
        let (slippage, spread) = priced.costs(sign, quantity * multiplier);
        desk.account.trade(sign * quantity, priced.price, multiplier);
        desk.account.pay(commission);
        desk.last_fill_ns = Some(self.row.time);
        desk.metrics.fill(FillCosts { notional, commission, slippage, spread });
        let fill = Fill {
            bar: self.row.bar,
            time: self.row.time,
            trade_id,
            side,
            quantity,
            price: priced.price,
            reference_price: priced.reference,
            commission,
            slippage,
            spread,
            reason: reason as u8,
        };
        self.book.fills.push(fill);
        (fill, notional)
    }

    /// Takes an exit inside the bar; of an ambiguous bar the exits not taken are compared with it.
    pub(crate) fn exit(&mut self, exit: Exit, ambiguous: Option<Ambiguous>) -> Result<(), Error> {
        let Some(position) = &self.desk.position else { return Ok(()) };
        let (priced, reason) = self.price_exit(position, exit);
        if !matches!(exit, Exit::Target | Exit::GapTarget) {
            priced.require_positive(self.row.bar)?;
        }
        if let Some(Ambiguous { adverse, target }) = ambiguous {
            let taken = self.net_at(position, &priced);
            let [worse, better] =
                [adverse, target].map(|exit| self.net_at(position, &self.price_exit(position, exit).0));
            self.desk.metrics.ambiguous(worse - taken, better - taken);
        }
        self.close(&priced, reason, None);
        Ok(())
    }

    fn price_exit(&self, position: &Position, exit: Exit) -> (Priced, Reason) {
        let (execution, side) = (self.plan.execution(), -position.sign());
        let open = self.row.at_open(self.past);
        match exit {
            Exit::Market { reference, reason } => {
                (price::at_market(execution, side, &Quote { reference, ..open }), reason)
            }
            Exit::GapTarget => (price::at_gap(execution, side, &open), Reason::TakeProfit),
            Exit::Target => {
                let level = position.target.unwrap_or(open.reference);
                (price::at_limit(execution, side, level, open.rate), Reason::TakeProfit)
            }
        }
    }

    /// Net P&L of the open position had it left at that price.
    fn net_at(&self, position: &Position, priced: &Priced) -> f64 {
        let multiplier = self.plan.multiplier();
        let gross = self.desk.account.open_gross(position.net(), priced.price, multiplier, priced.rate);
        let notional = position.quantity * (priced.price * (multiplier * priced.rate));
        let commission = costs::commission(&self.plan.execution().commission, notional, position.quantity);
        gross - (position.commission + commission) - position.financing
    }

    pub(crate) fn close_at_market(
        &mut self,
        quote: &Quote,
        reason: Reason,
        confidence: Option<f32>,
    ) -> Result<(), Error> {
        let Some(position) = &self.desk.position else { return Ok(()) };
        let priced = price::at_market(self.plan.execution(), -position.sign(), quote);
        priced.require_positive(self.row.bar)?;
        self.close(&priced, reason, confidence);
        Ok(())
    }

    /// Books the closing fill and the round trip.
    fn close(&mut self, priced: &Priced, reason: Reason, confidence: Option<f32>) {
        let Some(mut position) = self.desk.position.take() else { return };
        let (fill, _) = self.book_fill(position.trade_id, -position.direction, position.quantity, priced, reason);
        let gross_pnl = self.desk.account.settle(priced.rate);
        position.see(priced.price);
        position.commission += fill.commission;
        position.slippage += fill.slippage;
        position.spread += fill.spread;
        let unit = self.plan.multiplier() * priced.rate;
        let trade = Trade::closed(&position, &fill, gross_pnl, unit, confidence);
        self.desk.metrics.trade(&trade);
        self.book.trades.push(trade);
    }
}
