//! The first look at a block of rows: whether they are sound, and how far their prices reach.
//!
//! It asks for the memory of all columns a little ahead of where it looks, side by side, so that what is read afterwards
//! is near; for the opens only where there are many signals. How far prices reach costs nothing beside that, and spares
//! those who come later most of their reading.

use std::ops::Range;

use crate::error::Error;
use crate::lanes::{self, Extremes, LANES};
use crate::market::bars::Bars;
use crate::market::columns::Columns;

/// Rows of a part: as many signals as a cache line holds.
const PART_ROWS: usize = 64;

/// How far ahead memory is asked for.
const ROWS_AHEAD: usize = 2 * PART_ROWS;

/// Signals are few where at most one part in so many has any.
const SPARSE_PARTS: usize = 4;

/// The lowest and the highest of some prices.
pub type Reach = (f64, f64);

/// What is known of a block of rows.
#[derive(Debug)]
pub struct Survey<'a> {
    /// How many confidences are undefined.
    pub undefined: u64,
    bars: Bars<'a>,
    /// The whole ones.
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    /// From the lowest low to the highest high.
    range: Reach,
    /// From the lowest to the highest close.
    close: Reach,
}

impl<'a> Survey<'a> {
    /// Surveys rows that begin with row `first_row` of the run.
    ///
    /// # Errors
    /// `Signal` unless signals are -1, 0 or 1, `Confidence` unless confidences lie in 0..1 or are NaN.
    pub fn of(columns: &Columns<'a>, first_row: usize) -> Result<Self, Error> {
        let rows = columns.bars.len();
        let opens = has_many_signals(columns.signals);
        let whole = rows - rows % PART_ROWS;
        let mut undefined = 0;
        let mut parts = Vec::with_capacity(whole / PART_ROWS);
        for row in (0..whole).step_by(PART_ROWS) {
            let part = columns.rows(row, row + PART_ROWS);
            undefined += part.count_undefined(first_row + row)?;
            parts.push(Part::of(&part.bars, |at| columns.fetch(row + at + ROWS_AHEAD, opens)));
        }
        undefined += columns.rows(whole, rows).count_undefined(first_row + whole)?;
        Ok(Self { undefined, bars: columns.bars, parts })
    }

    /// From the lowest low to the highest high of some rows.
    #[must_use]
    pub fn range(&self, rows: Range<usize>) -> Reach {
        let Bars { low, high, .. } = self.bars;
        self.reach(rows, |part| part.range, |rows| lanes::outermost(&low[rows.clone()], &high[rows]))
    }

    /// From the lowest to the highest close of some rows.
    #[must_use]
    pub fn closes(&self, rows: Range<usize>) -> Reach {
        self.reach(rows, |part| part.close, |rows| lanes::bounds(&self.bars.close[rows]))
    }

    /// Of whole parts what is known, of the rows before and after them what is seen.
    fn reach(&self, rows: Range<usize>, of: impl Fn(&Part) -> Reach, seen: impl Fn(Range<usize>) -> Reach) -> Reach {
        let (first, last) = (rows.start.div_ceil(PART_ROWS), rows.end / PART_ROWS);
        if first >= last {
            return seen(rows);
        }
        let edges = wider(seen(rows.start..first * PART_ROWS), seen(last * PART_ROWS..rows.end));
        self.parts[first..last].iter().map(of).fold(edges, wider)
    }
}

impl Part {
    /// Asks for memory before each few rows: all of it at once would have to wait for itself.
    #[inline(always)]
    fn of(bars: &Bars<'_>, fetch: impl Fn(usize)) -> Self {
        let [low, high, close] = [bars.low, bars.high, bars.close].map(|column| column.as_chunks().0);
        let (mut range, mut closes) = (Extremes::of(&low[0], &high[0]), Extremes::of(&close[0], &close[0]));
        for (step, ((low, high), close)) in low.iter().zip(high).zip(close).enumerate() {
            fetch(step * LANES);
            range.see(low, high);
            closes.see(close, close);
        }
        Self { range: range.reach(), close: closes.reach() }
    }
}

/// Whether so many parts have a signal that opens are asked for too: where there are few, each is asked for by itself.
fn has_many_signals(signals: &[i8]) -> bool {
    let signalling = |part: &&[i8]| part.iter().fold(false, |any, &signal| any | (signal != 0));
    signals.chunks(PART_ROWS).filter(signalling).count() * SPARSE_PARTS > signals.len().div_ceil(PART_ROWS)
}

fn wider(one: Reach, other: Reach) -> Reach {
    (one.0.min(other.0), one.1.max(other.1))
}

#[cfg(test)]
mod tests {
    use super::Survey;
    use crate::market::bars::Bars;
    use crate::market::columns::Columns;

    #[test]
    fn what_is_known_of_parts_is_what_is_seen() {
        let rows = 200;
        let timestamp: Vec<i64> = (0..rows).collect();
        let close: Vec<f64> = timestamp.iter().map(|row| 1_000.0 + (row * 37 % 101) as f64).collect();
        let high: Vec<f64> = close.iter().map(|close| close + 3.0).collect();
        let low: Vec<f64> = close.iter().map(|close| close - 2.0).collect();
        let (half_spread, atr, conversion_rate) = (None, None, None);
        let bars = Bars {
            timestamp: &timestamp,
            open: &close,
            high: &high,
            low: &low,
            close: &close,
            half_spread,
            atr,
            conversion_rate,
        };
        let signals = vec![0; 200];
        let survey = Survey::of(&Columns { bars, signals: &signals, confidence: None }, 0).expect("sound");
        for start in 0..200 {
            for end in start + 1..=200 {
                let seen = close[start..end]
                    .iter()
                    .fold((f64::MAX, f64::MIN), |(low, high), &close| (close.min(low), close.max(high)));
                assert_eq!(survey.closes(start..end), seen, "{start}..{end}");
                assert_eq!(survey.range(start..end), (seen.0 - 2.0, seen.1 + 3.0), "{start}..{end}");
            }
        }
    }
}
