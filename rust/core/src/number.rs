//! Numbers that a formula is written for: one, or eight side by side.
//!
//! Scenarios that fill at the same rows differ in their numbers alone. A formula over `Number` gives each of eight the
//! bits that it gives one: every step is the same IEEE operation, in the same order.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, BitAnd, BitOr, Div, Mul, Not, Sub, SubAssign};

use wide::f64x8;

/// One number, or one in each lane.
pub trait Number:
    Copy
    + Debug
    + From<f64>
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + SubAssign
    + Mul<Output = Self>
    + Div<Output = Self>
{
    /// The answer to a question about it.
    type Is: Truth;
    /// A count of events.
    type Count: Count<Is = Self::Is>;

    /// Returns true where this number is above another.
    fn is_above(self, other: Self) -> Self::Is;

    /// Returns true where this number is equal to another or above it.
    fn is_at_least(self, other: Self) -> Self::Is;

    /// Returns the lower of two numbers, neither of which is NaN.
    fn lower(self, other: Self) -> Self;

    /// Returns the higher of two numbers, neither of which is NaN.
    fn higher(self, other: Self) -> Self;

    /// Returns the number without its sign.
    fn magnitude(self) -> Self;

    /// Rounds down to a whole number.
    fn whole_below(self) -> Self;

    /// Rounds to the nearest whole number, from the middle of two away from 0.
    fn nearest_whole(self) -> Self;

    /// Picks the first number where it is true, the second where it is not.
    fn pick(is: Self::Is, one: Self, other: Self) -> Self;

    /// Applies a function of two single numbers, which has no form for lanes.
    fn each(self, other: Self, apply: impl Fn(f64, f64) -> f64) -> Self;

    /// Returns a count as a number.
    fn of_count(count: Self::Count) -> Self;
}

/// A value of each of eight scenarios.
pub trait InLanes {
    /// The value of one of them.
    type One;

    /// Returns the value of a lane.
    fn lane(&self, lane: usize) -> Self::One;

    /// Replaces the value of a lane.
    fn set_lane(&mut self, lane: usize, one: &Self::One);
}

impl InLanes for f64x8 {
    type One = f64;

    #[inline]
    fn lane(&self, lane: usize) -> f64 {
        self.to_array()[lane]
    }

    #[inline]
    fn set_lane(&mut self, lane: usize, one: &f64) {
        let mut values = self.to_array();
        values[lane] = *one;
        *self = Self::new(values);
    }
}

/// True or not, or that in each lane.
pub trait Truth: Copy + BitAnd<Output = Self> + BitOr<Output = Self> + Not<Output = Self> {
    /// Returns the same answer for all.
    fn of(is: bool) -> Self;

    /// Returns true if it is true everywhere.
    fn everywhere(self) -> bool;

    /// Returns true if it is true nowhere.
    fn nowhere(self) -> bool;
}

/// A count of events, or one in each lane.
pub trait Count: Copy {
    /// The answer that says if an event is counted.
    type Is;

    /// Counts one more where it is true.
    fn one_more(self, is: Self::Is) -> Self;

    /// Begins again at 0 where it is true.
    fn begin_again(self, is: Self::Is) -> Self;

    /// Returns the larger of two counts.
    fn larger(self, other: Self) -> Self;
}

impl Number for f64 {
    type Is = bool;
    type Count = u64;

    #[inline(always)]
    fn is_above(self, other: Self) -> bool {
        self > other
    }

    #[inline(always)]
    fn is_at_least(self, other: Self) -> bool {
        self >= other
    }

    #[inline(always)]
    fn lower(self, other: Self) -> Self {
        self.min(other)
    }

    #[inline(always)]
    fn higher(self, other: Self) -> Self {
        self.max(other)
    }

    #[inline(always)]
    fn magnitude(self) -> Self {
        self.abs()
    }

    #[inline(always)]
    fn whole_below(self) -> Self {
        self.floor()
    }

    #[inline(always)]
    fn nearest_whole(self) -> Self {
        self.round()
    }

    #[inline(always)]
    fn pick(is: bool, one: Self, other: Self) -> Self {
        if is { one } else { other }
    }

    #[inline(always)]
    fn each(self, other: Self, apply: impl Fn(f64, f64) -> f64) -> Self {
        apply(self, other)
    }

    #[inline(always)]
    fn of_count(count: u64) -> Self {
        count as Self
    }
}

impl Number for f64x8 {
    type Is = Self;
    // A double counts exactly up to 2^53, and stays in registers beside the sums.
    type Count = Self;

    #[inline(always)]
    fn is_above(self, other: Self) -> Self {
        self.simd_gt(other)
    }

    #[inline(always)]
    fn is_at_least(self, other: Self) -> Self {
        self.simd_ge(other)
    }

    #[inline(always)]
    fn lower(self, other: Self) -> Self {
        self.fast_min(other)
    }

    #[inline(always)]
    fn higher(self, other: Self) -> Self {
        self.fast_max(other)
    }

    #[inline(always)]
    fn magnitude(self) -> Self {
        self.abs()
    }

    #[inline(always)]
    fn whole_below(self) -> Self {
        self.floor()
    }

    #[inline(always)]
    fn nearest_whole(self) -> Self {
        // As `f64::round` does: a half itself would round the largest number below a half up.
        let below_half = Self::splat(0.5_f64.next_down());
        (self + below_half.copysign(self)).trunc()
    }

    #[inline(always)]
    fn pick(is: Self, one: Self, other: Self) -> Self {
        is.select(one, other)
    }

    // A call: inlined, it takes the lanes of every number near it apart.
    #[inline(never)]
    fn each(self, other: Self, apply: impl Fn(f64, f64) -> f64) -> Self {
        let [these, others] = [self, other].map(Self::to_array);
        Self::new(std::array::from_fn(|lane| apply(these[lane], others[lane])))
    }

    #[inline(always)]
    fn of_count(count: Self) -> Self {
        count
    }
}

impl Truth for bool {
    #[inline(always)]
    fn of(is: bool) -> Self {
        is
    }

    #[inline(always)]
    fn everywhere(self) -> bool {
        self
    }

    #[inline(always)]
    fn nowhere(self) -> bool {
        !self
    }
}

impl Truth for f64x8 {
    #[inline(always)]
    fn of(is: bool) -> Self {
        let none = Self::splat(0.0);
        if is { !none } else { none }
    }

    #[inline(always)]
    fn everywhere(self) -> bool {
        self.all()
    }

    #[inline(always)]
    fn nowhere(self) -> bool {
        !self.any()
    }
}

impl Count for u64 {
    type Is = bool;

    #[inline(always)]
    fn one_more(self, is: bool) -> Self {
        self + Self::from(is)
    }

    #[inline(always)]
    fn begin_again(self, is: bool) -> Self {
        if is { 0 } else { self }
    }

    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        self.max(other)
    }
}

impl Count for f64x8 {
    type Is = Self;

    #[inline(always)]
    fn one_more(self, is: Self) -> Self {
        self + (is & Self::splat(1.0))
    }

    #[inline(always)]
    fn begin_again(self, is: Self) -> Self {
        is.select(Self::splat(0.0), self)
    }

    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        self.fast_max(other)
    }
}

#[cfg(test)]
mod tests {
    use wide::f64x8;

    use super::{Count, InLanes, Number, Truth};
    use crate::lanes::LANES;

    /// Middles between whole numbers, their neighbours, powers of two, and what is no price at all.
    fn values() -> Vec<f64> {
        let mut found = vec![0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE];
        for power in [-60, -2, -1, 0, 1, 20, 50, 51, 52, 53, 60] {
            for part in [1.0, 1.25, 1.5, 1.75, 3.5] {
                let value = part * 2.0_f64.powi(power);
                let near = [value.next_down(), value, value.next_up(), value + 0.5, (value + 0.5).next_down()];
                found.extend(near.into_iter().flat_map(|value| [value, -value]));
            }
        }
        found
    }

    /// Each value beside each other one, in the lane that its place gives it.
    fn in_all_lanes(check: impl Fn(f64, f64, f64x8, f64x8, usize)) {
        let values = values();
        for shift in 0..values.len() {
            for first in 0..values.len() {
                let at = |lane: usize, by: usize| values[(first + lane + by) % values.len()];
                let ones = f64x8::new(std::array::from_fn(|lane| at(lane, 0)));
                let others = f64x8::new(std::array::from_fn(|lane| at(lane, shift)));
                (0..LANES).for_each(|lane| check(at(lane, 0), at(lane, shift), ones, others, lane));
            }
        }
    }

    #[test]
    fn each_lane_has_the_bits_of_one_number() {
        in_all_lanes(|one, other, ones, others, lane| {
            let is_same = |found: f64x8, expected: f64| {
                let found = found.lane(lane);
                // An operation on infinities gives some NaN, and nobody reads which.
                found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan())
            };
            assert!(is_same(ones.nearest_whole(), one.nearest_whole()), "{one}");
            assert!(is_same(ones.whole_below(), one.whole_below()), "{one}");
            assert!(is_same(ones.magnitude(), one.magnitude()), "{one}");
            assert!(is_same(ones + others, one + other) && is_same(ones - others, one - other), "{one} {other}");
            assert!(is_same(ones * others, one * other) && is_same(ones / others, one / other), "{one} {other}");
            assert!(is_same(ones.each(others, f64::hypot), one.hypot(other)), "{one} {other}");
            // Which of 0 and -0 is the lower is not said.
            assert_eq!(ones.lower(others).lane(lane), one.lower(other), "{one} {other}");
            assert_eq!(ones.higher(others).lane(lane), one.higher(other), "{one} {other}");
        });
    }

    #[test]
    fn each_lane_has_the_answers_and_counts_of_one_number() {
        in_all_lanes(|one, other, ones, others, lane| {
            let bit = |is: f64x8| is.to_bitmask() >> lane & 1 == 1;
            assert_eq!(bit(ones.is_above(others)), one.is_above(other), "{one} {other}");
            assert_eq!(bit(ones.is_at_least(others)), one.is_at_least(other), "{one} {other}");
            let picked = f64x8::pick(ones.is_above(others), ones, others).lane(lane);
            assert_eq!(picked.to_bits(), f64::pick(one.is_above(other), one, other).to_bits(), "{one} {other}");
            let counted = f64x8::splat(3.0).one_more(ones.is_above(others)).begin_again(others.is_above(ones));
            assert_eq!(counted.lane(lane) as u64, 3_u64.one_more(one > other).begin_again(other > one));
        });
    }

    #[test]
    fn an_answer_is_everywhere_or_nowhere_as_its_lanes_say() {
        for mask in 0..256_u32 {
            let bits = f64x8::new(std::array::from_fn(|lane| f64::from(mask >> lane & 1)));
            let is = bits.is_above(f64x8::splat(0.5));
            assert_eq!((is.everywhere(), is.nowhere(), is.to_bitmask()), (mask == 255, mask == 0, mask));
        }
        assert!(f64x8::of(true).everywhere() && f64x8::of(false).nowhere());
    }

    #[test]
    fn a_lane_is_replaced_alone() {
        let mut values = f64x8::new([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        values.set_lane(5, &-1.0);
        assert_eq!(values.to_array(), [0.0, 1.0, 2.0, 3.0, 4.0, -1.0, 6.0, 7.0]);
        assert_eq!([0, 5].map(|lane| values.lane(lane)), [0.0, -1.0]);
    }
}
