//! Quiet rows: no order is pending, and none is placed whatever their prices.
//!
//! Between two candidate signals, if no order is pending and no deadline falls in the range, many bars can be processed
//! at once. Flat: only equity repeats. Held without levels or charges: only the mark changes. Otherwise `hold` checks
//! each bar against the levels.

use std::ops::Range;

use prefetch_index::prefetch_index;

use crate::engine::fast::curve::HeldCurve;
use crate::engine::fast::hold;
use crate::engine::fast::ranges::BlockRanges;
use crate::engine::plan::Plan;
use crate::engine::state::State;
use crate::ledger::writer::LedgerWriter;
use crate::market::columns::Columns;
use crate::market::rows::Rows;
use crate::signals::filter::{Decision, Verdict};
use crate::time::rows_before;

/// Rows that are judged together if none of them has a signal: one AVX2 register of signals.
const CODE_ROWS: usize = 32;

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
        let taken = if self.state.position.is_none() {
            self.flat(quiet.len())
        } else if self.is_held_freely(quiet.clone()) {
            self.held_freely(quiet.clone())
        } else {
            hold::scan(self.plan, self.state, self.rows, &mut self.writer.ledger.equity, quiet.clone())
        };
        self.writer.prefetch(self.writer.ledger.equity.len() - marked);
        self.mark(quiet.start..quiet.start + taken, marked);
        if self.plan.record_decisions {
            self.record(quiet.start..quiet.start + taken);
        }
        taken
    }

    /// Returns true if nothing but the mark of the position changes in these rows.
    fn is_held_freely(&self, rows: Range<usize>) -> bool {
        let State { position: Some(position), account, .. } = &*self.state else { return false };
        let holding = self.plan.holding(position.net());
        if holding.is_charged() {
            return false;
        }
        if !position.has_levels() {
            return true;
        }
        // One look at the extremes of all rows. It needs a level that stays where it is, and no column beside the prices.
        let is_fixed = position.trailing.is_none() && position.target.is_none();
        is_fixed
            && self.rows.bars.conversion_rate.is_none()
            && hold::is_untouched(position, &holding, account, 0.0, self.ranges.range(rows))
    }

    /// Adds rows to the metrics; their equity, if it was written, begins with point `marked`.
    fn mark(&mut self, rows: Range<usize>, marked: usize) {
        let first_bar = self.rows.first_bar + rows.start as i64;
        let held = rows.len();
        let stamps = &self.rows.bars.timestamp[rows];
        let State { metrics, position, account, .. } = &mut *self.state;
        let equity = &self.writer.ledger.equity[marked..];
        match position {
            None => metrics.mark_flat(first_bar, stamps, account.balance),
            Some(_) if !equity.is_empty() => metrics.mark_many(first_bar, stamps, equity, held),
            Some(position) => {
                let holding = self.plan.holding(position.net());
                let curve = HeldCurve::of(self.rows, self.ranges, holding, *account);
                metrics.mark_held(first_bar, stamps, &curve);
            }
        }
    }

    /// Writes the equity of rows without a position, if it is kept.
    fn flat(&mut self, rows: usize) -> usize {
        if self.writer.keeps_curve() {
            let equity = &mut self.writer.ledger.equity;
            equity.resize(equity.len() + rows, self.state.account.balance);
        }
        rows
    }

    /// Writes the equity of rows at which nothing but the mark of a position changes, unless it follows from their closes and
    /// nobody keeps it.
    fn held_freely(&mut self, rows: Range<usize>) -> usize {
        let State { position: Some(position), account, .. } = &mut *self.state else { return 0 };
        let bars = &self.rows.bars;
        let (lowest, highest) = self.ranges.range(rows.clone());
        position.note_price(highest);
        position.note_price(lowest);
        let holding = self.plan.holding(position.net());
        let closes = bars.close[rows.clone()].iter();
        let keeps_curve = self.writer.keeps_curve();
        let equity = &mut self.writer.ledger.equity;
        // Two loops: a rate of 1 that the compiler knows leaves one multiplication less per bar.
        match bars.conversion_rate.map(|column| &column[rows.clone()]) {
            None if keeps_curve => {
                equity.extend(closes.map(|&close| holding.equity(account, close, 1.0)));
            }
            None => {}
            Some(rates) => {
                equity.extend(closes.zip(rates).map(|(&close, &rate)| holding.equity(account, close, rate)));
            }
        }
        rows.len()
    }

    /// Records the decisions of rows at which no order was placed.
    fn record(&mut self, rows: Range<usize>) {
        let Some(last) = rows.clone().last() else { return };
        // The row that decides is recorded when its order is placed. Rows before the last one never pass.
        let end = if matches!(self.judge(last), Verdict::Pass(_)) { rows.end } else { last };
        let rows = rows.start..end;
        self.writer.take_signals(&self.columns.rows(rows.start, rows.end));
        self.record_codes(rows);
    }

    /// Records what became of the signals of rows at which no order was placed.
    fn record_codes(&mut self, rows: Range<usize>) {
        let columns = self.columns;
        for start in rows.clone().step_by(CODE_ROWS) {
            let part = start..rows.end.min(start + CODE_ROWS);
            let has_signal = columns.signals[part.clone()].iter().fold(false, |any, &signal| any | (signal != 0));
            let is_undefined = columns.confidence.is_some_and(|column| {
                column[part.clone()].iter().fold(false, |any, &confidence| any | confidence.is_nan())
            });
            // Most parts have neither, and a look at each row of them would cost as much as marking it.
            if has_signal || is_undefined {
                for row in part {
                    let code = self.judge(row).decision() as u8;
                    self.writer.ledger.decisions.code.push(code);
                }
            } else {
                let codes = &mut self.writer.ledger.decisions.code;
                codes.resize(codes.len() + part.len(), Decision::Hold as u8);
            }
        }
    }

    fn judge(&self, row: usize) -> Verdict {
        let signal = self.columns.signals[row];
        let stamp = self.columns.bars.timestamp[row];
        let direction = self.state.direction();
        self.plan.filter.judge(signal, self.columns.confidence(row), stamp, self.state.last_fill_ns, direction)
    }
}
