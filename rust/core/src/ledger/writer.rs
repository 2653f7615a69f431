//! A ledger that is being written: a journal of rows before the tables of columns.

use prefetch_index::prefetch_index;

use crate::ledger::schema::{DecisionRow, Fill, Rejection, Trade};
use crate::ledger::tables::Ledger;
use crate::market::bars::LINE_VALUES;

/// Rows of the equity curve that are prefetched beyond its end.
const ROWS_AHEAD: usize = 1_024;

/// A ledger with a journal before its tables.
///
/// The tables have some fifty columns. A row written to each of them at once would wait for as many cache lines, so
/// rows wait side by side in the journal until the block ends.
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
    /// Decisions to be posted.
    pub decisions: Vec<DecisionRow>,
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

    /// Moves the journal into the tables.
    pub fn post(&mut self) {
        self.ledger.fills.post(&mut self.fills);
        self.ledger.trades.post(&mut self.trades);
        self.ledger.refused.post(&mut self.refused);
        self.ledger.decisions.post(&mut self.decisions);
    }
}
