//! Decisions on the rows of a chain, where no fill holds signals back.
//!
//! Then a decision depends on signal, confidence and position alone, and all of them are found together.

use std::ops::Range;

use crate::engine::fast::look::Block;
use crate::market::columns::Columns;
use crate::signals::bits::RowBits;
use crate::signals::filter::Decision;

/// The direction of the position at the close of each row of a block.
#[derive(Debug)]
pub(crate) struct Positions {
    long: RowBits,
    short: RowBits,
}

impl Positions {
    /// Starts without a position in a block of so many rows.
    pub fn none(rows: usize) -> Self {
        // Bits instead of a number a row: a round trip changes a word or two.
        Self { long: RowBits::none(rows), short: RowBits::none(rows) }
    }

    /// Adds rows at which a position of that direction is held.
    #[inline]
    pub fn add(&mut self, direction: i8, rows: &Range<usize>) {
        if direction > 0 { self.long.add(rows) } else { self.short.add(rows) }
    }

    #[inline]
    fn at(&self, row: usize) -> i8 {
        i8::from(self.long.has(row)) - i8::from(self.short.has(row))
    }

    /// Appends the numbers of the decisions on rows, if they are recorded and no fill holds signals back.
    pub fn decide(&self, block: &Block<'_>, rows: Range<usize>, codes: &mut Vec<u8>) {
        let filter = &block.plan.filter;
        if !block.plan.record_decisions || filter.separates() {
            return;
        }
        let columns = &block.look.columns;
        // A table has most decisions: the branches of `judge` would be taken by chance.
        let tables = [-1, 0, 1].map(|position| filter.codes(position));
        let decided = codes.len();
        codes.resize(decided + rows.len(), Decision::Hold as u8);
        let codes = &mut codes[decided..];
        block.bits.each_noted(rows.clone(), |row| {
            let confidence = columns.confidence(row);
            let signal = columns.signals[row];
            // Confidence decides before the position does, so any position gives the code of the others.
            codes[row - rows.start] = if filter.is_confident(confidence) {
                tables[(self.at(row) + 1) as usize][(signal - Columns::ENTER_SHORT) as usize]
            } else {
                filter.judge(signal, confidence, 0, None, 0).decision() as u8
            };
        });
    }
}
