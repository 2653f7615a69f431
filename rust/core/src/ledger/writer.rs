//! A ledger that is being written: a journal of rows before the tables of columns.

use prefetch_index::prefetch_index;

use crate::ledger::schema::{
    DecisionCounts, DecisionRow, Fill, FillsJournal, Rejection, RejectionsJournal, TABLES, Trade, TradesJournal,
};
use crate::ledger::tables::Ledger;
use crate::market::bars::LINE_VALUES;
use crate::market::columns::Columns;

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
    /// True if rows per bar are let go after each block.
    forgets_curve: bool,
    /// Decisions of rows that were let go.
    pub forgotten: DecisionCounts,
}

/// A place in a ledger that is being written, to which it can return.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    rows: [usize; TABLES],
    forgotten: DecisionCounts,
}

impl LedgerWriter {
    /// Continues a ledger with an empty journal.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger, ..Self::default() }
    }

    /// Lets go of the rows that each bar has, equity and decisions, after each block from now on.
    pub fn without_curve(mut self) -> Self {
        self.forgets_curve = true;
        self
    }

    /// Returns the ledger and leaves an empty one in its place, which keeps the same rows.
    pub fn lend(&mut self) -> Self {
        let empty = Self { forgets_curve: self.forgets_curve, ..Self::default() };
        std::mem::replace(self, empty)
    }

    /// Returns true if rows per bar stay in the ledger.
    pub fn keeps_curve(&self) -> bool {
        !self.forgets_curve
    }

    /// Makes room for the rows that each of so many bars has.
    pub fn reserve_curve(&mut self, bars: usize, block_rows: usize, decides: bool) {
        let rows = if self.forgets_curve { bars.min(block_rows) } else { bars };
        self.ledger.equity.reserve(rows);
        if decides {
            self.ledger.decisions.reserve(rows);
        }
    }

    /// Writes the decision of one bar to its table.
    pub fn decide(&mut self, row: DecisionRow) {
        let decisions = &mut self.ledger.decisions;
        decisions.code.push(row.code);
        // Of rows that will be let go, the codes alone are counted.
        if !self.forgets_curve {
            decisions.signal.push(row.signal);
            decisions.confidence.push(row.confidence);
        }
    }

    /// Counts decisions of rows that are not kept.
    pub fn count(&mut self, decisions: &DecisionCounts) {
        self.forgotten.iter_mut().zip(decisions).for_each(|(count, more)| *count += more);
    }

    /// Writes signals and confidences of rows; the codes of their decisions come from the caller.
    pub fn take_signals(&mut self, rows: &Columns<'_>) {
        if !self.forgets_curve {
            self.ledger.decisions.take_signals(rows);
        }
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

    /// Ends a block of rows: posts its journal, and lets go of its rows per bar if nobody wants them.
    pub fn end_block(&mut self) {
        self.post();
        if self.forgets_curve {
            self.forgotten = self.decision_counts();
            self.ledger.equity.clear();
            self.ledger.decisions.truncate(0);
        }
    }

    /// Lets go of all rows. Their memory serves later ones.
    pub fn forget_all(&mut self) {
        self.forgotten = self.decision_counts();
        self.ledger.truncate([0; TABLES]);
    }

    /// Returns how often each decision was made, in rows that were let go too.
    pub fn decision_counts(&self) -> DecisionCounts {
        let kept = self.ledger.decisions.counts();
        std::array::from_fn(|code| self.forgotten[code] + kept[code])
    }

    /// Returns the place that the tables have reached.
    pub fn written(&self) -> Written {
        Written { rows: self.ledger.rows(), forgotten: self.forgotten }
    }

    /// Returns to a place, as far as the rows after it are still there.
    pub fn undo(&mut self, to: Written) {
        self.ledger.truncate(to.rows);
        self.forgotten = to.forgotten;
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
