//! The first look at a block: the facts that its columns alone tell, and no state of the run.

use std::ops::Range;

use crate::engine::fast::ranges::BlockRanges;
use crate::engine::leg::At;
use crate::engine::plan::Plan;
use crate::error::Error;
use crate::market::columns::Columns;
use crate::market::rows::{Quote, Rows};
use crate::signals::bits::SignalBits;
use crate::signals::filter::Filter;
use crate::time::rows_before;

/// The facts about a block that its columns alone tell.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    /// Rows of the block.
    pub columns: Columns<'a>,
    /// Minimum and maximum of their prices.
    pub ranges: BlockRanges<'a>,
    /// Bits of their signals, where a chain of fills may follow them.
    pub bits: Option<SignalBits>,
    /// Simulated rows with an undefined confidence.
    pub undefined: u64,
}

/// The rows of a call, and how a run looks at them.
#[derive(Debug)]
pub(crate) struct Looker<'a> {
    /// Rows of the call.
    pub columns: Columns<'a>,
    /// Row of the run that is the first of them.
    pub first_row: usize,
    /// First simulated row of the run.
    pub first_simulated: usize,
    /// Rows of a block.
    pub block_rows: usize,
    /// True if a look checks the prices too.
    pub checks_prices: bool,
    /// Filter of the signals, where a chain of fills may follow them.
    pub chained: Option<Filter>,
}

impl<'a> Looker<'a> {
    /// Returns the number of blocks.
    pub fn blocks(&self) -> usize {
        self.columns.bars.len().div_ceil(self.block_rows)
    }

    /// Looks at a block.
    ///
    /// # Errors
    /// As `BlockRanges::scan`.
    pub fn look(&self, block: usize) -> Result<Look<'a>, Error> {
        let start = block * self.block_rows;
        let end = self.columns.bars.len().min(start + self.block_rows);
        let columns = self.columns.rows(start, end);
        let ranges = BlockRanges::scan(&columns, self.first_row + start, self.checks_prices)?;
        let bits = self.chained.map(|filter| SignalBits::of(&filter, &columns));
        let first_simulated = self.first_simulated.saturating_sub(self.first_row).clamp(start, end);
        let undefined = self.columns.rows(first_simulated, end).undefined();
        Ok(Look { columns, ranges, bits, undefined })
    }
}

/// A block as a chain and its books see it.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    /// Rules of the run.
    pub plan: &'a Plan,
    /// Rows of the block.
    pub rows: Rows<'a>,
    /// All that its columns tell.
    pub look: &'a Look<'a>,
    /// Bits of its signals.
    pub bits: &'a SignalBits,
}

impl Block<'_> {
    /// Returns the place of a row in the run.
    #[inline]
    pub fn at(&self, row: usize) -> At {
        At { bar: self.bar_of(row), time: self.rows.bars.timestamp[row] }
    }

    /// Returns the index of a row in the run.
    pub fn bar_of(&self, row: usize) -> i64 {
        self.rows.first_bar + row as i64
    }

    /// Returns the quote at the open of a row.
    #[inline(always)]
    pub fn quote(&self, row: usize) -> Quote {
        Quote::at_open(self.rows.bars.open[row], &self.rows.previous(row))
    }

    /// Counts the rows too soon after the last fill.
    #[inline]
    pub fn held_back(&self, last_fill_ns: Option<i64>, rows: Range<usize>) -> usize {
        let free_ns = self.plan.filter.free_from_ns(last_fill_ns);
        free_ns.map_or(0, |free_ns| rows_before(&self.rows.bars.timestamp[rows], free_ns))
    }
}
