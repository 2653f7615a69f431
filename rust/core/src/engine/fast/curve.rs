//! Equity of a position whose money depends on the close alone.

use std::ops::Range;

use crate::engine::fast::ranges::{BlockRanges, MinMax};
use crate::market::rows::Rows;
use crate::metrics::curve::Curve;
use crate::money::account::Account;
use crate::money::holding::Holding;

/// The equity of a position whose money depends on the close alone, by the bars of a run.
pub(crate) struct HeldCurve<'a> {
    /// Bar of the run that is row 0 of the block.
    first_bar: usize,
    /// Closes of the block.
    pub closes: &'a [f64],
    /// Extremes of its prices.
    ranges: &'a BlockRanges<'a>,
    /// Units of the position.
    holding: Holding,
    /// Account that holds them.
    account: Account,
}

impl<'a> HeldCurve<'a> {
    /// Returns the equity of an account with so many units over the rows of a block.
    #[inline]
    pub fn of(rows: &Rows<'a>, ranges: &'a BlockRanges<'a>, holding: Holding, account: Account) -> Self {
        Self { first_bar: rows.first_bar as usize, closes: rows.bars.close, ranges, holding, account }
    }

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
    fn equity(&self, bar: usize) -> f64 {
        self.at(self.closes[bar - self.first_bar])
    }

    fn extremes(&self, bars: Range<usize>) -> MinMax {
        self.between(self.ranges.closes(bars.start - self.first_bar..bars.end - self.first_bar))
    }
}
