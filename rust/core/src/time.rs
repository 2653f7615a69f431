//! Lengths of time in nanoseconds, the unit of every stamp.

/// Length of an hour.
pub(crate) const HOUR_NS: i64 = 3_600_000_000_000;
/// Length of a day.
pub(crate) const DAY_NS: i64 = 24 * HOUR_NS;
/// Length of a week.
pub(crate) const WEEK_NS: i64 = 7 * DAY_NS;

/// Mean length of a year: 365.25 days.
const YEAR_NS: f64 = 365.25 * DAY_NS as f64;

/// Converts a duration to hours.
pub(crate) fn hours(duration_ns: i64) -> f64 {
    duration_ns as f64 / HOUR_NS as f64
}

/// Converts a duration to years.
pub(crate) fn years(duration_ns: i64) -> f64 {
    duration_ns as f64 / YEAR_NS
}

/// Converts hours to whole nanoseconds.
pub(crate) fn hours_to_ns(hours: f64) -> i64 {
    (hours * HOUR_NS as f64).round() as i64
}

#[cfg(test)]
mod tests {
    use super::{DAY_NS, HOUR_NS, hours, hours_to_ns, years};

    #[test]
    fn lengths_convert_both_ways() {
        assert_eq!((hours(DAY_NS), years(1_461 * DAY_NS)), (24.0, 4.0));
        assert_eq!((hours_to_ns(1.5), hours_to_ns(0.0)), (HOUR_NS * 3 / 2, 0));
    }
}
