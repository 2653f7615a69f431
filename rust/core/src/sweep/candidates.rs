//! Rows with a signal, and those of them that pass a threshold.

use std::hint::select_unpredictable;

use crate::market::columns::Columns;
use crate::signals::filter::Filter;

/// The rows that have a signal, with their confidences.
#[derive(Debug)]
pub(super) struct SignalRows {
    rows: Vec<SignalRow>,
}

#[derive(Debug, Clone, Copy)]
struct SignalRow {
    row: u32,
    confidence: f32,
    kind: u8,
}

/// The rows whose signal passes a threshold, in order.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    rows: Vec<Candidate>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Candidate {
    row: u32,
    /// Index of the next candidate of another kind.
    next_other: u32,
    /// One bit for the kind of signal.
    kind: u8,
}

/// A place in the candidates that only moves forward.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursor(usize);

impl SignalRows {
    /// Gathers the rows from `first` on that have a signal.
    pub fn of(columns: &Columns<'_>, first: usize) -> Self {
        let with_signal = columns.signals.iter().enumerate().skip(first).filter(|(_, signal)| **signal != 0);
        let rows = with_signal.map(|(row, &signal)| SignalRow {
            row: row as u32,
            confidence: columns.confidence(row),
            kind: kind_of(signal),
        });
        Self { rows: rows.collect() }
    }

    /// Writes the rows that pass the filter's threshold into `found`.
    pub fn passing(&self, filter: &Filter, found: &mut Candidates) {
        // Each row is written, and kept if it passes: at a branch a processor would have to guess confidences.
        found.rows.resize(self.rows.len(), Candidate::default());
        let mut passed = 0;
        for one in &self.rows {
            found.rows[passed] = Candidate { row: one.row, next_other: 0, kind: one.kind };
            passed += usize::from(filter.is_confident(one.confidence));
        }
        found.rows.truncate(passed);
        let mut next_other = found.rows.len() as u32;
        for at in (0..found.rows.len()).rev() {
            if found.rows.get(at + 1).is_some_and(|later| later.kind != found.rows[at].kind) {
                next_other = at as u32 + 1;
            }
            found.rows[at].next_other = next_other;
        }
    }
}

impl Candidates {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the first row from `from` on whose signal is among `kinds`, and moves the cursor up to `from`.
    ///
    /// `from` never falls from call to call.
    pub fn next(&self, cursor: &mut Cursor, from: usize, kinds: u8) -> Option<usize> {
        // In doubling steps: mostly the next candidate is near, and after a long separation it is not.
        let mut reach = 1;
        while self.rows.get(cursor.0 + reach).is_some_and(|one| (one.row as usize) < from) {
            reach *= 2;
        }
        let end = self.rows.len().min(cursor.0 + reach);
        cursor.0 += self.rows[cursor.0..end].partition_point(|one| (one.row as usize) < from);
        // The first step without a branch: of two kinds of signals nobody can tell which comes next.
        let mut at = cursor.0;
        if let Some(one) = self.rows.get(at) {
            at = select_unpredictable(one.kind & kinds != 0, at, one.next_other as usize);
        }
        while let Some(one) = self.rows.get(at) {
            if one.kind & kinds != 0 {
                return Some(one.row as usize);
            }
            at = one.next_other as usize;
        }
        None
    }
}

/// Returns the kinds of the signals that may place an order at a position of that direction.
pub(super) fn kinds_that_matter(filter: &Filter, position: i8) -> u8 {
    filter.orders(position).into_iter().fold(0, |kinds, signal| kinds | kind_of(signal))
}

/// Returns the bit of a signal; none for a value that no signal has.
fn kind_of(signal: i8) -> u8 {
    let place = signal.wrapping_sub(Columns::ENTER_SHORT);
    if (0..8).contains(&place) { 1 << place } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::{Candidates, Cursor, SignalRows, kind_of};
    use crate::market::bars::Bars;
    use crate::market::columns::Columns;
    use crate::rules::{Decisions, Filters};
    use crate::signals::filter::Filter;

    fn filter(confidence_threshold: f64) -> Filter {
        let filters = Filters { min_signal_separation: 0.0 };
        let rules = Decisions { confidence_threshold, position_awareness: true, allow_short_from_flat: true, filters };
        Filter::new(&rules, true)
    }

    /// Every start, every set of kinds, against a look at each row.
    #[test]
    fn the_next_candidate_equals_a_plain_search() {
        let signals: Vec<i8> = (0..60).map(|row| [0, 1, 1, 0, -1, 3, -3, -2, 2, 4, 0, 0][row * 7 % 12]).collect();
        let confidence: Vec<f32> = (0..60).map(|row| if row % 9 == 0 { f32::NAN } else { row as f32 / 60.0 }).collect();
        let columns =
            Columns { bars: Bars::new(&[], &[], &[], &[], &[]), signals: &signals, confidence: Some(&confidence) };
        let rows = SignalRows::of(&columns, 3);
        for threshold in [0.0, 0.3, 0.9, 1.0] {
            let mut found = Candidates::default();
            rows.passing(&filter(threshold), &mut found);
            for kinds in 0..=255_u8 {
                let mut cursor = Cursor::default();
                for from in (3..62).step_by(1 + kinds as usize % 5) {
                    let matters = |row: &usize| {
                        kind_of(signals[*row]) & kinds != 0
                            && signals[*row] != 0
                            && confidence[*row] >= threshold as f32
                    };
                    assert_eq!(found.next(&mut cursor, from, kinds), (from..60).find(matters), "{kinds} {from}");
                }
            }
        }
    }
}
