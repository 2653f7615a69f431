//! Days and periods of a year: how bars become periods of returns.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Problem};
use crate::time::{DAY_NS, WEEK_NS, rows_before};

/// Monday before 1970-01-01, in days.
const A_MONDAY: i64 = -3;
const FRIDAY: i64 = 4;
const SATURDAY: i64 = 5;
/// Index of Sunday in a week that begins on Monday.
const SUNDAY: i64 = 6;

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
    /// True if a Sunday belongs to the Monday after it. `SnapshotV2` keeps it: the calendar's bytes are those of version 1.
    #[serde(skip)]
    pub(super) sundays_join: bool,
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
    /// Without `periods_per_year`: 52 for weekly bars, 365 if the market trades on Saturdays, else 252. A market trades a
    /// weekday if more than a tenth of that weekday's dates, from the first day to the last, have bars.
    #[must_use]
    pub fn of_run(periods_per_year: Option<f64>, timeframe_ns: i64, stamps: &[i64]) -> Self {
        let per_bar = timeframe_ns == WEEK_NS;
        let mut weekend = Weekend::default();
        let mut days = 0;
        let mut mondays_after_sundays = 0;
        let mut before = None;
        each_day(stamps, |day| {
            weekend.add_day(day);
            days += 1;
            mondays_after_sundays += usize::from(before == Some(day - 1) && weekday(day - 1) == SUNDAY);
            before = Some(day);
        });
        let days_a_year = if weekend.trades_saturdays() { 365.0 } else { 252.0 };
        let chosen = periods_per_year.unwrap_or(if per_bar { 52.0 } else { days_a_year });
        let mut calendar = Self::open_ended(chosen, timeframe_ns);
        calendar.sundays_join &= weekend.opens_on_sundays();
        // Counted in advance: the blocks of returns need the length of the run.
        let joined = if calendar.sundays_join { mondays_after_sundays } else { 0 };
        let periods = if per_bar { stamps.len() } else { days - joined };
        calendar.periods = Some(periods as u64);
        calendar
    }

    /// Returns the calendar of a run whose length is not known, with Sundays that belong to the Mondays after them.
    ///
    /// The days of the run decide whether that is so: its accumulator keeps the returns both ways.
    #[must_use]
    pub fn open_ended(periods_per_year: f64, timeframe_ns: i64) -> Self {
        let per_bar = timeframe_ns == WEEK_NS;
        Self { periods_per_year, per_bar, periods: None, sundays_join: !per_bar && periods_per_year < 365.0 }
    }

    /// Returns the calendar with or without Sundays that belong to the Mondays after them.
    #[must_use]
    pub(crate) fn with_sundays(self, join: bool) -> Self {
        Self { sundays_join: join, ..self }
    }

    /// Returns true if a Sunday belongs to the Monday after it.
    #[must_use]
    pub fn sundays_join(&self) -> bool {
        self.sundays_join
    }

    /// Returns the factor of annual figures.
    #[must_use]
    pub fn periods_per_year(&self) -> f64 {
        self.periods_per_year
    }

    /// Returns the first instant after the period of `stamp_ns`, ns UTC.
    ///
    /// A Sunday belongs to the Monday after it where the week opens on Sunday evening (FX): the market trades on Fridays
    /// and not on Saturdays, and a year has fewer than 365 periods.
    #[must_use]
    pub(crate) fn period_end_ns(&self, stamp_ns: i64) -> i64 {
        if self.per_bar {
            return stamp_ns + 1;
        }
        let day = stamp_ns.div_euclid(DAY_NS);
        let joins_monday = self.sundays_join && weekday(day) == SUNDAY;
        (day + 1 + i64::from(joins_monday)) * DAY_NS
    }
}

/// Calls `see` with each day that has one of rising `stamps`, days since 1970-01-01.
fn each_day(stamps: &[i64], mut see: impl FnMut(i64)) {
    let mut rest = stamps;
    while let Some(&stamp) = rest.first() {
        let day = stamp.div_euclid(DAY_NS);
        see(day);
        rest = &rest[rows_before(rest, (day + 1) * DAY_NS)..];
    }
}

/// The period of each row, and the end of each period.
#[derive(Debug)]
pub(crate) struct Periods {
    of_row: Vec<u32>,
    ends: Vec<PeriodEnd>,
}

/// The end of a period.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeriodEnd {
    /// Last row of the period.
    pub row: usize,
    /// First instant after it, ns UTC.
    pub end_ns: i64,
}

impl Periods {
    /// Finds the periods of `stamps` `[n_rows, i64, ns UTC]`, all rows of a run.
    pub fn of(calendar: &Calendar, stamps: &[i64]) -> Self {
        let mut ends: Vec<PeriodEnd> = Vec::new();
        let mut of_row = Vec::with_capacity(stamps.len());
        while let Some(&stamp) = stamps.get(of_row.len()) {
            let end_ns = calendar.period_end_ns(stamp);
            let rows = rows_before(&stamps[of_row.len()..], end_ns);
            of_row.resize(of_row.len() + rows, ends.len() as u32);
            ends.push(PeriodEnd { row: of_row.len() - 1, end_ns });
        }
        Self { of_row, ends }
    }

    /// Returns the ends of the periods from that of `row` on.
    pub fn from(&self, row: usize) -> &[PeriodEnd] {
        &self.ends[self.of_row[row] as usize..]
    }
}

/// Fridays and Saturdays with bars in a span of days, UTC.
///
/// A market trades a weekday if more than a tenth of that weekday's dates in the span have bars: a market of weekdays may
/// have a stray Saturday. A weekday without a date in the span is not traded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Weekend {
    /// First and last day with bars, days since 1970-01-01.
    span: Option<(i64, i64)>,
    fridays: u64,
    saturdays: u64,
}

impl Weekend {
    /// Adds the days of rising `stamps` that are not before those added so far.
    pub fn add(&mut self, stamps: &[i64]) {
        each_day(stamps, |day| self.add_day(day));
    }

    fn add_day(&mut self, day: i64) {
        if self.span.is_some_and(|(_, last)| last == day) {
            return;
        }
        self.span = Some((self.span.map_or(day, |(first, _)| first), day));
        self.fridays += u64::from(weekday(day) == FRIDAY);
        self.saturdays += u64::from(weekday(day) == SATURDAY);
    }

    /// Returns true if the market trades on Saturdays.
    pub fn trades_saturdays(&self) -> bool {
        self.is_traded(self.saturdays, SATURDAY)
    }

    /// Returns true if the market closes from Friday on: its Sunday evening opens the week.
    pub fn opens_on_sundays(&self) -> bool {
        self.is_traded(self.fridays, FRIDAY) && !self.trades_saturdays()
    }

    fn is_traded(&self, days: u64, weekday: i64) -> bool {
        let dates = self.span.map_or(0, |(first, last)| dates_until(last, weekday) - dates_until(first - 1, weekday));
        days.saturating_mul(10) > dates.unsigned_abs()
    }
}

/// Returns the weekday of a day since 1970-01-01; 0 is Monday.
fn weekday(day: i64) -> i64 {
    (day - A_MONDAY).rem_euclid(7)
}

/// Counts the dates of a weekday up to a day, from some first one on.
fn dates_until(day: i64, weekday: i64) -> i64 {
    (day - A_MONDAY - weekday).div_euclid(7)
}

#[cfg(test)]
mod tests {
    use super::Calendar;
    use crate::time::{DAY_NS, HOUR_NS, WEEK_NS};

    /// Stamp of 1970-01-02, a Friday.
    const FRIDAY: i64 = DAY_NS;

    fn of_days(per_year: Option<f64>, days: &[i64]) -> Calendar {
        let stamps: Vec<i64> = days.iter().map(|day| day * DAY_NS + 7 * HOUR_NS).collect();
        Calendar::of_run(per_year, DAY_NS, &stamps)
    }

    #[test]
    fn a_sunday_belongs_to_monday_where_the_week_opens_on_it() {
        // Fri 12:00, Sun 22:00, Mon 12:00, Tue 00:00: three periods of 252, four of 365.
        let stamps = [FRIDAY + 12 * HOUR_NS, FRIDAY + 70 * HOUR_NS, FRIDAY + 84 * HOUR_NS, FRIDAY + 96 * HOUR_NS];
        assert_eq!(Calendar::of_run(Some(252.0), HOUR_NS, &stamps).periods, Some(3));
        assert_eq!(Calendar::of_run(Some(364.9), HOUR_NS, &stamps).periods, Some(3));
        assert_eq!(Calendar::of_run(Some(365.0), HOUR_NS, &stamps).periods, Some(4));
        // Without the Friday nothing says that the week opens on Sunday evening.
        assert_eq!(Calendar::of_run(Some(252.0), HOUR_NS, &stamps[1..]).periods, Some(3));
    }

    /// Day 0, 1 January 1970, is a Thursday.
    fn is_open(days: usize, day: i64) -> bool {
        days >> (day + 3).rem_euclid(7) & 1 == 1
    }

    #[test]
    fn every_set_of_trading_days_is_judged_by_its_share_of_dates() {
        for days in 1..128 {
            for (first, length) in (0..7).flat_map(|first| [1, 2, 5, 8, 14, 15, 100].map(|length| (first, length))) {
                let open: Vec<i64> = (first..first + length).filter(|&day| is_open(days, day)).collect();
                let (Some(&from), Some(&to)) = (open.first(), open.last()) else { continue };
                // Whatever day of the set lies in the span has a bar, so a weekday trades if it has any date there.
                let trades = |weekday: i64| (from..=to).any(|day| (day + 3) % 7 == weekday && is_open(days, day));
                let fridays = trades(4);
                let saturdays = trades(5);
                let join = fridays && !saturdays;
                let year = of_days(None, &open);
                assert_eq!(year.periods_per_year, if saturdays { 365.0 } else { 252.0 }, "{days:b} {first} {length}");
                assert_eq!(year.sundays_join, join, "{days:b} {first} {length} {fridays}");
                let joined = open.iter().filter(|&&day| day % 7 == 3 && open.contains(&(day + 1))).count();
                let periods = open.len() - if join { joined } else { 0 };
                assert_eq!(year.periods, Some(periods as u64), "{days:b} {first} {length}");
            }
        }
    }

    #[test]
    fn a_tenth_of_the_dates_is_a_stray_day() {
        // Monday to Friday of twenty weeks; day 4 is a Monday, day 9 a Saturday.
        let weeks: Vec<i64> = (4..4 + 140).filter(|day| (day + 3) % 7 < 5).collect();
        let with_saturdays = |count: i64| {
            let mut days: Vec<i64> = weeks.iter().copied().chain((0..count).map(|week| 9 + 7 * week)).collect();
            days.sort_unstable();
            of_days(None, &days).periods_per_year
        };
        // The span ends on a Friday: it has nineteen Saturdays.
        assert_eq!([1, 2].map(with_saturdays), [252.0, 365.0]);
        assert_eq!(Calendar::of_run(None, WEEK_NS, &[0, WEEK_NS]).periods_per_year, 52.0);
    }

    #[test]
    fn every_bar_of_a_week_is_a_period() {
        let calendar = Calendar::of_run(Some(365.0), WEEK_NS, &[0, WEEK_NS, 3 * WEEK_NS]);
        assert_eq!((calendar.periods, calendar.period_end_ns(7)), (Some(3), 8));
        assert_eq!(Calendar::open_ended(52.0, WEEK_NS).period_end_ns(7), 8);
        assert_eq!(Calendar::open_ended(252.0, DAY_NS).period_end_ns(7), DAY_NS);
    }
}
