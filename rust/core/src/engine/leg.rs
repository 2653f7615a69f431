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
use crate::number::{Number, Truth};
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
pub(crate) struct Leg<N = f64> {
    /// Side: +1 buy, -1 sell.
    pub side: i8,
    /// Number of units, above 0.
    pub quantity: N,
    /// Price of the fill.
    pub priced: Priced<N>,
    /// Notional in account currency.
    pub notional: N,
    /// Commission in account currency.
    pub commission: N,
}

/// An order that opens nothing: the reason, and the unrounded quantity wanted, if it was computed.
pub(crate) type Refusal = (RejectionReason, Option<f64>);

impl<N: Number> Leg<N> {
    /// Prices the money of a fill.
    #[inline(always)]
    pub fn new(rules: &Execution<N>, side: i8, quantity: N, priced: Priced<N>) -> Self {
        let unit = rules.instrument.contract_multiplier * N::from(priced.rate);
        let notional = price::notional(quantity, priced.price, unit);
        let commission = costs::commission(&rules.commission, notional, quantity);
        Self { side, quantity, priced, notional, commission }
    }

    /// Returns the fill that an order opens a position with where nothing but its money decides, and where that is certain.
    ///
    /// For rules that set no levels. Where it is not certain, `opening` decides.
    #[inline(always)]
    pub fn opening_at_once(rules: &Execution<N>, order: &Order, quote: &Quote, equity: N) -> (Self, N::Is) {
        let priced = price::at_market(rules, f64::from(order.side()), quote);
        let (quantity, is_certain) = sizing::size_at_once(rules, &Self::sizing_input(rules, order, &priced, equity));
        (Self::new(rules, order.side(), quantity, priced), is_certain & priced.is_positive())
    }

    /// Returns the fill that closes a position, and where its price is above 0.
    #[inline(always)]
    pub fn closing_at_once(rules: &Execution<N>, direction: i8, quantity: N, quote: &Quote) -> (Self, N::Is) {
        let priced = price::at_market(rules, -f64::from(direction), quote);
        (Self::new(rules, -direction, quantity, priced), priced.is_positive())
    }

    /// Returns what sizing needs: an order is sized at its reference price, and accepted at its fill price.
    #[inline(always)]
    fn sizing_input(rules: &Execution<N>, order: &Order, priced: &Priced<N>, equity: N) -> SizingInput<N> {
        let unit = rules.instrument.contract_multiplier * N::from(priced.rate);
        let unit_value = N::from(priced.reference) * unit;
        SizingInput { equity, unit_value, unit_cost: priced.price * unit, sigma: order.sigma }
    }

    /// Moves the money of the fill in an account.
    #[inline(always)]
    pub fn pay(&self, rules: &Execution<N>, account: &mut Account<N>) {
        let signed_quantity = N::from(f64::from(self.side)) * self.quantity;
        account.trade(signed_quantity, self.priced.price, rules.instrument.contract_multiplier);
        account.pay(self.commission);
    }

    /// Returns the costs of the fill.
    #[inline(always)]
    pub fn costs(&self, rules: &Execution<N>) -> FillCosts<N> {
        let units = self.quantity * rules.instrument.contract_multiplier;
        let (slippage, spread) = self.priced.costs(f64::from(self.side), units);
        FillCosts { notional: self.notional, commission: self.commission, slippage, spread }
    }

    /// Returns true if the position that this leg opens is borrowed; `equity` is that before the fill.
    #[inline(always)]
    pub fn is_borrowed(&self, equity: N) -> N::Is {
        // Only borrowed positions can be liquidated: shorts, and longs that cost more than the equity.
        let is_short = N::Is::of(self.side < 0);
        is_short | (self.notional + self.commission).is_above(equity * N::from(sizing::ROUNDING))
    }

    /// Returns the equity at which a borrowed position that this leg opens is liquidated.
    #[inline(always)]
    pub fn maintenance(&self, rules: &Execution<N>) -> N {
        let margin = &rules.margin;
        margin.of(margin.maintenance * self.notional)
    }
}

impl Leg {
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
        let input = Self::sizing_input(rules, order, &priced, equity);
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

    /// Returns the signed number of units.
    #[inline(always)]
    pub fn net(&self) -> f64 {
        f64::from(self.side) * self.quantity
    }

    /// Returns the equity at which the position that this leg opens is liquidated, if it is borrowed.
    #[inline(always)]
    pub fn requirement(&self, rules: &Execution, equity: f64) -> Option<f64> {
        self.is_borrowed(equity).then(|| self.maintenance(rules))
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
