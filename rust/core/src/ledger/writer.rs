//! A ledger that is being written: a journal of rows before the tables of columns.

use prefetch_index::prefetch_index;

use crate::ledger::schema::{Fill, FillsJournal, Rejection, RejectionsJournal, TABLES, Trade, TradesJournal};
use crate::ledger::tables::Ledger;
use crate::market::bars::LINE_VALUES;

/// Rows of the equity curve that are prefetched beyond its end.
pub(crate) const ROWS_AHEAD: usize = 1_024;

/// A ledger with a journal before its tables.
///
/// The tables have some fifty columns. A row written to each of them at once would wait for as many cache lines, so
/// rows wait in journals that fit into the first caches. Decisions are three short columns, which go to their table at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct LedgerWriter {
    /// Tables with all posted rows, and the equity of each bar.
    pub ledger: Ledger,
    fills: Box<FillsJournal>,
    trades: Box<TradesJournal>,
    refused: Box<RejectionsJournal>,
}

impl LedgerWriter {
    /// Continues a ledger with an empty journal.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger, ..Self::default() }
    }

    /// Prefetches the memory of the curve `ROWS_AHEAD` rows beyond each of its last `rows` rows.
    pub fn prefetch(&self, rows: usize) {
        let equity = &self.ledger.equity;
        // A store that waits for its cache line holds up the stores behind it, and the loads that follow them.
        for row in (equity.len() - rows.min(ROWS_AHEAD)..equity.len()).step_by(LINE_VALUES) {
            prefetch_index(equity, row + ROWS_AHEAD);
        }
    }

    /// Writes a fill to the journal.
    #[inline(always)]
    pub fn fill(&mut self, row: Fill) {
        if self.fills.push(row) {
            self.post();
        }
    }

    /// Writes a round trip to the journal.
    #[inline(always)]
    pub fn trade(&mut self, row: Trade) {
        if self.trades.push(row) {
            self.post();
        }
    }

    /// Writes a rejection to the journal.
    pub fn refuse(&mut self, row: Rejection) {
        if self.refused.push(row) {
            self.post();
        }
    }

    /// Returns the bars that each round trip of the journal was held.
    pub fn journal_bars_held(&self) -> &[i64] {
        &self.trades.bars_held[..self.trades.rows()]
    }

    /// Empties the journal without posting it.
    pub fn forget(&mut self) {
        self.fills.clear();
        self.trades.clear();
        self.refused.clear();
    }

    /// Makes room for the rows of `blocks` more blocks like the one that began at `before` rows of each table.
    pub fn expect(&mut self, before: [usize; TABLES], blocks: usize) {
        // An eighth more: a table that has to grow after all is copied as a whole.
        let more = |rows: usize| rows * blocks + rows * blocks / 8;
        self.ledger.fills.reserve(more(self.ledger.fills.rows() - before[0]));
        self.ledger.trades.reserve(more(self.ledger.trades.rows() - before[1]));
        self.ledger.refused.reserve(more(self.ledger.refused.rows() - before[3]));
    }

    /// Moves the journal into the tables.
    #[inline(never)]
    pub fn post(&mut self) {
        self.ledger.fills.post(&mut self.fills);
        self.ledger.trades.post(&mut self.trades);
        self.ledger.refused.post(&mut self.refused);
    }
}
