//! Drawdown: how far equity has fallen from its running peak, how long that took and how long it lasted.

use serde::{Deserialize, Serialize};

use crate::lanes::bounds;

/// Bars that are scanned together where they cannot hold a new drawdown.
const LANES: usize = 64;
/// What is skipped must stay this far below the worst drawdown: rounding must decide nothing.
const CLEARLY_BELOW: f64 = 1.0 - 1e-12;

/// The largest fall from a running peak, as a fraction of that peak.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fall {
    peak: f64,
    worst: f64,
}

/// What one more value is to a running peak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// At the peak, or a new one.
    Peak,
    /// Further below it than ever.
    Worst,
    /// Somewhere below it.
    Below,
}

impl Fall {
    /// The peak starts at the initial capital.
    #[must_use]
    pub fn new(initial_capital: f64) -> Self {
        Self { peak: initial_capital, worst: 0.0 }
    }

    /// The largest fall.
    #[must_use]
    pub fn worst(&self) -> f64 {
        self.worst
    }

    /// One more value.
    #[inline]
    pub fn mark(&mut self, value: f64) {
        self.step(value);
    }

    #[inline]
    fn step(&mut self, value: f64) -> Step {
        if value >= self.peak {
            self.peak = value;
            return Step::Peak;
        }
        let fall = self.peak - value;
        // Most falls are far from the worst: seen without a division.
        if fall > self.peak * self.worst * CLEARLY_BELOW && fall / self.peak > self.worst {
            self.worst = fall / self.peak;
            return Step::Worst;
        }
        Step::Below
    }

    /// Takes in values between `low` and `high`, both among them, if no order of them can hold a new largest fall.
    pub fn skip(&mut self, low: f64, high: f64) -> bool {
        let peak = self.peak.max(high);
        let deepest = (peak - low) / peak;
        let possible = low <= 0.0 || (deepest > 0.0 && deepest >= self.worst * CLEARLY_BELOW);
        if !possible {
            self.peak = peak;
        }
        !possible
    }
}

/// The largest drawdown so far, from a running peak that starts at initial capital, and its dates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Drawdown {
    fall: Fall,
    peak_bar: Option<i64>,
    worst_bar: i64,
    worst_bars: i64,
    recovery_bars: Option<i64>,
}

impl Drawdown {
    /// No bar seen yet.
    #[must_use]
    pub fn new(initial_capital: f64) -> Self {
        Self { fall: Fall::new(initial_capital), peak_bar: None, worst_bar: 0, worst_bars: 0, recovery_bars: None }
    }

    /// A bound of all absolute values so far: a value below zero is a fall of more than its peak.
    #[must_use]
    pub fn bound(&self) -> f64 {
        self.fall.peak * (self.fall.worst - 1.0).max(1.0)
    }

    /// The largest drawdown as a fraction of the peak.
    #[must_use]
    pub fn worst(&self) -> f64 {
        self.fall.worst
    }

    /// Bars from the last bar at the peak (none there: the first bar) to the first bar of the largest drawdown.
    #[must_use]
    pub fn worst_bars(&self) -> i64 {
        self.worst_bars
    }

    /// Bars from the largest drawdown until its peak was reached again.
    ///
    /// # Errors
    /// The reason why there is no such number.
    pub fn recovery_bars(&self) -> Result<i64, &'static str> {
        if self.fall.worst == 0.0 {
            return Err("no_drawdown");
        }
        self.recovery_bars.ok_or("not_recovered")
    }

    /// One more bar.
    #[inline]
    pub fn mark(&mut self, bar: i64, equity: f64) {
        match self.fall.step(equity) {
            Step::Peak => self.reach_peak(bar, bar),
            Step::Below => _ = self.peak_bar.get_or_insert(bar),
            Step::Worst => {
                self.worst_bar = bar;
                self.worst_bars = bar - *self.peak_bar.get_or_insert(bar);
                self.recovery_bars = None;
            }
        }
    }

    /// Many more bars: the same to the last bit as `mark` on each.
    pub fn mark_many(&mut self, first_bar: i64, equity: &[f64]) {
        let mut bar = first_bar;
        for block in equity.chunks(LANES) {
            if !self.skip(bar, block) {
                for (value, at) in block.iter().zip(bar..) {
                    self.mark(at, *value);
                }
            }
            bar += block.len() as i64;
        }
    }

    /// `rows` bars of one and the same equity.
    pub fn mark_flat(&mut self, first_bar: i64, rows: usize, equity: f64) {
        if rows == 0 {
            return;
        }
        self.mark(first_bar, equity);
        if equity >= self.fall.peak {
            self.reach_peak(first_bar, first_bar + rows as i64 - 1);
        }
    }

    /// Takes in a block without looking at each bar, if it cannot hold a new largest drawdown.
    fn skip(&mut self, first_bar: i64, block: &[f64]) -> bool {
        let before = self.fall.peak;
        let (low, high) = bounds(block);
        if !self.fall.skip(low, high) {
            return false;
        }
        if high >= before {
            let reached = block.iter().position(|&value| value >= before);
            let last = block.iter().rposition(|&value| value == high);
            if let (Some(first), Some(last)) = (reached, last) {
                self.reach_peak(first_bar + first as i64, first_bar + last as i64);
            }
        }
        self.peak_bar.get_or_insert(first_bar);
        true
    }

    fn reach_peak(&mut self, first_bar: i64, last_bar: i64) {
        self.peak_bar = Some(last_bar);
        if self.fall.worst > 0.0 && self.recovery_bars.is_none() {
            self.recovery_bars = Some(first_bar - self.worst_bar);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Drawdown;

    fn one_by_one(initial: f64, equity: &[f64]) -> Drawdown {
        let mut found = Drawdown::new(initial);
        for (value, bar) in equity.iter().zip(0..) {
            found.mark(bar, *value);
        }
        found
    }

    #[test]
    fn counts_from_the_last_bar_at_the_peak() {
        let found = one_by_one(100.0, &[100.0, 100.0, 100.0, 98.0, 100.0]);
        assert_eq!((found.worst(), found.worst_bars(), found.recovery_bars()), (0.02, 1, Ok(1)));
    }

    #[test]
    fn counts_from_the_first_bar_where_none_reached_initial_capital() {
        let found = one_by_one(100.0, &[99.0, 98.0, 98.0]);
        assert_eq!((found.worst(), found.worst_bars(), found.recovery_bars()), (0.02, 1, Err("not_recovered")));
    }

    #[test]
    fn no_drawdown_has_no_recovery() {
        let found = one_by_one(100.0, &[100.0, 101.0]);
        assert_eq!((found.worst(), found.worst_bars(), found.recovery_bars()), (0.0, 0, Err("no_drawdown")));
    }

    #[test]
    fn a_larger_one_forgets_the_recovery_of_the_smaller() {
        let found = one_by_one(100.0, &[90.0, 100.0, 100.0, 80.0, 99.0]);
        assert_eq!((found.worst(), found.worst_bars(), found.recovery_bars()), (0.2, 1, Err("not_recovered")));
    }

    #[test]
    fn the_first_of_equal_ones_counts() {
        let found = one_by_one(100.0, &[100.0, 90.0, 100.0, 90.0, 90.0]);
        assert_eq!((found.worst_bars(), found.recovery_bars()), (1, Ok(1)));
    }

    #[test]
    fn the_least_deepening_counts() {
        let deeper = 90.0_f64.next_down();
        let mut blocks = one_by_one(100.0, &[100.0, 90.0]);
        blocks.mark_many(2, &[deeper]);
        let single = one_by_one(100.0, &[100.0, 90.0, deeper]);
        assert_eq!((blocks, single.worst()), (single, (100.0 - deeper) / 100.0));
        assert!(single.worst() > 0.1 && single.worst_bars() == 2);
    }

    #[test]
    fn no_value_lies_beyond_the_bound() {
        assert_eq!(one_by_one(100.0, &[110.0, 50.0]).bound(), 110.0);
        // A fall of 4 times the peak: 300 below zero.
        assert_eq!(one_by_one(100.0, &[100.0, -300.0]).bound(), 300.0);
    }

    #[test]
    fn blocks_equal_single_bars_to_the_bit() {
        let mut state = 1_u64;
        for round in 0..200 {
            // In units of 1 and of 1/1024: no part of the look at a block may take money for a fraction.
            let unit = [1.0, 1.0 / 1_024.0][round % 2];
            let mut value = 100.0 * unit;
            let step = [1.0, 0.0, 30.0][round % 3] * unit;
            let equity: Vec<f64> = (0..700)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    value += (((state >> 40) % 5) as f64 - 2.0) * step;
                    value
                })
                .collect();
            let mut blocks = Drawdown::new(100.0 * unit);
            let cut = (state >> 33) as usize % 700;
            blocks.mark_many(0, &equity[..cut]);
            blocks.mark_many(cut as i64, &equity[cut..]);
            assert_eq!(blocks, one_by_one(100.0 * unit, &equity), "{round}");
        }
    }

    #[test]
    fn a_flat_stretch_equals_its_bars() {
        for level in [90.0, 100.0, 110.0] {
            let mut flat = one_by_one(100.0, &[100.0, 95.0]);
            flat.mark_flat(2, 3, level);
            assert_eq!(flat, one_by_one(100.0, &[100.0, 95.0, level, level, level]));
        }
    }
}
