//! Drawdown: the fall of equity from its running peak, with the bars of peak, trough and recovery.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use wide::f64x8;

use crate::lanes::min_max;
use crate::metrics::curve::Curve;
use crate::metrics::undefined::Undefined;
use crate::number::{InLanes, Number, Truth};

/// Equity points that `Drawdown::mark_many` skips together: eight steps of the vectorised minimum and maximum.
const SKIP_ROWS: usize = 64;

/// Factor below which a fall is certainly not the largest: rounding must decide nothing.
///
/// A relative error of a subtraction and a division is below 1e-15, so this margin is a thousand times wider.
const CLEARLY_BELOW: f64 = 1.0 - 1e-12;

/// Share of a fall by which rounding certainly does not change it.
const NEARLY: f64 = 1e-12;

/// The largest fall from a running peak, as a fraction of that peak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MaxDrawdown<N = f64> {
    peak: N,
    worst: N,
}

/// The place of a value beside a running peak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// At the peak, or above it.
    Peak,
    /// Further below the peak than ever.
    Worst,
    /// Anywhere else below the peak.
    Below,
}

impl MaxDrawdown {
    /// Starts with a peak at the initial capital.
    #[must_use]
    pub fn new(initial_capital: f64) -> Self {
        Self { peak: initial_capital, worst: 0.0 }
    }

    /// Adds the next value of the curve.
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
        // Most falls are far from the worst. The product rules them out without a division, which decides the rest.
        if !self.is_far_above_worst(value) && fall / self.peak > self.worst {
            self.worst = fall / self.peak;
            return Step::Worst;
        }
        Step::Below
    }

    /// Adds values between `low` and `high`, both among them, if no order of them can hold a new largest fall.
    ///
    /// Returns false, and adds nothing, if one might: the caller must add the values one by one.
    pub fn try_skip(&mut self, low: f64, high: f64) -> bool {
        // The deepest fall of any order: the highest value first, the lowest after it.
        let peak = self.peak.max(high);
        let deepest = (peak - low) / peak;
        let possible = low <= 0.0 || (deepest > 0.0 && deepest >= self.worst * CLEARLY_BELOW);
        if !possible {
            self.peak = peak;
        }
        !possible
    }
}

impl<N: Number> MaxDrawdown<N> {
    /// Adds the next value of each curve, with the bits of `mark` and without its branches.
    #[inline(always)]
    pub(crate) fn mark_each(&mut self, value: N) {
        // From a peak that is reached nothing falls: such a depth is 0 or less.
        self.reach(Fall::to(value, self.peak));
        self.peak = N::pick(value.is_at_least(self.peak), value, self.peak);
    }

    /// Returns true if a value below the peak is certainly no new largest fall.
    #[inline(always)]
    fn is_far_above_worst(&self, value: N) -> N::Is {
        (self.peak * self.worst * N::from(CLEARLY_BELOW)).is_at_least(self.peak - value)
    }

    /// Returns the running peak.
    pub(crate) fn peak(&self) -> N {
        self.peak
    }

    /// Returns the largest fall.
    #[must_use]
    pub fn worst(&self) -> N {
        self.worst
    }

    /// Returns true if a value lies below the peak, and another one has before.
    #[inline(always)]
    pub(crate) fn is_fallen_below(&self, value: N) -> N::Is {
        self.peak.is_above(value) & self.worst.is_above(N::from(0.0))
    }

    /// Returns true if a fall from the peak is the largest.
    #[inline(always)]
    pub(crate) fn is_deepened_by(&self, fall: Fall<N>) -> N::Is {
        fall.depth.is_above(self.worst)
    }

    /// Notes a fall from the peak where it is the largest; returns where.
    #[inline(always)]
    pub(crate) fn reach(&mut self, fall: Fall<N>) -> N::Is {
        let is_deeper = self.is_deepened_by(fall);
        self.worst = N::pick(is_deeper, fall.depth, self.worst);
        is_deeper
    }

    /// Takes the other where that is true.
    #[inline(always)]
    pub(crate) fn or(&self, is: N::Is, other: Self) -> Self {
        Self { peak: N::pick(is, other.peak, self.peak), worst: N::pick(is, other.worst, self.worst) }
    }

    /// Returns true if values between `low` and `high` change nothing: they lie below the peak, and far above the largest
    /// fall.
    #[inline(always)]
    pub(crate) fn passes(&self, low: N, high: N) -> N::Is {
        self.peak.is_above(high) & self.is_far_above_worst(low)
    }
}

impl InLanes for MaxDrawdown<f64x8> {
    type One = MaxDrawdown;

    fn lane(&self, lane: usize) -> MaxDrawdown {
        MaxDrawdown { peak: self.peak.lane(lane), worst: self.worst.lane(lane) }
    }

    fn set_lane(&mut self, lane: usize, one: &MaxDrawdown) {
        self.peak.set_lane(lane, &one.peak);
        self.worst.set_lane(lane, &one.worst);
    }
}

/// The largest drawdown so far, from a running peak that starts at initial capital, and its bars.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Drawdown {
    #[serde(rename = "fall")]
    largest: MaxDrawdown,
    peak_bar: Option<i64>,
    worst_bar: i64,
    worst_bars: i64,
    recovery_bars: Option<i64>,
}

impl Drawdown {
    /// Starts before the first bar.
    #[must_use]
    pub fn new(initial_capital: f64) -> Self {
        Self {
            largest: MaxDrawdown::new(initial_capital),
            peak_bar: None,
            worst_bar: 0,
            worst_bars: 0,
            recovery_bars: None,
        }
    }

    /// Returns the largest fall, without its bars.
    pub(crate) fn largest(&self) -> &MaxDrawdown {
        &self.largest
    }

    /// Returns a bound of all absolute values so far. A value below zero is a fall of more than its peak.
    #[must_use]
    pub fn bound(&self) -> f64 {
        self.largest.peak * (self.largest.worst - 1.0).max(1.0)
    }

    /// Returns the largest drawdown as a fraction of the peak.
    #[must_use]
    pub fn worst(&self) -> f64 {
        self.largest.worst
    }

    /// Returns the bars from the last bar at the peak (or the first bar) to the first bar of the largest drawdown.
    #[must_use]
    pub fn worst_bars(&self) -> i64 {
        self.worst_bars
    }

    /// Returns the bars from the largest drawdown until its peak was reached again.
    ///
    /// # Errors
    /// `NoDrawdown` or `NotRecovered`.
    pub fn recovery_bars(&self) -> Result<i64, Undefined> {
        if self.largest.worst == 0.0 {
            return Err(Undefined::NoDrawdown);
        }
        self.recovery_bars.ok_or(Undefined::NotRecovered)
    }

    /// Adds the equity of a bar.
    #[inline]
    pub fn mark(&mut self, bar: i64, equity: f64) {
        match self.largest.step(equity) {
            Step::Peak => self.reach_peak(bar, bar),
            Step::Below => _ = self.peak_bar.get_or_insert(bar),
            Step::Worst => {
                self.worst_bar = bar;
                self.worst_bars = bar - *self.peak_bar.get_or_insert(bar);
                self.recovery_bars = None;
            }
        }
    }

    /// Adds the equity of many bars, with the bits of `mark` on each.
    pub fn mark_many(&mut self, first_bar: i64, equity: &[f64]) {
        let mut bar = first_bar;
        for part in equity.chunks(SKIP_ROWS) {
            let (low, high) = min_max(part);
            if high < self.largest.peak {
                self.mark_below(bar, low, |fall| part.iter().position(|&equity| fall.reaches(equity)));
            } else if !self.try_skip(bar, part, low, high) {
                for (value, at) in part.iter().zip(bar..) {
                    self.mark(at, *value);
                }
            }
            bar += part.len() as i64;
        }
    }

    /// Adds rows from `first_bar` on with equity between two values, if that changes nothing: they lie below the peak, and
    /// far above the largest drawdown.
    #[inline(always)]
    pub(crate) fn passes(&mut self, first_bar: i64, low: f64, high: f64) -> bool {
        let passes = self.largest.passes(low, high);
        if passes {
            self.peak_bar.get_or_insert(first_bar);
        }
        passes
    }

    /// Adds the equity of rows that follow a curve, with the bits of `mark` on each; a row is its bar.
    pub(crate) fn mark_curve(&mut self, rows: Range<usize>, curve: &impl Curve) {
        let before = self.largest.peak;
        let (low, high) = curve.extremes(rows.clone());
        if high < before {
            self.mark_below(rows.start as i64, low, |fall| {
                let row = curve.first_low(rows.clone(), |equity| fall.reaches(equity));
                row.map(|row| row - rows.start)
            });
        } else if self.largest.try_skip(low, high) {
            let first = if self.recovers() { curve.first_at_least(rows.clone(), before) } else { Some(rows.start) };
            let last = curve.last_at_least(rows.clone(), high);
            if let (Some(first), Some(last)) = (first, last) {
                self.reach_peak(first as i64, last as i64);
            }
        } else if rows.len() <= SKIP_ROWS {
            rows.for_each(|row| self.mark(row as i64, curve.equity(row)));
        } else {
            // Cut where extremes are known without a look at the rows.
            let middle = (rows.start + rows.len() / 2).next_multiple_of(SKIP_ROWS).min(rows.end - 1);
            self.mark_curve(rows.start..middle, curve);
            self.mark_curve(middle..rows.end, curve);
        }
    }

    /// Adds rows below the peak, of which `low` is the lowest equity; `first` finds the first that reaches a fall.
    ///
    /// A fall never shrinks as equity falls, also after rounding. So the lowest equity has the largest fall, and the first
    /// row with that fall is the one that bar by bar would leave as the worst.
    fn mark_below(&mut self, first_bar: i64, low: f64, first: impl FnOnce(Fall) -> Option<usize>) {
        let peak = self.largest.peak;
        let peak_bar = *self.peak_bar.get_or_insert(first_bar);
        let fall = Fall::to(low, peak);
        if fall.depth <= self.largest.worst {
            return;
        }
        let Some(row) = first(fall) else { return };
        self.fall_to(fall.depth, first_bar + row as i64, peak_bar);
    }

    /// Notes a new largest fall, at a bar after the first that lies below the peak.
    pub(crate) fn deepen(&mut self, depth: f64, bar: i64) {
        self.fall_to(depth, bar, self.peak_bar.unwrap_or(bar));
    }

    fn fall_to(&mut self, depth: f64, bar: i64, peak_bar: i64) {
        self.largest.worst = depth;
        self.worst_bar = bar;
        self.worst_bars = bar - peak_bar;
        self.recovery_bars = None;
    }

    /// Adds `rows` bars of one and the same equity.
    pub fn mark_flat(&mut self, first_bar: i64, rows: usize, equity: f64) {
        if rows == 0 {
            return;
        }
        self.mark(first_bar, equity);
        if equity >= self.largest.peak {
            self.reach_peak(first_bar, first_bar + rows as i64 - 1);
        }
    }

    /// Adds bars without a look at each, if they cannot hold a new largest drawdown.
    fn try_skip(&mut self, first_bar: i64, equity: &[f64], low: f64, high: f64) -> bool {
        let before = self.largest.peak;
        if !self.largest.try_skip(low, high) {
            return false;
        }
        if high >= before {
            // Bar by bar, the first value at the old peak ends a recovery, and the last one at the new peak dates it.
            let first = equity.iter().position(|&value| value >= before);
            let last = equity.iter().rposition(|&value| value == high);
            if let (Some(first), Some(last)) = (first, last) {
                self.reach_peak(first_bar + first as i64, first_bar + last as i64);
            }
        }
        self.peak_bar.get_or_insert(first_bar);
        true
    }

    /// Returns true if the next bar at the peak ends the recovery of the largest drawdown.
    fn recovers(&self) -> bool {
        self.largest.worst > 0.0 && self.recovery_bars.is_none()
    }

    fn reach_peak(&mut self, first_bar: i64, last_bar: i64) {
        self.peak_bar = Some(last_bar);
        if self.recovers() {
            self.recovery_bars = Some(first_bar - self.worst_bar);
        }
    }
}

/// A fall from a peak.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fall<N = f64> {
    peak: N,
    depth: N,
    /// Equity above which no rounding makes a fall as deep.
    near: N,
}

impl<N: Number> Fall<N> {
    /// Falls from a peak to an equity.
    #[inline(always)]
    pub(crate) fn to(equity: N, peak: N) -> Self {
        let depth = (peak - equity) / peak;
        Self { peak, depth, near: equity + (peak - equity) * N::from(NEARLY) }
    }

    /// Returns true if equity lies as deep below the peak.
    #[inline(always)]
    pub(crate) fn reaches(&self, equity: N) -> N::Is {
        // The comparison spares most rows the division.
        let is_near = self.near.is_at_least(equity);
        if is_near.nowhere() {
            return is_near;
        }
        is_near & ((self.peak - equity) / self.peak).is_at_least(self.depth)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::Drawdown;
    use crate::metrics::curve::Curve;
    use crate::metrics::undefined::Undefined;

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
        assert_eq!((found.worst(), found.worst_bars(), found.recovery_bars()), (0.02, 1, Err(Undefined::NotRecovered)));
    }

    #[test]
    fn no_drawdown_has_no_recovery() {
        let found = one_by_one(100.0, &[100.0, 101.0]);
        assert_eq!((found.worst(), found.worst_bars(), found.recovery_bars()), (0.0, 0, Err(Undefined::NoDrawdown)));
    }

    #[test]
    fn a_larger_one_forgets_the_recovery_of_the_smaller() {
        let found = one_by_one(100.0, &[90.0, 100.0, 100.0, 80.0, 99.0]);
        assert_eq!((found.worst(), found.worst_bars(), found.recovery_bars()), (0.2, 1, Err(Undefined::NotRecovered)));
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

    /// Values of a curve, with extremes by a look at each.
    struct Values(Vec<f64>);

    impl Curve for Values {
        fn equity(&self, row: usize) -> f64 {
            self.0[row]
        }

        fn extremes(&self, rows: Range<usize>) -> (f64, f64) {
            super::min_max(&self.0[rows])
        }
    }

    #[test]
    fn spans_of_a_curve_equal_single_bars_to_the_bit() {
        let mut state = 7_u64;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as i64
        };
        for round in 0..600 {
            // Steps so small that falls of neighbours round to one, and steps that cross zero.
            let step = [1.0, 1e-14, 7.0, 0.3][round % 4];
            let drift = round as i64 % 3 - 1;
            let mut value = 100.0;
            let values: Vec<f64> = (0..400)
                .map(|_| {
                    value += (next() % 5 - 2 + i64::from(next() % 3 == 0) * drift) as f64 * step;
                    value
                })
                .collect();
            let expected = one_by_one(100.0, &values);
            let curve = Values(values);
            let mut found = Drawdown::new(100.0);
            let mut row = 0;
            while row < 400 {
                let stop = 400.min(row + 1 + next() as usize % 170);
                found.mark_curve(row..stop, &curve);
                row = stop;
            }
            assert_eq!(found, expected, "{round}");
        }
    }

    #[test]
    fn a_flat_run_equals_its_bars() {
        for level in [90.0, 100.0, 110.0] {
            let mut flat = one_by_one(100.0, &[100.0, 95.0]);
            flat.mark_flat(2, 3, level);
            assert_eq!(flat, one_by_one(100.0, &[100.0, 95.0, level, level, level]));
        }
    }
}
