//! Costs of trading and holding: commission of a fill, financing of a position.

use crate::lanes::LANES;
use crate::market::rows::{PreviousBar, PreviousLanes, RowLanes};
use crate::number::Number;
use crate::rules::costs::{Commission, Financing};
use crate::time::DAY_NS;

/// Returns `max(minimum, rate * notional + per_unit * quantity + per_fill)`, account currency.
#[must_use]
#[inline]
pub(crate) fn commission<N: Number>(rules: &Commission<N>, notional: N, quantity: N) -> N {
    (rules.rate * notional + rules.per_unit * quantity + rules.per_fill).higher(rules.minimum)
}

/// The rate at which a position is charged while it is held. Elapsed time counts, so weekends are charged as they pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FinancingRate {
    /// Annual fraction of the notional; positive is a cost.
    annual_rate: f64,
    /// Length of the year that the rate is quoted for.
    year_ns: f64,
}

impl FinancingRate {
    /// Returns the rate of `net` open units; `None` if they cost nothing.
    #[must_use]
    pub fn new(rules: &Financing, net: f64) -> Option<Self> {
        let annual_rate = if net > 0.0 { rules.long_rate } else { rules.short_rate };
        // A negative rate is income, not nothing.
        (annual_rate != 0.0).then_some(Self { annual_rate, year_ns: DAY_NS as f64 * rules.day_count })
    }

    /// Returns the charge for holding `units` (times the multiplier) from the previous row until `time_ns`.
    #[must_use]
    pub fn charge(&self, units: f64, previous: &PreviousBar, time_ns: i64) -> f64 {
        self.over(units, previous.close, previous.rate, self.years(time_ns - previous.time))
    }

    /// Returns the charges of several rows, each with the bits of `charge`.
    #[must_use]
    #[inline(always)]
    pub fn charges(&self, units: f64, lanes: &RowLanes<'_>) -> [f64; LANES] {
        let PreviousLanes { close, rate, elapsed_ns, .. } = &lanes.previous;
        // A division is the slowest step here. Evenly spaced rows share one: equal operands give equal quotients.
        let even = elapsed_ns.iter().fold(true, |even, &elapsed| even & (elapsed == elapsed_ns[0]));
        let first = self.years(elapsed_ns[0]);
        let years = if even { [first; LANES] } else { elapsed_ns.map(|elapsed| self.years(elapsed)) };
        std::array::from_fn(|row| self.over(units, close[row], rate[row], years[row]))
    }

    // The order of the factors is part of the result: another order gives other bits.
    fn over(&self, units: f64, close: f64, rate: f64, years: f64) -> f64 {
        units * close * rate * self.annual_rate * years
    }

    fn years(&self, elapsed_ns: i64) -> f64 {
        elapsed_ns as f64 / self.year_ns
    }
}
