//! Equity that follows from closes, so that spans of rows need no look at each.

use std::ops::Range;

/// Rows that a search looks at one by one.
const STEP_ROWS: usize = 64;

/// The equity of rows, with its extremes over spans of them.
pub(crate) trait Curve {
    /// Returns the equity at the mark of a row.
    fn equity(&self, row: usize) -> f64;

    /// Returns the lowest and the highest equity of some rows.
    fn extremes(&self, rows: Range<usize>) -> (f64, f64);

    /// Returns the first row whose equity is at least `level`.
    fn first_at_least(&self, rows: Range<usize>, level: f64) -> Option<usize> {
        self.first_with(rows, |(_, highest)| highest >= level)
    }

    /// Returns the first row whose equity reaches a low: one that every lower equity reaches too.
    fn first_low(&self, rows: Range<usize>, reaches: impl Fn(f64) -> bool) -> Option<usize> {
        self.first_with(rows, |(lowest, _)| reaches(lowest))
    }

    /// Returns the first row that passes a test: one that some rows pass together if one of them does.
    fn first_with(&self, rows: Range<usize>, passes: impl Fn((f64, f64)) -> bool) -> Option<usize> {
        let span = spans(rows).find(|span| passes(self.extremes(span.clone())))?;
        span.into_iter().find(|&row| passes((self.equity(row), self.equity(row))))
    }

    /// Returns the last row whose equity is at least `level`.
    fn last_at_least(&self, rows: Range<usize>, level: f64) -> Option<usize> {
        let mut spans = spans(rows).rev();
        let span = spans.find(|span| self.extremes(span.clone()).1 >= level)?;
        span.into_iter().rev().find(|&row| self.equity(row) >= level)
    }
}

/// Cuts rows where the row is a multiple of `STEP_ROWS`: extremes are known by such steps.
fn spans(rows: Range<usize>) -> impl DoubleEndedIterator<Item = Range<usize>> {
    let steps = rows.start / STEP_ROWS..rows.end.div_ceil(STEP_ROWS);
    steps.map(move |step| rows.start.max(step * STEP_ROWS)..rows.end.min((step + 1) * STEP_ROWS))
}
