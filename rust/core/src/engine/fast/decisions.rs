//! Decisions on the rows of a chain, where no fill holds signals back.
//!
//! Then a decision depends on signal, confidence and position alone, and all of them are found together.

use std::ops::Range;

use crate::engine::fast::look::Block;
use crate::ledger::schema::DecisionCounts;
use crate::ledger::writer::LedgerWriter;
use crate::market::columns::Columns;
use crate::signals::bits::{RowBits, rows_with};
use crate::signals::filter::Decision;

/// Numbers of the decisions on confident signals: short, flat and long.
type Tables = [[u8; 8]; 3];

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

    /// Writes the decisions on rows, if they are recorded and no fill holds signals back; counts them if no row is kept.
    pub fn decide(&self, block: &Block<'_>, rows: Range<usize>, writer: &mut LedgerWriter) {
        let filter = &block.plan.filter;
        if !block.plan.record_decisions || filter.separates() {
            return;
        }
        // A table has most decisions: the branches of `judge` would be taken by chance.
        let tables = [-1, 0, 1].map(|position| filter.codes(position));
        if writer.keeps_curve() {
            self.write(block, rows, &tables, &mut writer.ledger.decisions.code);
        } else {
            writer.count(&self.count(block, rows, &tables));
        }
    }

    /// Appends the numbers of the decisions on rows.
    fn write(&self, block: &Block<'_>, rows: Range<usize>, tables: &Tables, codes: &mut Vec<u8>) {
        let filter = &block.plan.filter;
        let columns = &block.look.columns;
        let decided = codes.len();
        codes.resize(decided + rows.len(), Decision::Hold as u8);
        let codes = &mut codes[decided..];
        block.bits.each_noted(rows.clone(), |row| {
            let confidence = columns.confidence(row);
            let signal = columns.signals[row];
            // Confidence decides before the position does, so any position gives the code of the others.
            codes[row - rows.start] = if filter.is_confident(confidence) {
                tables[(self.at(row) + 1) as usize][place_of(signal)]
            } else {
                filter.judge(signal, confidence, 0, None, 0).decision() as u8
            };
        });
    }

    /// Counts the decisions on rows, 64 rows at once.
    fn count(&self, block: &Block<'_>, rows: Range<usize>, tables: &Tables) -> DecisionCounts {
        let mut counts = DecisionCounts::default();
        for word in block.bits.words(block.look.columns.signals, rows.clone()) {
            counts[Decision::Undefined as usize] += ones(word.undefined);
            counts[Decision::Threshold as usize] += ones(word.unconfident);
            let [long, short] = [&self.long, &self.short].map(|bits| bits.word(word.number));
            let positions = [short, !(long | short), long];
            // One turn for each signal that the word has, mostly two.
            let mut left = word.confident;
            while left != 0 {
                let signal = word.signals[left.trailing_zeros() as usize];
                let same = left & rows_with(&word.signals, signal);
                for (table, position) in tables.iter().zip(positions) {
                    counts[usize::from(table[place_of(signal)])] += ones(same & position);
                }
                left &= !same;
            }
        }
        counts[Decision::Hold as usize] += rows.len() as u64 - counts.iter().sum::<u64>();
        counts
    }
}

fn ones(bits: u64) -> u64 {
    u64::from(bits.count_ones())
}

/// Returns the place of a signal in a table.
fn place_of(signal: i8) -> usize {
    (signal - Columns::ENTER_SHORT) as usize
}
