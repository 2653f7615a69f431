//! Days and periods of a year: how bars become periods of returns.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Problem};
use crate::time::{DAY_NS, WEEK_NS};

const SATURDAY: i64 = 6;
const SUNDAY: i64 = 0;

/// The rule by which bars become periods of returns; chosen before a run and kept in its snapshot.
///
/// ```
/// use ktrdr_core::Calendar;
///
/// const DAY_NS: i64 = 86_400_000_000_000;
/// // Thursday to Monday without a weekend.
/// let calendar = Calendar::new(None, DAY_NS, Some(&[0, DAY_NS, 4 * DAY_NS]))?;
/// assert_eq!(calendar.periods_per_year(), 252.0);
/// assert_eq!(Calendar::new(None, DAY_NS, None).unwrap_err().field(), Some("metrics"));
/// # Ok::<(), ktrdr_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calendar {
    /// Periods of a year: the factor of annual figures.
    pub(super) periods_per_year: f64,
    /// True if every bar is a period of its own (weekly bars).
    pub(super) per_bar: bool,
    /// Periods of the whole run, if its length is known.
    pub(super) periods: Option<u64>,
}

impl Calendar {
    /// Chooses the calendar of a run; `stamps` `[n_simulated, i64, ns UTC]` are all simulated bars, if they are known.
    ///
    /// # Errors
    /// `Argument` if neither stamps nor `periods_per_year` are known.
    pub fn new(periods_per_year: Option<f64>, timeframe_ns: i64, stamps: Option<&[i64]>) -> Result<Self, Error> {
        match (stamps, periods_per_year) {
            (Some(stamps), _) => Ok(Self::of_run(periods_per_year, timeframe_ns, stamps)),
            (None, Some(per_year)) => Ok(Self::open_ended(per_year, timeframe_ns)),
            (None, None) => Err(Error::Argument { name: "metrics", problem: Problem::NoPeriods }),
        }
    }

    /// Returns the calendar of a run over all of `stamps` `[n_simulated, i64, ns UTC]`.
    ///
    /// Without `periods_per_year`: 52 for weekly bars, 365 if more than a tenth of the UTC days are Saturdays, else 252.
    #[must_use]
    pub fn of_run(periods_per_year: Option<f64>, timeframe_ns: i64, stamps: &[i64]) -> Self {
        let per_bar = timeframe_ns == WEEK_NS;
        let chosen = periods_per_year.unwrap_or_else(|| if per_bar { 52.0 } else { days_a_year(stamps) });
        let mut calendar = Self { periods_per_year: chosen, per_bar, periods: None };
        // Counted in advance: the blocks of returns need the length of the run.
        let periods = if per_bar { stamps.len() } else { calendar.count(stamps) };
        calendar.periods = Some(periods as u64);
        calendar
    }

    /// Returns the calendar of a run whose length is not known.
    #[must_use]
    pub fn open_ended(periods_per_year: f64, timeframe_ns: i64) -> Self {
        Self { periods_per_year, per_bar: timeframe_ns == WEEK_NS, periods: None }
    }

    /// Returns the factor of annual figures.
    #[must_use]
    pub fn periods_per_year(&self) -> f64 {
        self.periods_per_year
    }

    /// Returns the first instant after the period of `stamp_ns`, ns UTC.
    ///
    /// A Sunday belongs to the Monday after it (FX opens on Sunday evening) unless the market never closes.
    #[must_use]
    pub(crate) fn period_end_ns(&self, stamp_ns: i64) -> i64 {
        if self.per_bar {
            return stamp_ns + 1;
        }
        let day = stamp_ns.div_euclid(DAY_NS);
        let joins_monday = self.periods_per_year < 365.0 && weekday(day) == SUNDAY;
        (day + 1 + i64::from(joins_monday)) * DAY_NS
    }

    fn count(&self, stamps: &[i64]) -> usize {
        let mut count = 0;
        let mut rest = stamps;
        while let Some(&stamp) = rest.first() {
            rest = &rest[rows_before(rest, self.period_end_ns(stamp))..];
            count += 1;
        }
        count
    }
}

fn days_a_year(stamps: &[i64]) -> f64 {
    let mut days = 0_u64;
    let mut saturdays = 0_u64;
    let mut rest = stamps;
    while let Some(&stamp) = rest.first() {
        let day = stamp.div_euclid(DAY_NS);
        days += 1;
        saturdays += u64::from(weekday(day) == SATURDAY);
        rest = &rest[rows_before(rest, (day + 1) * DAY_NS)..];
    }
    // A tenth: a market of weekdays may have a stray Saturday.
    if saturdays * 10 > days { 365.0 } else { 252.0 }
}

/// Returns the weekday of a day since 1970-01-01, which was a Thursday; 0 is Sunday.
fn weekday(day: i64) -> i64 {
    (day + 4).rem_euclid(7)
}

/// Counts the rising `stamps` that lie before `end_ns`.
pub(crate) fn rows_before(stamps: &[i64], end_ns: i64) -> usize {
    let (Some(&first), Some(&last)) = (stamps.first(), stamps.last()) else { return 0 };
    if first >= end_ns {
        return 0;
    }
    if last < end_ns {
        return stamps.len();
    }
    // Bars are evenly spaced but for gaps, so one division is mostly right. A wrong guess is seen and searched instead.
    let guess = ((end_ns - 1 - first) / (stamps[1] - first)) as usize + 1;
    let fits = |rows: usize| stamps[rows - 1] < end_ns && stamps.get(rows).is_none_or(|&stamp| stamp >= end_ns);
    let guess = guess.min(stamps.len());
    if fits(guess) { guess } else { search(stamps, end_ns) }
}

/// Searches in doubling steps: the end is near the start, since a period has few bars of a run.
fn search(stamps: &[i64], end_ns: i64) -> usize {
    let mut reach = 1;
    while reach < stamps.len() && stamps[reach] < end_ns {
        reach *= 2;
    }
    let known = reach / 2;
    known + stamps[known..stamps.len().min(reach + 1)].partition_point(|&stamp| stamp < end_ns)
}

#[cfg(test)]
mod tests {
    use super::{Calendar, rows_before};
    use crate::time::{DAY_NS, HOUR_NS, WEEK_NS};

    /// Stamp of 1970-01-02, a Friday.
    const FRIDAY: i64 = DAY_NS;

    #[test]
    fn a_sunday_belongs_to_monday_unless_the_market_never_closes() {
        // Fri 12:00, Sun 22:00, Mon 12:00, Tue 00:00: three periods of 252, four of 365.
        let stamps = [FRIDAY + 12 * HOUR_NS, FRIDAY + 70 * HOUR_NS, FRIDAY + 84 * HOUR_NS, FRIDAY + 96 * HOUR_NS];
        assert_eq!(Calendar::of_run(Some(252.0), HOUR_NS, &stamps).periods, Some(3));
        assert_eq!(Calendar::of_run(Some(364.9), HOUR_NS, &stamps).periods, Some(3));
        assert_eq!(Calendar::of_run(Some(365.0), HOUR_NS, &stamps).periods, Some(4));
    }

    #[test]
    fn saturdays_decide_what_a_year_is() {
        let chosen = |days: &[i64]| {
            let stamps: Vec<i64> = days.iter().map(|day| day * DAY_NS).collect();
            Calendar::of_run(None, DAY_NS, &stamps).periods_per_year
        };
        // Day 2 is a Saturday. One of ten days is not more than a tenth; one of nine is.
        assert_eq!(chosen(&[0, 1, 2, 4, 5, 6, 7, 8, 11, 12]), 252.0);
        assert_eq!(chosen(&[0, 1, 2, 4, 5, 6, 7, 8, 11]), 365.0);
        assert_eq!(Calendar::of_run(None, WEEK_NS, &[0, WEEK_NS]).periods_per_year, 52.0);
    }

    #[test]
    fn every_bar_of_a_week_is_a_period() {
        let calendar = Calendar::of_run(Some(365.0), WEEK_NS, &[0, WEEK_NS, 3 * WEEK_NS]);
        assert_eq!((calendar.periods, calendar.period_end_ns(7)), (Some(3), 8));
        assert_eq!(Calendar::open_ended(52.0, WEEK_NS).period_end_ns(7), 8);
        assert_eq!(Calendar::open_ended(252.0, DAY_NS).period_end_ns(7), DAY_NS);
    }

    #[test]
    fn rows_before_equals_a_plain_count() {
        let even: Vec<i64> = (0..50).collect();
        let uneven: Vec<i64> = (0..50).map(|row| row * row / 7 + row).collect();
        for stamps in [even, uneven] {
            for len in 0..50 {
                for end in 0..=stamps[49] + 3 {
                    let plain = stamps[..len].iter().filter(|&&stamp| stamp < end).count();
                    assert_eq!(rows_before(&stamps[..len], end), plain, "{len} {end}");
                }
            }
        }
    }
}
