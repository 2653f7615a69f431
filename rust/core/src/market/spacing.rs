//! The distance between the stamps of bars.

use std::collections::BTreeMap;

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
    /// Measures rising stamps `[n, i64, ns]`; returns `None` for fewer than two.
    ///
    /// ```
    /// use ktrdr_core::Spacing;
    ///
    /// let spacing = Spacing::of(&[0, 3, 4, 7, 10]).expect("five stamps");
    /// assert_eq!((spacing.smallest_ns, spacing.common_ns, spacing.count), (1, 3, 3));
    /// ```
    #[must_use]
    pub fn of(stamps: &[i64]) -> Option<Self> {
        // Equal distances come in long runs, so the map is touched once per run.
        let mut counts = BTreeMap::new();
        let mut run = (0, 0);
        for pair in stamps.windows(2) {
            let distance = pair[1] - pair[0];
            if distance != run.0 {
                *counts.entry(run.0).or_insert(0) += run.1;
                run = (distance, 0);
            }
            run.1 += 1;
        }
        *counts.entry(run.0).or_insert(0) += run.1;
        counts.retain(|_, count| *count > 0);
        let (&smallest_ns, _) = counts.first_key_value()?;
        let (common_ns, count) = counts.into_iter().rev().max_by_key(|&(_, count)| count)?;
        Some(Self { smallest_ns, common_ns, count })
    }
}

#[cfg(test)]
mod tests {
    use super::Spacing;

    #[test]
    fn the_most_frequent_spacing_wins_and_the_smallest_breaks_a_tie() {
        let spacing =
            |stamps: &[i64]| Spacing::of(stamps).map(|found| (found.smallest_ns, found.common_ns, found.count));
        assert_eq!(spacing(&[5]), None);
        assert_eq!(spacing(&[0, 3, 4, 7, 10]), Some((1, 3, 3)));
        assert_eq!(spacing(&[0, 3, 4, 7, 8]), Some((1, 1, 2)));
    }
}
