//! The price of a fill, and the cost between it and its reference.

use crate::error::Error;
use crate::market::rows::Quote;
use crate::money::tick;
use crate::rules::Execution;
use crate::rules::costs::Slippage;

/// The price of a fill, with its parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Priced {
    /// Price after costs and tick.
    pub price: f64,
    /// Price before costs and tick.
    pub reference: f64,
    /// Half spread that the price contains.
    pub half_spread: f64,
    /// Account currency per unit of quote currency.
    pub rate: f64,
}

/// Prices a market fill: half spread, then slippage, then tick, all against the trader.
#[must_use]
pub fn at_market(rules: &Execution, side: f64, quote: &Quote) -> Priced {
    // The spread first: slippage is a loss against the quoted price.
    let quoted = quote.reference + side * quote.half_spread;
    let slipped = match rules.slippage {
        Slippage::Rate(rate) => quoted * (1.0 + side * rate),
        Slippage::Ticks(ticks) => quoted + side * ticks * rules.instrument.tick_size.unwrap_or(0.0),
        Slippage::RangeFraction(fraction) => quoted + side * fraction * quote.range,
    };
    priced(rules, side, slipped, quote)
}

/// Prices a resting limit order at its level: without spread and slippage, rounded to the tick.
#[must_use]
pub fn at_limit(rules: &Execution, side: f64, level: f64, rate: f64) -> Priced {
    // A resting order waits for its price, so it pays no spread and does not slip.
    let quote = Quote { reference: level, half_spread: 0.0, range: 0.0, rate };
    priced(rules, side, level, &quote)
}

/// Prices a limit order that the open has passed: the open with the half spread, without slippage.
#[must_use]
pub fn at_gap(rules: &Execution, side: f64, quote: &Quote) -> Priced {
    priced(rules, side, quote.reference + side * quote.half_spread, quote)
}

fn priced(rules: &Execution, side: f64, raw: f64, quote: &Quote) -> Priced {
    let price = tick::rounded(rules.instrument.tick_size, side, raw);
    Priced { price, reference: quote.reference, half_spread: quote.half_spread, rate: quote.rate }
}

impl Priced {
    /// Splits `side * (price - reference) * units * rate` into slippage and spread, account currency.
    #[must_use]
    pub fn costs(&self, side: f64, units: f64) -> (f64, f64) {
        let total = side * (self.price - self.reference) * units * self.rate;
        // The rest is slippage, tick rounding included, so that the two always add up.
        let spread = self.half_spread * units * self.rate;
        // A sale without costs would leave -0.0, which reads as a cost.
        (total - spread + 0.0, spread)
    }

    /// Checks that costs leave a price above 0.
    ///
    /// # Errors
    /// `FillPrice` if they do not.
    pub fn require_positive(&self, bar: i64) -> Result<(), Error> {
        if self.price > 0.0 {
            return Ok(());
        }
        Err(Error::FillPrice { row: bar as usize, price: self.price })
    }
}

/// Returns the notional of a fill; `unit` is account currency per point of price and unit.
#[must_use]
pub fn notional(quantity: f64, price: f64, unit: f64) -> f64 {
    // The order of the factors is part of the result.
    quantity * (price * unit)
}
