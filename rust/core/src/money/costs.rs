//! What trading and holding cost: commission, financing.

use crate::lanes::LANES;
use crate::market::rows::{Before, Lane, Past};
use crate::rules::{Commission, Financing};

const DAY_NS: f64 = 86_400e9;

/// `max(minimum, rate * notional + per_unit * quantity + per_fill)`, account currency.
#[must_use]
pub fn commission(rules: &Commission, notional: f64, quantity: f64) -> f64 {
    (rules.rate * notional + rules.per_unit * quantity + rules.per_fill).max(rules.minimum)
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
