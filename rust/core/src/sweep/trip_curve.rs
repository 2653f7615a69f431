//! Equity of a round trip, whose extremes and worst close are known.

use std::ops::Range;

use crate::engine::fast::curve::HeldCurve;
use crate::engine::fast::ranges::MinMax;
use crate::metrics::curve::Curve;
use crate::sweep::trips::{Trip, Trough};

/// The equity of a round trip, whose extremes and worst close are known.
pub(super) struct TripCurve<'a> {
    /// Equity of its position.
    pub held: HeldCurve<'a>,
    /// Rows of the round trip, with their extremes.
    pub trip: &'a Trip,
}

impl TripCurve<'_> {
    /// Returns the rows at which the position is held.
    #[inline]
    pub fn rows(&self) -> Range<usize> {
        self.trip.entry_row..self.trip.exit_row
    }
}

impl Curve for TripCurve<'_> {
    #[inline]
    fn equity(&self, row: usize) -> f64 {
        self.held.equity(row)
    }

    #[inline]
    fn extremes(&self, rows: Range<usize>) -> MinMax {
        if rows == self.rows() { self.held.between(self.trip.closes) } else { self.held.extremes(rows) }
    }

    fn first_low(&self, rows: Range<usize>, reaches: impl Fn(f64) -> bool) -> Option<usize> {
        if rows != self.rows() {
            return self.held.first_low(rows, reaches);
        }
        let Trough { row, before } = self.trip.trough(self.held.closes);
        // No row before the worst close is lower than the worst of them: one look at it spares the search.
        let is_first = before.is_none_or(|close| !reaches(self.held.at(close)));
        if is_first { Some(row) } else { self.held.first_low(rows, reaches) }
    }
}
