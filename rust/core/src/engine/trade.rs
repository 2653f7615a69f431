//! Orders and exits become fills, positions and round trips.

use crate::engine::bar::BarStep;
use crate::error::Error;
use crate::ledger::column::Symbol;
use crate::ledger::schema::{Fill, Trade};
use crate::market::rows::Quote;
use crate::metrics::accumulator::FillCosts;
use crate::money::costs;
use crate::money::position::Position;
use crate::money::sizing::{self, SizingInput, SizingOutcome};
use crate::orders::matching::{self, Ambiguous, Exit, Levels, Reason};
use crate::orders::order::{Order, RejectionReason};
use crate::orders::price::{self, Priced};
use crate::rules::OnOpposite;

impl BarStep<'_> {
    /// Executes an order. Against a position it closes all of it, and may then open the other side.
    pub(super) fn execute(&mut self, order: &Order, quote: &Quote) -> Result<(), Error> {
        if self.state.position.is_some() {
            let reason = if order.confidence.is_some() { Reason::Signal } else { Reason::MaxHolding };
            self.close_at_market(quote, reason, order.confidence)?;
            if !self.reverses(order) {
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

    fn reverses(&self, order: &Order) -> bool {
        let execution = self.plan.execution();
        let asked = order.enters() || execution.on_opposite == OnOpposite::Reverse;
        let allowed = order.side() > 0 || execution.allow_short;
        asked && allowed && !order.only_closes()
    }

    /// Opens a position, or records why not.
    fn open(&mut self, order: &Order, quote: &Quote) -> Result<(), Error> {
        let execution = self.plan.execution();
        let side = f64::from(order.side());
        let priced = price::at_market(execution, side, quote);
        priced.require_positive(self.row.bar)?;
        let Some(levels) = matching::levels(execution, side, priced.price, order.atr) else {
            self.reject(order.side(), None, RejectionReason::StopDistance);
            return Ok(());
        };
        // Sized at the reference price, accepted at the fill price.
        let unit = self.plan.multiplier() * quote.rate;
        let input = SizingInput {
            equity: self.state.account.balance,
            unit_value: quote.reference * unit,
            unit_cost: priced.price * unit,
            sigma: order.sigma,
        };
        match sizing::size(execution, &input) {
            SizingOutcome::Quantity(quantity) => self.enter(order, &priced, quantity, levels),
            SizingOutcome::Volatility => self.reject(order.side(), None, RejectionReason::Volatility),
            SizingOutcome::BelowLot(wanted) => self.reject(order.side(), Some(wanted), RejectionReason::BelowLot),
            SizingOutcome::Margin(wanted) => self.reject(order.side(), Some(wanted), RejectionReason::Margin),
        }
        Ok(())
    }

    fn enter(&mut self, order: &Order, priced: &Priced, quantity: f64, levels: Levels) {
        let equity = self.state.account.balance;
        let trade_id = self.state.next_trade_id;
        self.state.next_trade_id += 1;
        let (fill, notional) = self.book_fill(trade_id, order.side(), quantity, priced, Reason::Signal);
        // Only borrowed positions can be liquidated: shorts, and longs that cost more than the equity.
        let borrowed = order.side() < 0 || notional + fill.commission > equity * sizing::ROUNDING;
        let margin = &self.plan.execution().margin;
        self.state.position = Some(Position {
            trade_id,
            direction: order.side(),
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
        let sign = f64::from(side);
        let multiplier = self.plan.multiplier();
        let notional = self.notional(quantity, priced);
        let commission = costs::commission(&self.plan.execution().commission, notional, quantity);
        let (slippage, spread) = priced.costs(sign, quantity * multiplier);
        let state = &mut *self.state;
        state.account.trade(sign * quantity, priced.price, multiplier);
        state.account.pay(commission);
        state.last_fill_ns = Some(self.row.time);
        state.metrics.fill(FillCosts { notional, commission, slippage, spread });
        let fill = Fill {
            bar: self.row.bar,
            time: self.row.time,
            symbol: Symbol,
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
        self.writer.fills.push(fill);
        (fill, notional)
    }

    /// Returns the notional of a fill, account currency.
    fn notional(&self, quantity: f64, priced: &Priced) -> f64 {
        price::notional(quantity, priced.price, self.plan.multiplier() * priced.rate)
    }

    /// Exits inside the bar. Of an ambiguous bar both exits are compared with the one taken.
    pub(super) fn exit(&mut self, exit: Exit, ambiguous: Option<Ambiguous>) -> Result<(), Error> {
        let Some(position) = &self.state.position else { return Ok(()) };
        let (priced, reason) = self.price_exit(position, exit);
        // Only a market price can fall to nothing: a target is a price that was traded.
        if !matches!(exit, Exit::Target | Exit::GapTarget) {
            priced.require_positive(self.row.bar)?;
        }
        if let Some(Ambiguous { adverse, target }) = ambiguous {
            let taken = self.net_at(position, &priced);
            let [worse, better] =
                [adverse, target].map(|exit| self.net_at(position, &self.price_exit(position, exit).0));
            self.state.metrics.ambiguous(worse - taken, better - taken);
        }
        self.close(&priced, reason, None);
        Ok(())
    }

    fn price_exit(&self, position: &Position, exit: Exit) -> (Priced, Reason) {
        let execution = self.plan.execution();
        let side = -position.sign();
        let open = self.row.at_open(self.previous);
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

    /// Returns the net profit of the open position had it left at that price.
    fn net_at(&self, position: &Position, priced: &Priced) -> f64 {
        let holding = self.plan.holding(position.net());
        let gross = holding.open_gross(&self.state.account, priced.price, priced.rate);
        let notional = self.notional(position.quantity, priced);
        let commission = costs::commission(&self.plan.execution().commission, notional, position.quantity);
        gross - (position.commission + commission) - position.financing
    }

    /// Closes the open position at market.
    pub(super) fn close_at_market(
        &mut self,
        quote: &Quote,
        reason: Reason,
        confidence: Option<f32>,
    ) -> Result<(), Error> {
        let Some(position) = &self.state.position else { return Ok(()) };
        let priced = price::at_market(self.plan.execution(), -position.sign(), quote);
        priced.require_positive(self.row.bar)?;
        self.close(&priced, reason, confidence);
        Ok(())
    }

    /// Books the closing fill and the round trip.
    fn close(&mut self, priced: &Priced, reason: Reason, confidence: Option<f32>) {
        let Some(mut position) = self.state.position.take() else { return };
        let (fill, _) = self.book_fill(position.trade_id, -position.direction, position.quantity, priced, reason);
        let gross_pnl = self.state.account.settle(priced.rate);
        position.note_price(priced.price);
        position.commission += fill.commission;
        position.slippage += fill.slippage;
        position.spread += fill.spread;
        let unit = self.plan.multiplier() * priced.rate;
        let trade = Trade::closed(&position, &fill, gross_pnl, unit, confidence);
        self.state.metrics.trade(&trade);
        self.writer.trades.push(trade);
    }
}
