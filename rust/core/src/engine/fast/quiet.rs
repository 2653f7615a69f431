//! Stretches of bars taken at once, to the last bit the same as bar by bar.
//!
//! Between two candidate signals, without an order that waits or a deadline, a flat desk only goes on, a position
//! without levels and charges only gains and loses, and one with them only needs them looked after.

use std::ops::Range;

use prefetch_index::prefetch_index;

use crate::engine::fast::hold::guard;
use crate::engine::fast::ranges::Survey;
use crate::engine::plan::Plan;
use crate::engine::state::Desk;
use crate::ledger::tables::DecisionRow;
use crate::ledger::writer::Book;
use crate::market::columns::Columns;
use crate::market::rows::Rows;
use crate::metrics::calendar::rows_before;
use crate::signals::filter::Verdict;

/// Rows at which no order waits, and none is filled, with where they are written down.
pub(crate) struct Stretch<'a> {
    /// Rules.
    pub plan: &'a Plan,
    /// State.
    pub desk: &'a mut Desk,
    /// Where it is written down.
    pub book: &'a mut Book,
    /// The rows at hand.
    pub rows: &'a Rows<'a>,
    /// How far their prices reach.
    pub survey: &'a Survey<'a>,
    /// Their signals.
    pub columns: &'a Columns<'a>,
}

/// Rows that place no order whatever their prices; a position may still end in them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Quiet {
    /// How many.
    pub rows: usize,
    /// Whether the row after them decides an order that waits for the next open: it is as quiet as they are, once
    /// that order has been placed.
    pub decides: bool,
}

/// The quiet rows from the first one on.
pub(crate) fn quiet_rows(desk: &Desk, plan: &Plan, columns: &Columns<'_>, first_bar: i64, rows: Range<usize>) -> Quiet {
    if desk.pending.is_some() {
        return Quiet::default();
    }
    let deadline = desk.position.as_ref().and_then(|position| plan.deadline(position));
    let until = deadline.map_or(rows.end, |bar| rows.end.min(usize::try_from(bar - first_bar).unwrap_or(0)));
    if until <= rows.start {
        return Quiet::default();
    }
    let stamps = &columns.bars.timestamp[rows.start..until];
    let free = plan.filter.free_from_ns(desk.last_fill_ns).map_or(0, |free_ns| rows_before(stamps, free_ns));
    let open = rows.start + free..until;
    let confidence = columns.confidence.map(|column| &column[open.clone()]);
    let direction = desk.position.as_ref().map_or(0, |position| position.direction);
    let found = plan.filter.first_candidate(&columns.signals[open], confidence, direction);
    if let Some(row) = found {
        // Where its order is filled; the survey may have left it unread.
        prefetch_index(columns.bars.open, rows.start + free + row + 1);
    }
    let decides = found.is_some() && !plan.fills_at_close();
    Quiet { rows: found.map_or(until - rows.start, |row| free + row), decides }
}

impl Stretch<'_> {
    /// Takes rows at which nothing is filled, up to the first one at which a level may be touched; returns how many.
    pub fn take(mut self, quiet: Range<usize>) -> usize {
        let marked = self.book.ledger.equity.len();
        let held = self.desk.position.as_ref().map(|position| self.plan.guards(position));
        let taken = match held {
            None => self.wait(quiet.len()),
            Some(false) => self.drift(quiet.clone()),
            Some(true) => guard(self.plan, self.desk, self.rows, &mut self.book.ledger.equity, quiet.clone()),
        };
        self.book.fetch_ahead(taken);
        let rows = quiet.start..quiet.start + taken;
        let (first_bar, stamps) = (self.rows.first_bar + rows.start as i64, &self.rows.bars.timestamp[rows.clone()]);
        match held {
            Some(_) => self.desk.metrics.mark_many(first_bar, stamps, &self.book.ledger.equity[marked..], true),
            None => self.desk.metrics.mark_flat(first_bar, stamps, self.desk.account.cash),
        }
        if self.plan.record_decisions {
            self.record(rows);
        }
        taken
    }

    /// Flat.
    fn wait(&mut self, rows: usize) -> usize {
        let equity = &mut self.book.ledger.equity;
        equity.resize(equity.len() + rows, self.desk.account.cash);
        rows
    }

    /// With a position that has no level and no charge.
    fn drift(&mut self, rows: Range<usize>) -> usize {
        let Desk { position: Some(position), account, .. } = &mut *self.desk else { return 0 };
        let bars = &self.rows.bars;
        let (lowest, highest) = self.survey.range(rows.clone());
        position.see(highest);
        position.see(lowest);
        let (net, multiplier) = (position.net(), self.plan.multiplier());
        let (closes, equity) = (bars.close[rows.clone()].iter(), &mut self.book.ledger.equity);
        match bars.conversion_rate.map(|column| &column[rows.clone()]) {
            None => equity.extend(closes.map(|&close| account.equity(net, close, multiplier, 1.0))),
            Some(rates) => {
                equity.extend(closes.zip(rates).map(|(&close, &rate)| account.equity(net, close, multiplier, rate)));
            }
        }
        rows.len()
    }

    fn record(&mut self, rows: Range<usize>) {
        let direction = self.desk.position.as_ref().map_or(0, |position| position.direction);
        for row in rows {
            let (signal, confidence) = (self.columns.signals[row], self.columns.confidence(row));
            let stamp = self.columns.bars.timestamp[row];
            let verdict = self.plan.filter.judge(signal, confidence, stamp, self.desk.last_fill_ns, direction);
            if let Verdict::Pass(decision) = verdict {
                self.book.decisions.push(DecisionRow { signal, confidence, code: decision as u8 });
            }
        }
    }
}
