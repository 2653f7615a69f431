//! The price of a fill, and where the money between it and its reference went.

use crate::error::Error;
use crate::market::rows::Quote;
use crate::rules::{Execution, Slippage};

/// Price of a market fill before the tick: the half spread first, then slippage, both against the trader.
#[must_use]
pub fn market_price(
    slippage: &Slippage,
    tick_size: Option<f64>,
    side: f64,
    reference: f64,
    half_spread: f64,
    range: f64,
) -> f64 {
    let quoted = reference + side * half_spread;
    match *slippage {
        Slippage::Rate(rate) => quoted * (1.0 + side * rate),
        Slippage::Ticks(ticks) => quoted + side * ticks * tick_size.unwrap_or(0.0),
        Slippage::RangeFraction(fraction) => quoted + side * fraction * range,
    }
}

/// The price on the tick grid, rounded against the trader; a price within 1e-6 of a tick is kept bit for bit.
#[must_use]
pub fn on_tick(tick_size: Option<f64>, side: f64, price: f64) -> f64 {
    let Some(tick) = tick_size else { return price };
    let steps = price / tick;
    if (steps - steps.round()).abs() <= 1e-6 {
        return price;
    }
    let whole = if side > 0.0 { steps.ceil() } else { steps.floor() };
    whole * tick
}

/// A priced fill.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Priced {
    /// After costs and tick.
    pub price: f64,
    /// Before them.
    pub reference: f64,
    /// Half spread that the price contains.
    pub half_spread: f64,
    /// Account currency per unit of quote currency.
    pub rate: f64,
}

/// A market fill: half spread, slippage, tick, all against the trader.
#[must_use]
pub fn at_market(rules: &Execution, side: f64, quote: &Quote) -> Priced {
    let tick = rules.instrument.tick_size;
    let raw = market_price(&rules.slippage, tick, side, quote.reference, quote.half_spread, quote.range);
    let price = on_tick(tick, side, raw);
    Priced { price, reference: quote.reference, half_spread: quote.half_spread, rate: quote.rate }
}

/// A resting limit at its level: no spread, no slippage, only the tick.
#[must_use]
pub fn at_limit(rules: &Execution, side: f64, level: f64, rate: f64) -> Priced {
    let price = on_tick(rules.instrument.tick_size, side, level);
    Priced { price, reference: level, half_spread: 0.0, rate }
}

/// A limit the open has jumped over: the open less the half spread, no slippage.
#[must_use]
pub fn at_gap(rules: &Execution, side: f64, quote: &Quote) -> Priced {
    let raw = quote.reference + side * quote.half_spread;
    let price = on_tick(rules.instrument.tick_size, side, raw);
    Priced { price, reference: quote.reference, half_spread: quote.half_spread, rate: quote.rate }
}

impl Priced {
    /// Slippage and spread in account currency: together `side * (price - reference) * units * rate`.
    #[must_use]
    pub fn costs(&self, side: f64, units: f64) -> (f64, f64) {
        let total = side * (self.price - self.reference) * units * self.rate;
        let spread = self.half_spread * units * self.rate;
        (total - spread, spread)
    }

    /// Costs may not take a market fill's price to nothing.
    ///
    /// # Errors
    /// `FillPrice`.
    pub fn require_positive(&self, bar: i64) -> Result<(), Error> {
        if self.price > 0.0 {
            return Ok(());
        }
        Err(Error::FillPrice { row: bar as usize, price: self.price })
    }
}
