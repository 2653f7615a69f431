//! The price of a fill, and the cost between it and its reference.

use crate::error::Error;
use crate::market::rows::Quote;
use crate::money::tick;
use crate::number::Number;
use crate::rules::Execution;
use crate::rules::costs::Slippage;

/// The price of a fill, with its parts; all but the price itself are of the market, whatever the rules.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Priced<N = f64> {
    /// Price after costs and tick.
    pub price: N,
    /// Price before costs and tick.
    pub reference: f64,
    /// Half spread that the price contains.
    pub half_spread: f64,
    /// Account currency per unit of quote currency.
    pub rate: f64,
}

/// Prices a market fill: half spread, then slippage, then tick, all against the trader.
#[must_use]
#[inline(always)]
pub(crate) fn at_market<N: Number>(rules: &Execution<N>, side: f64, quote: &Quote) -> Priced<N> {
    // The spread first: slippage is a loss against the quoted price.
    let quoted = N::from(quote.reference + side * quote.half_spread);
    let direction = N::from(side);
    let slipped = match rules.slippage {
        Slippage::Rate(rate) => quoted * (N::from(1.0) + direction * rate),
        Slippage::Ticks(ticks) => quoted + direction * ticks * rules.instrument.tick_size.unwrap_or(N::from(0.0)),
        Slippage::RangeFraction(fraction) => quoted + direction * fraction * N::from(quote.range),
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

#[inline(always)]
fn priced<N: Number>(rules: &Execution<N>, side: f64, raw: N, quote: &Quote) -> Priced<N> {
    let price = tick::rounded(rules.instrument.tick_size.as_ref(), side, raw);
    let Quote { reference, half_spread, rate, .. } = *quote;
    Priced { price, reference, half_spread, rate }
}

impl<N: Number> Priced<N> {
    /// Splits `side * (price - reference) * units * rate` into slippage and spread, account currency.
    #[must_use]
    #[inline]
    pub(crate) fn costs(&self, side: f64, units: N) -> (N, N) {
        let [reference, half_spread, rate] = [self.reference, self.half_spread, self.rate].map(N::from);
        let total = N::from(side) * (self.price - reference) * units * rate;
        // The rest is slippage, tick rounding included, so that the two always add up.
        let spread = half_spread * units * rate;
        // A sale without costs would leave -0.0, which reads as a cost.
        (total - spread + N::from(0.0), spread)
    }

    /// Returns true if costs leave a price above 0.
    #[inline]
    pub(crate) fn is_positive(&self) -> N::Is {
        self.price.is_above(N::from(0.0))
    }
}

impl Priced {
    /// Checks that costs leave a price above 0.
    ///
    /// # Errors
    /// `FillPrice` if they do not.
    pub fn require_positive(&self, bar: i64) -> Result<(), Error> {
        if self.is_positive() {
            return Ok(());
        }
        Err(Error::FillPrice { row: bar as usize, price: self.price })
    }
}

/// Returns the notional of a fill; `unit` is account currency per point of price and unit.
#[must_use]
#[inline]
pub(crate) fn notional<N: Number>(quantity: N, price: N, unit: N) -> N {
    // The order of the factors is part of the result.
    quantity * (price * unit)
}
