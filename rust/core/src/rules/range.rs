//! Ranges of numbers in the rules, each with the phrase an error shows.

use crate::error::{Error, Problem};

/// A range of finite numbers.
pub(super) struct Range {
    allowed: &'static str,
    holds: fn(f64) -> bool,
}

/// Amounts that may be nothing.
pub(super) const NOT_NEGATIVE: Range = Range { allowed: "finite and at least 0", holds: |value| value >= 0.0 };
/// Amounts that must be something.
pub(super) const POSITIVE: Range = Range { allowed: "finite and above 0", holds: |value| value > 0.0 };
/// Rates whose sign says who pays.
pub(super) const ANY: Range = Range { allowed: "finite", holds: |_| true };
/// Shares of a price or a notional that must leave something.
pub(super) const BELOW_ONE: Range =
    Range { allowed: "at least 0 and below 1", holds: |value| (0.0..1.0).contains(&value) };
/// Probabilities and shares of one.
pub(super) const FRACTION: Range = Range { allowed: "between 0 and 1", holds: |value| (0.0..=1.0).contains(&value) };
/// Shares of the cash that is there.
pub(super) const SHARE: Range = Range { allowed: "above 0 and at most 1", holds: |value| value > 0.0 && value <= 1.0 };
/// Factors that cannot reduce.
pub(super) const AT_LEAST_ONE: Range = Range { allowed: "finite and at least 1", holds: |value| value >= 1.0 };
/// Periods of a year: days at most, years at least.
pub(super) const PERIODS: Range = Range { allowed: "between 1 and 366", holds: |value| (1.0..=366.0).contains(&value) };
/// Growth rates that leave something.
pub(super) const ABOVE_MINUS_ONE: Range = Range { allowed: "finite and above -1", holds: |value| value > -1.0 };

impl Range {
    /// Checks the value of a key.
    pub(super) fn check(&self, key: &'static str, value: f64) -> Result<(), Error> {
        // NaN is not finite, so no range has to think of it.
        if value.is_finite() && (self.holds)(value) { Ok(()) } else { Err(out_of_range(key, value, self.allowed)) }
    }

    /// Checks the value of a key that may be absent.
    pub(super) fn check_some(&self, key: &'static str, value: Option<f64>) -> Result<(), Error> {
        value.map_or(Ok(()), |value| self.check(key, value))
    }
}

/// Builds the error of a key outside its range.
pub(super) fn out_of_range(key: &'static str, found: f64, allowed: &'static str) -> Error {
    Error::Argument { name: "rules", problem: Problem::OutOfRange { key, found, allowed } }
}
