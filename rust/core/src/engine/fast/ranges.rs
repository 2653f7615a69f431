//! The first scan of a block: it checks signals and bars, and keeps minimum and maximum of 64 rows.
//!
//! The loop is bound by memory, so one pass reads each column, and a value is checked and compared while it is in a
//! register. Where bars are checked, all prices are read here, and asked for ahead: a sixth less time where memory is slow
//! and comes in small pages (Sapphire Rapids). Bars that were checked before are another case, see `has_many_signals`. The
//! extremes save later steps most of their reading.

use std::ops::Range;

use crate::error::Error;
use crate::lanes::{self, Extremes};
use crate::market::bars::Bars;
use crate::market::columns::{Columns, prefetch_lines};
use crate::market::digest::MarksDigest;
use crate::market::sound::SoundPrices;

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

/// Minimum and maximum of the prices of a block.
#[derive(Debug)]
pub(crate) struct BlockRanges<'a> {
    bars: Bars<'a>,
    /// Ranges of the whole parts; the rows after them are scanned when asked for.
    parts: Vec<RangePart>,
    /// Ranges of `PARTS_OF_COARSE` parts each; the parts after them are asked one by one.
    coarse: Vec<RangePart>,
    /// Digest of closes and conversion rates.
    pub digest: MarksDigest,
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
    /// Scans a block whose first row is row `first_row` of the run; with `checks`, nobody has checked its prices.
    ///
    /// # Errors
    /// As `Columns::check`, and with `checks` as `Bars::check_prices`.
    pub fn scan(columns: &Columns<'a>, first_row: usize, checks: bool) -> Result<Self, Error> {
        let rows = columns.bars.len();
        let whole = rows - rows % PART_ROWS;
        let mut parts = Vec::with_capacity(whole / PART_ROWS);
        // Stamps of bars that are checked here were read for the timeframe, and are not read again.
        let wants_stamps = !checks && has_many_signals(columns.signals);
        let asks_ahead = checks || wants_stamps;
        let mut sound = true;
        let mut digest = MarksDigest::new();
        let scan = if checks { RangePart::scan::<true> } else { RangePart::scan::<false> };
        for row in (0..whole).step_by(PART_ROWS) {
            let part = columns.rows(row, row + PART_ROWS);
            part.check(first_row + row)?;
            let ahead = row + ROWS_AHEAD..row + ROWS_AHEAD + PART_ROWS;
            if asks_ahead {
                columns.prefetch(&ahead);
            }
            if wants_stamps {
                prefetch_lines(columns.bars.timestamp, &ahead);
            }
            let (range, is_sound) = scan(&part.bars, &mut digest);
            parts.push(range);
            sound &= is_sound;
        }
        let rest = columns.rows(whole, rows);
        rest.check(first_row + whole)?;
        digest.add_all(rest.bars.close);
        columns.bars.conversion_rate.into_iter().for_each(|rates| digest.add_all(rates));
        if checks {
            let checked = columns.bars.check_prices(sound && rest.bars.has_sound_prices());
            checked.map_err(|error| error.in_rows_from(first_row))?;
        }
        let coarse = parts.chunks_exact(PARTS_OF_COARSE).map(RangePart::of_parts).collect();
        Ok(Self { bars: columns.bars, parts, coarse, digest })
    }

    /// Returns the lowest low and the highest high of some rows.
    #[must_use]
    pub fn range(&self, rows: Range<usize>) -> MinMax {
        let Bars { low, high, .. } = self.bars;
        self.min_max(rows, |part| part.range, |rows| lanes::min_max_of(&low[rows.clone()], &high[rows]))
    }

    /// Returns a range that holds all prices of some rows, and those of the rows beside them in the same parts.
    ///
    /// `None` for rows behind the last whole part.
    #[inline]
    #[must_use]
    pub fn around(&self, rows: &Range<usize>) -> Option<MinMax> {
        let parts = self.parts.get(rows.start / PART_ROWS..rows.end.div_ceil(PART_ROWS))?;
        parts.iter().map(|part| part.range).reduce(wider)
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

    /// Returns the ranges of a part, and true if its prices are sound or nobody asks.
    fn scan<const CHECKS: bool>(bars: &Bars<'_>, digest: &mut MarksDigest) -> (Self, bool) {
        let [open, high, low, close] = [bars.open, bars.high, bars.low, bars.close].map(|column| column.as_chunks().0);
        let mut range = Extremes::new(&low[0], &high[0]);
        let mut closes = Extremes::new(&close[0], &close[0]);
        let mut sound = SoundPrices::new();
        for (((open, high), low), close) in open.iter().zip(high).zip(low).zip(close) {
            range.add(low, high);
            closes.add(close, close);
            digest.add(close);
            if CHECKS {
                sound.add(open, high, low, close);
            }
        }
        (Self { range: range.min_max(), close: closes.min_max() }, sound.all())
    }
}

/// Returns true if so many parts have a signal that most lines of every column will be read.
///
/// Without a check nothing here reads opens and stamps, and later steps want them in no order. Asked for ahead, with the
/// other columns, they save a sixth to a fifth of the time where many bars have a signal. With few it saves nothing.
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
        let ranges =
            BlockRanges::scan(&Columns { bars, signals: &signals, confidence: None }, 0, false).expect("sound");
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
