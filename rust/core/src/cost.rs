//! What a fill costs: commission, slippage, spread, the tick.

use crate::lanes::LANES;
use crate::rows::{Before, Lane, Past};
use crate::rules::{Commission, Financing, Slippage};

const DAY_NS: f64 = 86_400e9;

/// `max(minimum, rate * notional + per_unit * quantity + per_fill)`, account currency.
#[must_use]
pub fn commission(rules: &Commission, notional: f64, quantity: f64) -> f64 {
    (rules.rate * notional + rules.per_unit * quantity + rules.per_fill).max(rules.minimum)
}

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

/// What holding a position over costs: elapsed time counts, so weekends are charged as they pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Carry {
    /// Annual fraction of notional; positive is a cost.
    annual_rate: f64,
    /// Length of the rate's year.
    year_ns: f64,
}

impl Carry {
    /// The charge on `net` open units; `None` where they cost nothing.
    #[must_use]
    pub fn of(rules: &Financing, net: f64) -> Option<Self> {
        let annual_rate = if net > 0.0 { rules.long_rate } else { rules.short_rate };
        (annual_rate != 0.0).then_some(Self { annual_rate, year_ns: DAY_NS * rules.day_count })
    }

    /// Account currency for holding `units` (times the multiplier) from the past row until `time`.
    #[must_use]
    pub fn charge(&self, units: f64, past: &Past, time: i64) -> f64 {
        self.over(units, past.close, past.rate, self.years(time - past.time))
    }

    /// The same for each row of a lane.
    #[must_use]
    #[inline(always)]
    pub fn charges(&self, units: f64, lane: &Lane<'_>) -> [f64; LANES] {
        let Before { close, rate, elapsed_ns, .. } = &lane.before;
        let even = elapsed_ns.iter().fold(true, |even, &elapsed| even & (elapsed == elapsed_ns[0]));
        let first = self.years(elapsed_ns[0]);
        let years = if even { [first; LANES] } else { elapsed_ns.map(|elapsed| self.years(elapsed)) };
        std::array::from_fn(|row| self.over(units, close[row], rate[row], years[row]))
    }

    fn over(&self, units: f64, close: f64, rate: f64, years: f64) -> f64 {
        units * close * rate * self.annual_rate * years
    }

    fn years(&self, elapsed_ns: i64) -> f64 {
        elapsed_ns as f64 / self.year_ns
    }
}
