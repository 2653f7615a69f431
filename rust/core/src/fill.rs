//! The price of a fill, and where the money between it and its reference went.

use crate::cost;
use crate::error::Error;
use crate::rules::Execution;

/// What a fill is priced from.
#[derive(Debug, Clone, Copy)]
pub struct Quote {
    /// Price before costs.
    pub reference: f64,
    /// Half spread, price units.
    pub half_spread: f64,
    /// High less low of the previous bar.
    pub range: f64,
    /// Account currency per unit of quote currency.
    pub rate: f64,
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
    let raw = cost::market_price(&rules.slippage, tick, side, quote.reference, quote.half_spread, quote.range);
    let price = cost::on_tick(tick, side, raw);
    Priced { price, reference: quote.reference, half_spread: quote.half_spread, rate: quote.rate }
}

/// A resting limit at its level: no spread, no slippage, only the tick.
#[must_use]
pub fn at_limit(rules: &Execution, side: f64, level: f64, rate: f64) -> Priced {
    let price = cost::on_tick(rules.instrument.tick_size, side, level);
    Priced { price, reference: level, half_spread: 0.0, rate }
}

/// A limit the open has jumped over: the open less the half spread, no slippage.
#[must_use]
pub fn at_gap(rules: &Execution, side: f64, quote: &Quote) -> Priced {
    let raw = quote.reference + side * quote.half_spread;
    let price = cost::on_tick(rules.instrument.tick_size, side, raw);
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
