//! Lengths of time in nanoseconds, the unit of every stamp, and rows by their stamps.

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
    use super::{DAY_NS, HOUR_NS, hours, hours_to_ns, rows_before, years};

    #[test]
    fn lengths_convert_both_ways() {
        assert_eq!((hours(DAY_NS), years(1_461 * DAY_NS)), (24.0, 4.0));
        assert_eq!((hours_to_ns(1.5), hours_to_ns(0.0)), (HOUR_NS * 3 / 2, 0));
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
