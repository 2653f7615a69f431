//! Rows of the input: one row, the row before it, and several rows side by side.
//!
//! A fill at an open may use the spread, the range and the rate of the previous row only. `Quote::at_open` and
//! `Row::at_close` are the one place that decides this.

use serde::{Deserialize, Serialize};

use crate::lanes::{self, LANES};
use crate::market::bars::Bars;

/// One row of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Index of the bar in the run.
    pub bar: i64,
    /// Stamp of the open, ns UTC.
    pub time: i64,
    /// First price of the bar.
    pub open: f64,
    /// Highest price of the bar.
    pub high: f64,
    /// Lowest price of the bar.
    pub low: f64,
    /// Last price of the bar.
    pub close: f64,
    /// Half spread at the close, price units.
    pub half_spread: f64,
    /// ATR at the close, price units; NaN without a column.
    pub atr: f64,
    /// Account currency per unit of quote currency at the close.
    pub rate: f64,
}

impl Row {
    /// Returns the quote for a fill at the open: spread, range and rate are those of the previous row.
    #[must_use]
    pub fn at_open(&self, previous: &PreviousBar) -> Quote {
        Quote::at_open(self.open, previous)
    }

    /// Returns the quote for a fill at the close: spread and rate are this row's own.
    #[must_use]
    pub fn at_close(&self, previous: &PreviousBar) -> Quote {
        Quote { reference: self.close, half_spread: self.half_spread, range: previous.range, rate: self.rate }
    }
}

/// The values that price a fill.
#[derive(Debug, Clone, Copy)]
pub struct Quote {
    /// Price before all costs.
    pub reference: f64,
    /// Half spread, price units.
    pub half_spread: f64,
    /// High minus low of the previous bar.
    pub range: f64,
    /// Account currency per unit of quote currency.
    pub rate: f64,
}

impl Quote {
    /// Returns the quote for a fill at an open: spread, range and rate are those of the previous row.
    #[must_use]
    #[inline]
    pub fn at_open(open: f64, previous: &PreviousBar) -> Self {
        Self { reference: open, half_spread: previous.half_spread, range: previous.range, rate: previous.rate }
    }
}

/// The values of a row that the next row needs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PreviousBar {
    /// Stamp of the open, ns UTC.
    pub time: i64,
    /// High minus low of the bar.
    pub range: f64,
    /// Last price of the bar.
    pub close: f64,
    /// Half spread at the close.
    pub half_spread: f64,
    /// Conversion rate at the close.
    pub rate: f64,
}

/// `LANES` rows side by side, in arrays that the compiler turns into vector registers.
#[derive(Debug, Clone, Copy)]
pub struct RowLanes<'a> {
    /// Highest price of each row.
    pub high: &'a [f64; LANES],
    /// Lowest price of each row.
    pub low: &'a [f64; LANES],
    /// Last price of each row.
    pub close: &'a [f64; LANES],
    /// Account currency per unit of quote currency at each close.
    pub rate: [f64; LANES],
    /// Values of the row before each row.
    pub previous: PreviousLanes<'a>,
}

/// The values of the rows before `LANES` rows.
#[derive(Debug, Clone, Copy)]
pub struct PreviousLanes<'a> {
    /// Last price of each row.
    pub close: &'a [f64; LANES],
    /// Least half spread at the closes.
    pub least_half_spread: f64,
    /// Conversion rates at the close.
    pub rate: [f64; LANES],
    /// Time from each previous row to its row, ns.
    pub elapsed_ns: [i64; LANES],
}

/// Consecutive rows of the input, with the row before them.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// Columns of the rows.
    pub bars: Bars<'a>,
    /// Index of the first row in the run.
    pub first_bar: i64,
    /// Values of the row before them; `None` at the start of a run.
    pub previous: Option<PreviousBar>,
    /// Half spread of bars that have no column for it.
    pub half_spread: f64,
}

impl Rows<'_> {
    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bars.len()
    }

    /// Counts the rows before bar `bar` of the run.
    #[must_use]
    pub fn before(&self, bar: i64) -> usize {
        usize::try_from(bar - self.first_bar).map_or(0, |rows| rows.min(self.len()))
    }

    /// Returns the values of a row.
    #[must_use]
    #[inline(always)]
    pub fn row(&self, index: usize) -> Row {
        let bars = &self.bars;
        Row {
            bar: self.first_bar + index as i64,
            time: bars.timestamp[index],
            open: bars.open[index],
            high: bars.high[index],
            low: bars.low[index],
            close: bars.close[index],
            half_spread: bars.half_spread.map_or(self.half_spread, |column| column[index]),
            // Never read: a level in ATR without the column is refused before the run.
            atr: bars.atr.map_or(f64::NAN, |column| column[index]),
            rate: bars.conversion_rate.map_or(1.0, |column| column[index]),
        }
    }

    /// Returns the values of the row before a row. The first row of a run uses its own values.
    #[must_use]
    #[inline(always)]
    pub fn previous(&self, index: usize) -> PreviousBar {
        // The first row of a later block follows the last row of the block before.
        match (index.checked_sub(1), self.previous) {
            (Some(before), _) => self.as_previous(before),
            (None, Some(previous)) => previous,
            (None, None) => self.as_previous(index),
        }
    }

    /// Returns the values of a row that the next row needs.
    #[must_use]
    #[inline(always)]
    pub fn as_previous(&self, index: usize) -> PreviousBar {
        let bars = &self.bars;
        PreviousBar {
            time: bars.timestamp[index],
            range: bars.high[index] - bars.low[index],
            close: bars.close[index],
            half_spread: bars.half_spread.map_or(self.half_spread, |column| column[index]),
            rate: bars.conversion_rate.map_or(1.0, |column| column[index]),
        }
    }

    /// Returns `LANES` rows that begin with row `first`; `None` if there are fewer, or no row before them.
    #[must_use]
    #[inline(always)]
    pub fn lanes(&self, first: usize) -> Option<RowLanes<'_>> {
        // The same columns one row earlier are the previous values: nothing is copied.
        let before = first.checked_sub(1)?;
        let bars = &self.bars;
        let stamps = chunk(bars.timestamp, first)?;
        let previous_stamps = chunk(bars.timestamp, before)?;
        let rates = |row| bars.conversion_rate.map_or(Some([1.0; LANES]), |column| chunk(column, row).copied());
        let least = |column| chunk(column, before).map(|spreads| lanes::min_max_of_lanes(spreads, spreads).0);
        Some(RowLanes {
            high: chunk(bars.high, first)?,
            low: chunk(bars.low, first)?,
            close: chunk(bars.close, first)?,
            rate: rates(first)?,
            previous: PreviousLanes {
                close: chunk(bars.close, before)?,
                least_half_spread: bars.half_spread.map_or(Some(self.half_spread), least)?,
                rate: rates(before)?,
                elapsed_ns: std::array::from_fn(|row| stamps[row] - previous_stamps[row]),
            },
        })
    }
}

fn chunk<T>(column: &[T], first: usize) -> Option<&[T; LANES]> {
    column[first..].first_chunk()
}
