//! A ledger that is being written: a journal of rows before the tables of columns.

use prefetch_index::prefetch_index;

use crate::ledger::schema::{Fill, Rejection, TABLES, Trade};
use crate::ledger::tables::Ledger;
use crate::market::bars::LINE_VALUES;

/// Rows of the equity curve that are prefetched beyond its end.
const ROWS_AHEAD: usize = 1_024;

/// Fills after which the journal is posted before its block ends: it stays in the first cache.
const JOURNAL_ROWS: usize = 128;

/// A ledger with a journal before its tables.
///
/// The tables have some fifty columns. A row written to each of them at once would wait for as many cache lines, so
/// rows wait side by side in the journal. Decisions are three short columns, which go to their table at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct LedgerWriter {
    /// Tables with all posted rows, and the equity of each bar.
    pub ledger: Ledger,
    /// Fills to be posted.
    pub fills: Vec<Fill>,
    /// Round trips to be posted.
    pub trades: Vec<Trade>,
    /// Rejections to be posted.
    pub refused: Vec<Rejection>,
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

    /// Returns true if the journal should be posted before it outgrows the first cache.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.fills.len() >= JOURNAL_ROWS
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
    pub fn post(&mut self) {
        self.ledger.fills.post(&mut self.fills);
        self.ledger.trades.post(&mut self.trades);
        self.ledger.refused.post(&mut self.refused);
    }
}
