//! The largest falls of eight scenarios that hold a position over the same rows.

use std::ops::Range;

use wide::f64x8;

use crate::metrics::drawdown::{Drawdown, Fall, MaxDrawdown};
use crate::number::{InLanes, Number, Truth};
use crate::sweep::trips::Trip;

/// The largest falls so far, each from its running peak.
///
/// A scenario that reaches its peak again, falls for the first time, or is as deep at a row before the worst close, is
/// marked by its walker.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Falls {
    largest: MaxDrawdown<f64x8>,
    /// Row of a fall that its scenario has not been told of.
    row: f64x8,
    /// True where that row is not yet in the drawdown of its scenario.
    is_new: f64x8,
}

/// Equity of eight scenarios at the rows of a round trip, and before it.
pub(super) struct Equity<'a, F: Fn(f64) -> f64x8> {
    pub trip: &'a Trip,
    /// Closes of the market.
    pub closes: &'a [f64],
    /// Equity between the fills at a close.
    pub at: F,
    /// Rows since the round trip before.
    pub flat: Range<usize>,
    /// Equity at these rows.
    pub balance: f64x8,
}

impl Falls {
    /// Takes in the largest fall of a scenario.
    pub fn join(&mut self, lane: usize, drawdown: &Drawdown) {
        self.largest.set_lane(lane, drawdown.largest());
        self.is_new.set_lane(lane, &0.0);
    }

    /// Tells a scenario of its largest fall.
    pub fn tell(&mut self, lane: usize, drawdown: &mut Drawdown) {
        if self.is_new.to_bitmask() >> lane & 1 == 1 {
            drawdown.deepen(self.largest.worst().lane(lane), self.row.lane(lane) as i64);
            self.is_new.set_lane(lane, &0.0);
        }
    }

    /// Adds the rows of a round trip and before it to those scenarios of `members` of which that is certain.
    ///
    /// Returns the others.
    #[inline(always)]
    pub fn mark<F: Fn(f64) -> f64x8>(&mut self, equity: &Equity<'_, F>, members: u32) -> u32 {
        let Equity { trip, at, flat, balance, .. } = equity;
        let [one, other] = [trip.closes.0, trip.closes.1].map(at);
        let low = one.lower(other);
        let highest = one.higher(other);
        let beside = if flat.is_empty() { low } else { *balance };
        let highest = highest.higher(beside);
        // A fall that passes is not the first: the bar of its peak is known.
        let passes = self.largest.passes(low.lower(beside), highest).to_bitmask();
        if members & !passes == 0 { 0 } else { members & !self.deepen(equity, low, highest) }
    }

    /// Adds rows that may hold new largest falls; returns the scenarios of which that is certain.
    #[inline(always)]
    fn deepen<F: Fn(f64) -> f64x8>(&mut self, equity: &Equity<'_, F>, low: f64x8, highest: f64x8) -> u32 {
        let Equity { trip, closes, at, flat, balance } = equity;
        let mut is_certain = self.largest.is_fallen_below(highest);
        let mut after = *self;
        if !flat.is_empty() {
            after.reach(Fall::to(*balance, self.largest.peak()), flat.start);
        }
        let fall = Fall::to(low, self.largest.peak());
        // Only a fall that deepens asks for the row of the worst close, which is searched then.
        if !(is_certain & after.largest.is_deepened_by(fall)).nowhere() {
            let trough = trip.trough(closes);
            let is_deeper = after.reach(fall, trough.row);
            // The worst close before that row is enough: all others there lie less deep.
            let is_first = trough.before.map_or(f64x8::of(true), |close| !fall.reaches(at(close)));
            is_certain &= is_first | !is_deeper;
        }
        self.largest = self.largest.or(is_certain, after.largest);
        self.row = f64x8::pick(is_certain, after.row, self.row);
        self.is_new = f64x8::pick(is_certain, after.is_new, self.is_new);
        is_certain.to_bitmask()
    }

    /// Notes falls to a row where they are the largest; returns where.
    #[inline(always)]
    fn reach(&mut self, fall: Fall<f64x8>, row: usize) -> f64x8 {
        let is_deeper = self.largest.reach(fall);
        self.row = f64x8::pick(is_deeper, f64x8::from(row as f64), self.row);
        self.is_new |= is_deeper;
        is_deeper
    }
}
