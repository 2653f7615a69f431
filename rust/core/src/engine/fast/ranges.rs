//! The first scan of a block: it checks the signals, prefetches all columns, and keeps minimum and maximum of 64 rows.
//!
//! The loop is bound by memory. One pass that asks for all columns side by side, a little ahead of where it reads, keeps
//! more requests in flight than passes over one column after the other. The extremes cost nothing beside that wait, and
//! save later steps most of their reading.

use std::ops::Range;

use crate::error::Error;
use crate::lanes::{self, Extremes, LANES};
use crate::market::bars::Bars;
use crate::market::columns::Columns;

/// Rows of a part: as many signals as a cache line holds, so that each line is asked for once.
const PART_ROWS: usize = 64;

/// Parts whose ranges are also known together: a position held for long is looked at in few steps.
const PARTS_OF_COARSE: usize = 32;

/// Rows between the row that is read and the row that is prefetched.
///
/// Two parts: less does not cover the latency of memory, more evicts lines from the first cache before they are read.
const ROWS_AHEAD: usize = 2 * PART_ROWS;

/// One of how many parts may have a signal while signals still count as few.
const SPARSE_PARTS: usize = 4;

/// The lowest and the highest of some prices.
pub(crate) type MinMax = (f64, f64);

/// Bars whose rules nobody has checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unchecked {
    /// Stamp of the bar before them, ns UTC; `None` at the start of a run.
    pub previous_ns: Option<i64>,
}

/// Minimum and maximum of the prices of a block.
#[derive(Debug)]
pub(crate) struct BlockRanges<'a> {
    bars: Bars<'a>,
    /// Ranges of the whole parts; the rows after them are scanned when asked for.
    parts: Vec<RangePart>,
    /// Ranges of `PARTS_OF_COARSE` parts each; the parts after them are asked one by one.
    coarse: Vec<RangePart>,
}

/// Minimum and maximum of the rows of a part, or of several parts.
#[derive(Debug, Clone, Copy)]
struct RangePart {
    /// Lowest low and highest high.
    range: MinMax,
    /// Lowest and highest close.
    close: MinMax,
}

impl<'a> BlockRanges<'a> {
    /// Scans a block whose first row is row `first_row` of the run.
    ///
    /// # Errors
    /// As `Columns::check`, and for `unchecked` bars as `Bars::check`.
    pub fn scan(columns: &Columns<'a>, first_row: usize, unchecked: Option<Unchecked>) -> Result<Self, Error> {
        let rows = columns.bars.len();
        let opens = has_many_signals(columns.signals);
        let whole = rows - rows % PART_ROWS;
        let mut parts = Vec::with_capacity(whole / PART_ROWS);
        let check = |part: &Columns<'_>, row: usize| {
            part.check(first_row + row)?;
            // Here the part is in the first cache; a check before the run would read all of memory once more.
            let Some(Unchecked { previous_ns }) = unchecked else { return Ok(()) };
            let previous_ns = row.checked_sub(1).map_or(previous_ns, |above| Some(columns.bars.timestamp[above]));
            part.bars.check(previous_ns).map_err(|error| error.in_rows_from(first_row + row))
        };
        for row in (0..whole).step_by(PART_ROWS) {
            let part = columns.rows(row, row + PART_ROWS);
            check(&part, row)?;
            parts.push(RangePart::scan(&part.bars, |at| columns.prefetch(row + at + ROWS_AHEAD, opens)));
        }
        check(&columns.rows(whole, rows), whole)?;
        let coarse = parts.chunks_exact(PARTS_OF_COARSE).map(RangePart::of_parts).collect();
        Ok(Self { bars: columns.bars, parts, coarse })
    }

    /// Returns the lowest low and the highest high of some rows.
    #[must_use]
    pub fn range(&self, rows: Range<usize>) -> MinMax {
        let Bars { low, high, .. } = self.bars;
        self.min_max(rows, |part| part.range, |rows| lanes::min_max_of(&low[rows.clone()], &high[rows]))
    }

    /// Returns the lowest and the highest close of some rows.
    #[must_use]
    pub fn closes(&self, rows: Range<usize>) -> MinMax {
        self.min_max(rows, |part| part.close, |rows| lanes::min_max(&self.bars.close[rows]))
    }

    /// Uses the stored minimum and maximum for whole parts and scans the rows at both ends.
    fn min_max(
        &self,
        rows: Range<usize>,
        stored: impl Fn(&RangePart) -> MinMax,
        scan: impl Fn(Range<usize>) -> MinMax,
    ) -> MinMax {
        let first = rows.start.div_ceil(PART_ROWS);
        let last = rows.end / PART_ROWS;
        if first >= last {
            return scan(rows);
        }
        let edges = wider(scan(rows.start..first * PART_ROWS), scan(last * PART_ROWS..rows.end));
        let first_coarse = first.div_ceil(PARTS_OF_COARSE);
        let last_coarse = last / PARTS_OF_COARSE;
        if first_coarse >= last_coarse {
            return self.parts[first..last].iter().map(stored).fold(edges, wider);
        }
        let before = &self.parts[first..first_coarse * PARTS_OF_COARSE];
        let after = &self.parts[last_coarse * PARTS_OF_COARSE..last];
        let coarse = &self.coarse[first_coarse..last_coarse];
        before.iter().chain(coarse).chain(after).map(stored).fold(edges, wider)
    }
}

impl RangePart {
    fn of_parts(parts: &[Self]) -> Self {
        let joined = |of: fn(&Self) -> MinMax| parts.iter().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), wider);
        Self { range: joined(|part| part.range), close: joined(|part| part.close) }
    }

    #[inline(always)]
    fn scan(bars: &Bars<'_>, prefetch: impl Fn(usize)) -> Self {
        let [low, high, close] = [bars.low, bars.high, bars.close].map(|column| column.as_chunks().0);
        let mut range = Extremes::new(&low[0], &high[0]);
        let mut closes = Extremes::new(&close[0], &close[0]);
        for (step, ((low, high), close)) in low.iter().zip(high).zip(close).enumerate() {
            // A few requests before each few rows. All of them at once would fill the queue and wait for it.
            prefetch(step * LANES);
            range.add(low, high);
            closes.add(close, close);
        }
        Self { range: range.min_max(), close: closes.min_max() }
    }
}

/// Returns true if so many parts have a signal that opens are worth a prefetch of the whole column.
///
/// With few signals `quiet` asks for the open of each order by itself, which saves an eighth of the traffic.
fn has_many_signals(signals: &[i8]) -> bool {
    let has_signal = |part: &&[i8]| part.iter().fold(false, |any, &signal| any | (signal != 0));
    signals.chunks(PART_ROWS).filter(has_signal).count() * SPARSE_PARTS > signals.len().div_ceil(PART_ROWS)
}

fn wider(one: MinMax, other: MinMax) -> MinMax {
    (one.0.min(other.0), one.1.max(other.1))
}

#[cfg(test)]
mod tests {
    use super::BlockRanges;
    use crate::market::bars::Bars;
    use crate::market::columns::Columns;

    #[test]
    fn known_ranges_equal_a_scan() {
        let rows = 4_300;
        let timestamp: Vec<i64> = (0..rows).collect();
        let close: Vec<f64> = timestamp.iter().map(|row| 1_000.0 + (row * 37 % 101) as f64).collect();
        let high: Vec<f64> = close.iter().map(|close| close + 3.0).collect();
        let low: Vec<f64> = close.iter().map(|close| close - 2.0).collect();
        let bars = Bars::new(&timestamp, &close, &high, &low, &close);
        let signals = vec![0; 4_300];
        let ranges = BlockRanges::scan(&Columns { bars, signals: &signals, confidence: None }, 0, None).expect("sound");
        let short = (0..200).flat_map(|start| (start + 1..=200).map(move |end| (start, end)));
        let long =
            (0..4_300).step_by(61).flat_map(|start| (start + 1..=4_300).step_by(37).map(move |end| (start, end)));
        for (start, end) in short.chain(long) {
            let seen = close[start..end]
                .iter()
                .fold((f64::MAX, f64::MIN), |(low, high), &close| (close.min(low), close.max(high)));
            assert_eq!(ranges.closes(start..end), seen, "{start}..{end}");
            assert_eq!(ranges.range(start..end), (seen.0 - 2.0, seen.1 + 3.0), "{start}..{end}");
        }
    }
}
