//! Equity of a position whose money depends on the close alone.

use std::ops::Range;

use crate::engine::fast::ranges::MinMax;
use crate::metrics::curve::Curve;
use crate::money::account::Account;
use crate::money::holding::Holding;
use crate::sweep::market::Market;

/// The equity of a position whose money depends on the close alone.
pub(super) struct HeldCurve<'a> {
    /// Closes, and their extremes.
    pub market: &'a Market<'a>,
    /// Units of the position.
    pub holding: Holding,
    /// Account that holds them.
    pub account: Account,
}

impl HeldCurve<'_> {
    /// Returns the equity at a close.
    #[inline]
    pub fn at(&self, close: f64) -> f64 {
        self.holding.equity(&self.account, close, 1.0)
    }

    /// Returns the lowest and the highest equity at closes between two.
    #[inline]
    pub fn between(&self, (low, high): MinMax) -> MinMax {
        // Equity rises with the close, or falls with it, also after rounding: its extremes are those of the closes.
        let one = self.at(low);
        let other = self.at(high);
        (one.min(other), one.max(other))
    }
}

impl Curve for HeldCurve<'_> {
    fn equity(&self, row: usize) -> f64 {
        self.at(self.market.columns.bars.close[row])
    }

    fn extremes(&self, rows: Range<usize>) -> MinMax {
        self.between(self.market.ranges.closes(rows))
    }
}
