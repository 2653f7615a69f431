//! Quiet rows: no order is pending, and none is placed whatever their prices.
//!
//! Between two candidate signals, if no order is pending and no deadline falls in the range, many bars can be processed
//! at once. Flat: only equity repeats. Held without levels or charges: only the mark changes. Otherwise `hold` checks
//! each bar against the levels.

use std::ops::Range;

use prefetch_index::prefetch_index;

use crate::engine::fast::hold;
use crate::engine::fast::ranges::BlockRanges;
use crate::engine::plan::Plan;
use crate::engine::state::State;
use crate::ledger::schema::DecisionRow;
use crate::ledger::writer::LedgerWriter;
use crate::market::columns::Columns;
use crate::market::rows::Rows;
use crate::signals::filter::Verdict;
use crate::time::rows_before;

/// Rows that place no order. A position may still end in them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct QuietRows {
    /// Number of quiet rows.
    pub rows: usize,
    /// True if the row after them decides an order that waits for the next open. That row is as quiet as they are; its
    /// order is placed after it.
    pub decides: bool,
}

impl QuietRows {
    /// Finds the quiet rows at the start of `range`.
    pub fn find(state: &State, plan: &Plan, columns: &Columns<'_>, first_bar: i64, range: Range<usize>) -> Self {
        if state.pending.is_some() {
            return Self::default();
        }
        let deadline = state.position.as_ref().and_then(|position| plan.deadline(position));
        let until = deadline.map_or(range.end, |bar| range.end.min(usize::try_from(bar - first_bar).unwrap_or(0)));
        if until <= range.start {
            return Self::default();
        }
        // Rows too soon after the last fill need no look at their signals.
        let stamps = &columns.bars.timestamp[range.start..until];
        let held_back = plan.filter.free_from_ns(state.last_fill_ns).map_or(0, |free_ns| rows_before(stamps, free_ns));
        let open = range.start + held_back..until;
        let confidence = columns.confidence.map(|column| &column[open.clone()]);
        let candidate = plan.filter.first_candidate(&columns.signals[open], confidence, state.direction());
        if let Some(row) = candidate {
            // The open that fills its order; the scan of the block may have left it out.
            prefetch_index(columns.bars.open, range.start + held_back + row + 1);
        }
        let decides = candidate.is_some() && !plan.fills_at_close();
        Self { rows: candidate.map_or(until - range.start, |row| held_back + row), decides }
    }
}

/// Quiet rows with everything they change.
pub(crate) struct QuietStep<'a> {
    /// Rules of the run.
    pub plan: &'a Plan,
    /// State that the rows change.
    pub state: &'a mut State,
    /// Ledger that the rows are written to.
    pub writer: &'a mut LedgerWriter,
    /// Rows of the block.
    pub rows: &'a Rows<'a>,
    /// Minimum and maximum of their prices.
    pub ranges: &'a BlockRanges<'a>,
    /// Signals beside the rows.
    pub columns: &'a Columns<'a>,
}

impl QuietStep<'_> {
    /// Simulates quiet rows up to the first one at which a level may be touched; returns their number.
    pub fn step(mut self, quiet: Range<usize>) -> usize {
        let marked = self.writer.ledger.equity.len();
        let held = self.state.position.as_ref().map(|position| {
            let charged = self.plan.holding(position.net()).is_charged();
            position.has_levels() || charged
        });
        let taken = match held {
            None => self.flat(quiet.len()),
            Some(false) => self.held_freely(quiet.clone()),
            Some(true) => hold::scan(self.plan, self.state, self.rows, &mut self.writer.ledger.equity, quiet.clone()),
        };
        self.writer.prefetch(taken);
        self.mark(quiet.start..quiet.start + taken, marked, held.is_some());
        if self.plan.record_decisions {
            self.record(quiet.start..quiet.start + taken);
        }
        taken
    }

    /// Adds the new equity points, from point `marked` on, to the metrics.
    fn mark(&mut self, rows: Range<usize>, marked: usize, in_position: bool) {
        let first_bar = self.rows.first_bar + rows.start as i64;
        let stamps = &self.rows.bars.timestamp[rows];
        let metrics = &mut self.state.metrics;
        if in_position {
            metrics.mark_many(first_bar, stamps, &self.writer.ledger.equity[marked..], true);
        } else {
            metrics.mark_flat(first_bar, stamps, self.state.account.balance);
        }
    }

    /// Writes the equity of rows without a position.
    fn flat(&mut self, rows: usize) -> usize {
        let equity = &mut self.writer.ledger.equity;
        equity.resize(equity.len() + rows, self.state.account.balance);
        rows
    }

    /// Writes the equity of rows with a position that has no level and no charge.
    fn held_freely(&mut self, rows: Range<usize>) -> usize {
        let State { position: Some(position), account, .. } = &mut *self.state else { return 0 };
        let bars = &self.rows.bars;
        let (lowest, highest) = self.ranges.range(rows.clone());
        position.note_price(highest);
        position.note_price(lowest);
        let holding = self.plan.holding(position.net());
        let closes = bars.close[rows.clone()].iter();
        let equity = &mut self.writer.ledger.equity;
        // Two loops: a rate of 1 that the compiler knows leaves one multiplication less per bar.
        match bars.conversion_rate.map(|column| &column[rows.clone()]) {
            None => equity.extend(closes.map(|&close| holding.equity(account, close, 1.0))),
            Some(rates) => {
                equity.extend(closes.zip(rates).map(|(&close, &rate)| holding.equity(account, close, rate)));
            }
        }
        rows.len()
    }

    /// Records the decisions of rows at which no order was placed.
    fn record(&mut self, rows: Range<usize>) {
        let direction = self.state.direction();
        let judged = |row: usize| {
            let signal = self.columns.signals[row];
            let confidence = self.columns.confidence(row);
            let stamp = self.columns.bars.timestamp[row];
            let verdict = self.plan.filter.judge(signal, confidence, stamp, self.state.last_fill_ns, direction);
            (verdict, DecisionRow { signal, confidence, code: verdict.decision() as u8 })
        };
        let Some(last) = rows.clone().last() else { return };
        // Rows before the last one never pass. Without a check for each, their number is known and room is made once.
        self.writer.decisions.extend((rows.start..last).map(|row| judged(row).1));
        // The row that decides is recorded when its order is placed.
        if let (Verdict::Pass(_), decided) = judged(last) {
            self.writer.decisions.push(decided);
        }
    }
}
