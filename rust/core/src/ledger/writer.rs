//! A ledger that is being written: a journal of rows before the tables of columns.

use prefetch_index::prefetch_index;

use crate::ledger::tables::{DecisionRow, Fill, Ledger, Refusal, Trade};
use crate::market::bars::LINE_VALUES;

/// How far ahead of the last row of the curve its memory is asked for.
const ROWS_AHEAD: usize = 1_024;

/// A ledger that is being written, with a journal before its tables.
///
/// The tables are some fifty columns: a row written to each of them at once would wait for as many lines of the
/// cache. Rows wait side by side in the journal until they are posted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    /// What has been posted, and each bar's equity.
    pub ledger: Ledger,
    /// Fills to be posted.
    pub fills: Vec<Fill>,
    /// Round trips to be posted.
    pub trades: Vec<Trade>,
    /// Refusals to be posted.
    pub refused: Vec<Refusal>,
    /// Decisions to be posted.
    pub decisions: Vec<DecisionRow>,
}

impl Book {
    /// Goes on with a ledger.
    pub fn of(ledger: Ledger) -> Self {
        Self { ledger, ..Self::default() }
    }

    /// Asks for the memory of the curve `ROWS_AHEAD` rows beyond each of its last `rows`: a store that has to wait for
    /// it holds up those behind it, and the loads that follow them.
    pub fn fetch_ahead(&self, rows: usize) {
        let equity = &self.ledger.equity;
        for row in (equity.len() - rows.min(ROWS_AHEAD)..equity.len()).step_by(LINE_VALUES) {
            prefetch_index(equity, row + ROWS_AHEAD);
        }
    }

    /// Moves the journal into the ledger.
    pub fn post(&mut self) {
        self.ledger.fills.post(&mut self.fills);
        self.ledger.trades.post(&mut self.trades);
        self.ledger.refused.post(&mut self.refused);
        self.ledger.decisions.post(&mut self.decisions);
    }
}
