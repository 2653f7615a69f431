//! Running sums that stay exact enough over millions of terms.

use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};
use wide::{f64x4, f64x8};

use crate::number::{Count, InLanes, Number, Truth};

/// A sum that keeps the error of its additions.
///
/// Ogita, Rump and Oishi, "Accurate Sum and Dot Product", 2005. The error of one addition, without a branch, follows
/// Knuth, "The Art of Computer Programming", volume 2, 4.2.2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Sum<N = f64> {
    total: N,
    error: N,
}

impl<N: Number> Sum<N> {
    /// Adds a term to the sum.
    #[inline]
    pub fn add(&mut self, term: N) {
        let total = self.total + term;
        self.error += error_of(self.total, term, total);
        self.total = total;
    }

    /// Adds a term to each of four sums.
    #[inline(always)]
    pub fn add_row(sums: [&mut Self; 4], row: [N; 4]) {
        sums.into_iter().zip(row).for_each(|(sum, term)| sum.add(term));
    }
}

impl InLanes for Sum<f64x8> {
    type One = Sum;

    fn lane(&self, lane: usize) -> Sum {
        Sum { total: self.total.lane(lane), error: self.error.lane(lane) }
    }

    fn set_lane(&mut self, lane: usize, one: &Sum) {
        self.total.set_lane(lane, &one.total);
        self.error.set_lane(lane, &one.error);
    }
}

impl Sum {
    /// Adds terms one after the other, with the bits of `add` on each.
    #[inline(always)]
    pub fn add_all<const N: usize>(&mut self, terms: &[f64; N]) {
        // Only the totals depend on each other. Their errors do not, so that the compiler can use vector lanes.
        let mut total = self.total;
        let after = terms.map(|term| {
            total += term;
            total
        });
        let before: [f64; N] = std::array::from_fn(|at| if at == 0 { self.total } else { after[at - 1] });
        let errors: [f64; N] = std::array::from_fn(|at| error_of(before[at], terms[at], after[at]));
        self.error = errors.iter().fold(self.error, |sum, error| sum + error);
        self.total = total;
    }

    /// Adds rows of terms to four sums, with the bits of `add` on each, one vector lane a sum.
    #[inline(always)]
    pub fn add_rows<const N: usize>(sums: [&mut Self; 4], rows: [[f64; 4]; N]) {
        let mut total = f64x4::new(sums.each_ref().map(|sum| sum.total));
        let mut error = f64x4::new(sums.each_ref().map(|sum| sum.error));
        for row in rows {
            let terms = f64x4::new(row);
            let after = total + terms;
            error += error_of(total, terms, after);
            total = after;
        }
        for ((sum, total), error) in sums.into_iter().zip(total.to_array()).zip(error.to_array()) {
            *sum = Self { total, error };
        }
    }

    /// Returns the sum so far.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.total + self.error
    }
}

/// Returns the part of `total + term` that is lost in its rounded result `sum`.
#[inline(always)]
fn error_of<T: Copy + Add<Output = T> + Sub<Output = T>>(total: T, term: T, sum: T) -> T {
    let added = sum - total;
    // What the addition has lost of the total, and what it has lost of the term. Both differences are exact.
    (total - (sum - added)) + (term - added)
}

/// Count, mean and variance of a stream of values.
///
/// Welford, "Note on a method for calculating corrected sums of squares and products", 1962.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Variance<N = f64, C = u64> {
    count: C,
    mean: N,
    second: N,
}

impl<N: Number> Variance<N, N::Count> {
    /// Adds a value to the stream.
    #[inline]
    pub fn add(&mut self, value: N) {
        self.count = self.count.one_more(N::Is::of(true));
        let delta = value - self.mean;
        self.mean += delta / N::of_count(self.count);
        self.second += delta * (value - self.mean);
    }
}

impl InLanes for Variance<f64x8, f64x8> {
    type One = Variance;

    fn lane(&self, lane: usize) -> Variance {
        let [count, mean, second] = [self.count, self.mean, self.second].map(|value| value.lane(lane));
        Variance { count: count as u64, mean, second }
    }

    fn set_lane(&mut self, lane: usize, one: &Variance) {
        self.count.set_lane(lane, &(one.count as f64));
        self.mean.set_lane(lane, &one.mean);
        self.second.set_lane(lane, &one.second);
    }
}

impl Variance {
    /// Returns the number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the mean of the values.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Returns the standard deviation with one degree of freedom less. It needs two values.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        (self.second / (self.count as f64 - 1.0)).sqrt()
    }
}

/// Count, mean and central moments of a stream of values.
///
/// Welford's update; third and fourth moment follow Pébay, "Formulas for robust, one-pass parallel computation of
/// covariances and arbitrary-order statistical moments", 2008.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments<N = f64, C = u64> {
    count: C,
    mean: N,
    second: N,
    third: N,
    fourth: N,
}

impl<N: Number> Moments<N, N::Count> {
    /// Adds a value to the stream.
    pub fn add(&mut self, value: N) {
        let [two, three, four, six] = [2.0, 3.0, 4.0, 6.0].map(N::from);
        let before = N::of_count(self.count);
        self.count = self.count.one_more(N::Is::of(true));
        let n = N::of_count(self.count);
        let delta = value - self.mean;
        let step = delta / n;
        let spread = delta * step * before;
        self.mean += step;
        // From the highest moment down: each needs the old values of the lower ones.
        self.fourth += spread * step * step * (n * n - three * n + three) + six * step * step * self.second
            - four * step * self.third;
        self.third += spread * step * (n - two) - three * step * self.second;
        self.second += spread;
    }
}

impl InLanes for Moments<f64x8, f64x8> {
    type One = Moments;

    fn lane(&self, lane: usize) -> Moments {
        let of = |values: f64x8| values.lane(lane);
        let [mean, second, third, fourth] = [self.mean, self.second, self.third, self.fourth].map(of);
        Moments { count: of(self.count) as u64, mean, second, third, fourth }
    }

    fn set_lane(&mut self, lane: usize, one: &Moments) {
        self.count.set_lane(lane, &(one.count as f64));
        self.mean.set_lane(lane, &one.mean);
        self.second.set_lane(lane, &one.second);
        self.third.set_lane(lane, &one.third);
        self.fourth.set_lane(lane, &one.fourth);
    }
}

impl Moments {
    /// Returns the mean of the values.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Returns the standard deviation with one degree of freedom less. It needs two values.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        (self.second / (self.count as f64 - 1.0)).sqrt()
    }

    /// Returns the population skew.
    #[must_use]
    pub fn skew(&self) -> f64 {
        let n = self.count as f64;
        n.sqrt() * self.third / (self.second * self.second.sqrt())
    }

    /// Returns the population kurtosis; 3 is normal.
    #[must_use]
    pub fn kurtosis(&self) -> f64 {
        self.count as f64 * self.fourth / (self.second * self.second)
    }
}

/// Returns true if a deviation is rounding noise beside the mean it belongs to.
#[must_use]
pub fn is_zero_deviation(deviation: f64, mean: f64) -> bool {
    deviation <= 1e-9 * mean.abs()
}

#[cfg(test)]
mod tests {
    use super::{Moments, Sum};

    #[test]
    fn a_sum_keeps_what_large_terms_would_swallow() {
        let mut sum = Sum::default();
        for term in [1.0, 1e100, 1.0, -1e100] {
            sum.add(term);
        }
        assert_eq!(sum.value(), 2.0);
    }

    /// Neumaier's form of the error, which asks which of two terms is larger.
    #[test]
    fn the_error_of_an_addition_needs_no_branch() {
        let mut sum = Sum::default();
        let mut total = 0.0_f64;
        let mut error = 0.0_f64;
        let mut state = 7_u64;
        for round in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let sign = if state >> 63 == 0 { 1.0 } else { -1.0 };
            let term = sign * (state >> 12) as f64 * 2.0_f64.powi((state >> 20) as i32 % 200 - 150);
            let next = total + term;
            error += if total.abs() >= term.abs() { (total - next) + term } else { (term - next) + total };
            total = next;
            sum.add(term);
            assert_eq!(sum, Sum { total, error }, "{round}");
        }
        sum.add(f64::MAX);
        sum.add(f64::MAX);
        assert!(!sum.value().is_finite());
    }

    #[test]
    fn many_terms_leave_the_bits_of_one_after_the_other() {
        let terms: [f64; 9] = std::array::from_fn(|at| (at as f64 - 3.0) * 10.0_f64.powi(at as i32 * 5 - 20));
        let mut together = Sum { total: 0.1, error: 1e-20 };
        let mut single = together;
        together.add_all(&terms);
        terms.iter().for_each(|&term| single.add(term));
        assert_eq!(together, single);
        assert_ne!(single.error, 1e-20);
    }

    #[test]
    fn rows_of_terms_leave_the_bits_of_one_sum_after_the_other() {
        let rows = [[0.1, 1e20, -3.0, 7e-9], [0.2, -1e20, 1e9, 0.3], [0.3, 1.0, 0.0, 1e16]];
        let mut together: [Sum; 4] = std::array::from_fn(|at| Sum { total: at as f64 * 0.7, error: 1e-20 });
        let mut single = together;
        let [one, two, three, four] = &mut together;
        Sum::add_rows([one, two, three, four], rows);
        for row in rows {
            single.iter_mut().zip(row).for_each(|(sum, term)| sum.add(term));
        }
        assert_eq!(together, single);
    }

    #[test]
    fn moments_equal_their_definitions() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        let mut moments = Moments::default();
        values.iter().for_each(|&value| moments.add(value));
        // mean 5; squares sum to 32, cubes to 42, fourth powers to 356: sd sqrt(32/7), skew (42/8)/4^1.5,
        // kurtosis (356/8)/4^2.
        assert!((moments.mean() - 5.0).abs() < 1e-15);
        assert!((moments.deviation() - (32.0_f64 / 7.0).sqrt()).abs() < 1e-15);
        assert!((moments.skew() - 5.25 / 8.0).abs() < 1e-14);
        assert!((moments.kurtosis() - 44.5 / 16.0).abs() < 1e-14);
    }
}
