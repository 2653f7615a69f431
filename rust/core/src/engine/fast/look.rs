//! The first look at a block: the facts that its columns alone tell, and no state of the run.

use crate::engine::fast::ranges::BlockRanges;
use crate::error::Error;
use crate::market::columns::Columns;
use crate::signals::bits::SignalBits;
use crate::signals::filter::Filter;

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
