//! One side of a round trip: a fill with its money, before anything is booked.
//!
//! A single bar and a chain of fills make their legs, positions and rows here, so that both give the same bits.

use crate::error::Error;
use crate::ledger::column::Symbol;
use crate::ledger::schema::{Fill, Trade};
use crate::market::rows::Quote;
use crate::metrics::accumulator::FillCosts;
use crate::money::account::Account;
use crate::money::costs;
use crate::money::position::Position;
use crate::money::sizing::{self, SizingInput, SizingOutcome};
use crate::orders::matching::{self, Levels, Reason};
use crate::orders::order::{Order, RejectionReason};
use crate::orders::price::{self, Priced};
use crate::rules::Execution;

/// The bar of a fill.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    /// Index of the bar in the run.
    pub bar: i64,
    /// Stamp of the bar, ns UTC.
    pub time: i64,
}

/// A fill with its money.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leg {
    /// Side: +1 buy, -1 sell.
    pub side: i8,
    /// Number of units, above 0.
    pub quantity: f64,
    /// Price of the fill.
    pub priced: Priced,
    /// Notional in account currency.
    pub notional: f64,
    /// Commission in account currency.
    pub commission: f64,
}

/// An order that opens nothing: the reason, and the unrounded quantity wanted, if it was computed.
pub(crate) type Refusal = (RejectionReason, Option<f64>);

impl Leg {
    /// Prices the money of a fill.
    #[inline(always)]
    pub fn new(rules: &Execution, side: i8, quantity: f64, priced: Priced) -> Self {
        let unit = rules.instrument.contract_multiplier * priced.rate;
        let notional = price::notional(quantity, priced.price, unit);
        let commission = costs::commission(&rules.commission, notional, quantity);
        Self { side, quantity, priced, notional, commission }
    }

    /// Returns the fill that an order opens a position with, and the levels of that position.
    ///
    /// # Errors
    /// `FillPrice` for a price that is not above 0.
    #[inline(always)]
    pub fn opening(
        rules: &Execution,
        order: &Order,
        quote: &Quote,
        equity: f64,
        bar: i64,
    ) -> Result<Result<(Self, Levels), Refusal>, Error> {
        let side = f64::from(order.side());
        let priced = price::at_market(rules, side, quote);
        priced.require_positive(bar)?;
        let Some(levels) = matching::levels(rules, side, priced.price, order.atr) else {
            return Ok(Err((RejectionReason::StopDistance, None)));
        };
        // Sized at the reference price, accepted at the fill price.
        let unit = rules.instrument.contract_multiplier * quote.rate;
        let unit_value = quote.reference * unit;
        let input = SizingInput { equity, unit_value, unit_cost: priced.price * unit, sigma: order.sigma };
        Ok(match sizing::size(rules, &input) {
            SizingOutcome::Quantity(quantity) => Ok((Self::new(rules, order.side(), quantity, priced), levels)),
            SizingOutcome::Volatility => Err((RejectionReason::Volatility, None)),
            SizingOutcome::BelowLot(wanted) => Err((RejectionReason::BelowLot, Some(wanted))),
            SizingOutcome::Margin(wanted) => Err((RejectionReason::Margin, Some(wanted))),
        })
    }

    /// Returns the fill that closes a position.
    ///
    /// # Errors
    /// `FillPrice` for a price that is not above 0.
    #[inline(always)]
    pub fn closing(rules: &Execution, direction: i8, quantity: f64, quote: &Quote, bar: i64) -> Result<Self, Error> {
        let priced = price::at_market(rules, -f64::from(direction), quote);
        priced.require_positive(bar)?;
        Ok(Self::new(rules, -direction, quantity, priced))
    }

    /// Moves the money of the fill in an account.
    #[inline(always)]
    pub fn pay(&self, rules: &Execution, account: &mut Account) {
        let signed_quantity = f64::from(self.side) * self.quantity;
        account.trade(signed_quantity, self.priced.price, rules.instrument.contract_multiplier);
        account.pay(self.commission);
    }

    /// Returns the costs of the fill.
    #[inline(always)]
    pub fn costs(&self, rules: &Execution) -> FillCosts {
        let units = self.quantity * rules.instrument.contract_multiplier;
        let (slippage, spread) = self.priced.costs(f64::from(self.side), units);
        FillCosts { notional: self.notional, commission: self.commission, slippage, spread }
    }

    /// Returns the fill as a row of the ledger.
    #[inline(always)]
    pub fn row(&self, at: At, trade_id: i64, reason: Reason, costs: &FillCosts) -> Fill {
        Fill {
            bar: at.bar,
            time: at.time,
            symbol: Symbol,
            trade_id,
            side: self.side,
            quantity: self.quantity,
            price: self.priced.price,
            reference_price: self.priced.reference,
            commission: self.commission,
            slippage: costs.slippage,
            spread: costs.spread,
            reason: reason as u8,
        }
    }

    /// Returns the equity at which the position that this leg opens is liquidated; `equity` is that before the fill.
    #[inline(always)]
    pub fn requirement(&self, rules: &Execution, equity: f64) -> Option<f64> {
        // Only borrowed positions can be liquidated: shorts, and longs that cost more than the equity.
        let borrowed = self.side < 0 || self.notional + self.commission > equity * sizing::ROUNDING;
        let margin = &rules.margin;
        borrowed.then(|| margin.maintenance * self.notional / margin.max_leverage)
    }

    /// Returns the position that this leg opens.
    #[inline(always)]
    pub fn position(
        &self,
        at: At,
        trade_id: i64,
        confidence: Option<f32>,
        costs: &FillCosts,
        levels: Levels,
        requirement: Option<f64>,
    ) -> Position {
        Position {
            trade_id,
            direction: self.side,
            quantity: self.quantity,
            entry_bar: at.bar,
            entry_ns: at.time,
            entry_price: self.priced.price,
            entry_notional: self.notional,
            entry_confidence: confidence.unwrap_or(f32::NAN),
            commission: self.commission,
            financing: 0.0,
            slippage: costs.slippage,
            spread: costs.spread,
            highest: self.priced.price,
            lowest: self.priced.price,
            stop: levels.stop,
            target: levels.target,
            trailing: levels.trailing,
            requirement,
        }
    }

    /// Returns the round trip of a position that this leg, booked as `fill`, closes.
    #[inline(always)]
    pub fn trade(
        &self,
        rules: &Execution,
        position: &mut Position,
        fill: &Fill,
        gross_pnl: f64,
        confidence: Option<f32>,
    ) -> Trade {
        position.note_price(self.priced.price);
        position.commission += fill.commission;
        position.slippage += fill.slippage;
        position.spread += fill.spread;
        let unit = rules.instrument.contract_multiplier * self.priced.rate;
        Trade::closed(position, fill, gross_pnl, unit, confidence)
    }
}
