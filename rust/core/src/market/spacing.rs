//! The distance between the stamps of bars.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::thread;

use crate::market::columns::prefetch_lines;

/// Stamps that are compared in one step: enough for vector lanes, few enough that a gap costs one short loop.
const ROWS_PER_STEP: usize = 32;

/// Stamps between the one that is read and the one that is prefetched: a page of memory, where a processor stops by itself.
const ROWS_AHEAD: usize = 512;

/// Fewest stamps that a thread is started for.
const LEAST_ROWS: usize = 1 << 18;

/// The smallest and the most frequent distance between stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spacing {
    /// Smallest distance that occurs, ns.
    pub smallest_ns: i64,
    /// Most frequent distance, ns; of equally frequent ones the smallest.
    pub common_ns: i64,
    /// Number of times the most frequent distance occurs.
    pub count: u64,
}

impl Spacing {
    /// Measures stamps `[n, i64, ns]` on up to so many threads; returns `None` for fewer than two stamps.
    ///
    /// The smallest distance is above 0 only if every stamp lies after the one above it. A distance that `i64` cannot hold
    /// counts as the nearest that it can.
    ///
    /// # Panics
    /// With no thread at all.
    ///
    /// ```
    /// use ktrdr_core::Spacing;
    ///
    /// let spacing = Spacing::of(&[0, 3, 4, 7, 10], 1).expect("five stamps");
    /// assert_eq!((spacing.smallest_ns, spacing.common_ns, spacing.count), (1, 3, 3));
    /// ```
    #[must_use]
    pub fn of(stamps: &[i64], threads: usize) -> Option<Self> {
        assert!(threads > 0, "a measurement needs a thread");
        let parts = threads.min(stamps.len() / LEAST_ROWS).max(1);
        let mut counts = count_parts(stamps, parts);
        if !add_up(&counts, stamps) {
            counts.clear();
            for pair in stamps.windows(2) {
                *counts.entry(pair[1].saturating_sub(pair[0])).or_insert(0) += 1;
            }
        }
        let (&smallest_ns, _) = counts.first_key_value()?;
        let (common_ns, count) = counts.into_iter().rev().max_by_key(|&(_, count)| count)?;
        Some(Self { smallest_ns, common_ns, count })
    }
}

/// Number of times that each distance occurs, by the distance.
type Counts = BTreeMap<i64, u64>;

/// Counts the distances between stamps, a thread for each of so many parts.
fn count_parts(stamps: &[i64], parts: usize) -> Counts {
    let rows = stamps.len().div_ceil(parts);
    // With the first stamp of the next part: the distance to it is one of this part.
    let part = |at: usize| &stamps[stamps.len().min(at * rows)..stamps.len().min((at + 1) * rows + 1)];
    thread::scope(|scope| {
        let spawned = |at| thread::Builder::new().spawn_scoped(scope, move || count(part(at)));
        let others: Vec<_> = (1..parts).map(|at| (at, spawned(at))).collect();
        let mut counts = count(part(0));
        for (at, other) in others {
            // A system that gives no more threads is no reason to stop.
            let found = other
                .map_or_else(|_| count(part(at)), |other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            for (distance, times) in found {
                *counts.entry(distance).or_insert(0) += times;
            }
        }
        counts
    })
}

/// Counts the distances between stamps, those that `i64` cannot hold by what is left of them.
fn count(stamps: &[i64]) -> Counts {
    // Equal distances come in long runs, so the map is touched once per run, and most steps are compared as a whole.
    let mut counts = Counts::new();
    let mut common = 0;
    let mut times = 0;
    let later = stamps.get(1..).unwrap_or_default();
    for (before, after) in stamps.chunks(ROWS_PER_STEP).zip(later.chunks(ROWS_PER_STEP)) {
        prefetch_lines(before, &(ROWS_AHEAD..ROWS_AHEAD + ROWS_PER_STEP));
        let pairs = || before.iter().zip(after);
        if pairs().fold(true, |all, (before, after)| all & (after.wrapping_sub(*before) == common)) {
            times += after.len() as u64;
            continue;
        }
        for (before, after) in pairs() {
            let distance = after.wrapping_sub(*before);
            if distance != common {
                *counts.entry(common).or_insert(0) += times;
                common = distance;
                times = 0;
            }
            times += 1;
        }
    }
    *counts.entry(common).or_insert(0) += times;
    counts.retain(|_, count| *count > 0);
    counts
}

/// Returns true if distances lead from the first stamp to the last: none of them was too long for `i64`.
fn add_up(counts: &Counts, stamps: &[i64]) -> bool {
    let total: i128 = counts.iter().map(|(&distance, &count)| i128::from(distance) * i128::from(count)).sum();
    let ends = stamps.first().zip(stamps.last());
    ends.is_none_or(|(&first, &last)| i128::from(last) - i128::from(first) == total)
}

#[cfg(test)]
mod tests {
    use super::{Spacing, count, count_parts};

    #[test]
    fn the_most_frequent_spacing_wins_and_the_smallest_breaks_a_tie() {
        let spacing =
            |stamps: &[i64]| Spacing::of(stamps, 1).map(|found| (found.smallest_ns, found.common_ns, found.count));
        assert_eq!(spacing(&[5]), None);
        assert_eq!(spacing(&[0, 3, 4, 7, 10]), Some((1, 3, 3)));
        assert_eq!(spacing(&[0, 3, 4, 7, 8]), Some((1, 1, 2)));
    }

    /// Steps are compared as a whole: a gap counts wherever in a step it lies.
    #[test]
    fn a_gap_is_found_wherever_it_lies() {
        for rows in [2, 3, 32, 33, 34, 64, 65, 100] {
            for gap in 1..rows {
                let stamps: Vec<i64> = (0..rows).map(|row| row * 5 + if row >= gap { 2 } else { 0 }).collect();
                let found = Spacing::of(&stamps, 1).expect("stamps");
                let common = if rows == 2 { (7, 7, 1) } else { (5, 5, rows as u64 - 2) };
                assert_eq!((found.smallest_ns, found.common_ns, found.count), common, "{rows} {gap}");
            }
        }
    }

    /// Wherever a thread begins, the distance before its first stamp is counted once.
    #[test]
    fn any_number_of_parts_counts_the_same_distances() {
        let stamps: Vec<i64> = (0..200).map(|row| row * 5 + row / 7 * (row % 3)).collect();
        for rows in [0, 1, 2, 9, 200] {
            for parts in 1..=9 {
                assert_eq!(count_parts(&stamps[..rows], parts), count(&stamps[..rows]), "{rows} {parts}");
            }
        }
    }

    /// Distances that wrap around are positive where stamps fall by more than half of all numbers.
    #[test]
    fn the_smallest_distance_is_above_0_only_where_stamps_rise() {
        let far = i64::MAX / 4 * 3;
        let smallest = |stamps: &[i64]| Spacing::of(stamps, 1).expect("stamps").smallest_ns;
        for stamps in [[1, far, -far, -1], [-1, far, -far, 1], [far, -far, -1, 1], [-far, far, 1, 2]] {
            assert!(smallest(&stamps) < 0, "{stamps:?}");
        }
        assert_eq!(smallest(&[-far, far]), i64::MAX);
        assert_eq!(smallest(&[-far, -1, 1, far]), 2);
        assert_eq!(smallest(&[0, 5, 5]), 0);
    }
}
