//! Rows of the input: what is known of one, and what the next may know of it.

use serde::{Deserialize, Serialize};

use crate::lanes::LANES;
use crate::market::bars::Bars;

/// One row of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Index from the first bar ever fed.
    pub bar: i64,
    /// Bar open, ns UTC.
    pub time: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Half spread as of the close.
    pub half_spread: f64,
    /// ATR as of the close, NaN without a column.
    pub atr: f64,
    /// Account currency per unit of quote currency, as of the close.
    pub rate: f64,
}

impl Row {
    /// What a fill at this row's open is priced from: of spread, range and rate only the past ones are known.
    #[must_use]
    pub fn at_open(&self, past: &Past) -> Quote {
        Quote { reference: self.open, half_spread: past.half_spread, range: past.range, rate: past.rate }
    }

    /// What a fill at this row's close is priced from: spread and rate are this row's own.
    #[must_use]
    pub fn at_close(&self, past: &Past) -> Quote {
        Quote { reference: self.close, half_spread: self.half_spread, range: past.range, rate: self.rate }
    }
}

/// What a fill is priced from.
#[derive(Debug, Clone, Copy)]
pub struct Quote {
    /// Price before costs.
    pub reference: f64,
    /// Half spread, price units.
    pub half_spread: f64,
    /// High less low of the previous bar.
    pub range: f64,
    /// Account currency per unit of quote currency.
    pub rate: f64,
}

/// What a row leaves to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// Its bar's open, ns UTC.
    pub time: i64,
    /// Its high less its low.
    pub range: f64,
    /// Its last price.
    pub close: f64,
    /// Its half spread.
    pub half_spread: f64,
    /// Its conversion rate.
    pub rate: f64,
}

/// `LANES` rows side by side, in arrays that the compiler turns into vector registers.
#[derive(Debug, Clone, Copy)]
pub struct Lane<'a> {
    /// Highest prices.
    pub high: &'a [f64; LANES],
    /// Lowest prices.
    pub low: &'a [f64; LANES],
    /// Last prices.
    pub close: &'a [f64; LANES],
    /// Account currency per unit of quote currency, as of each close.
    pub rate: [f64; LANES],
    /// What the row before each row left.
    pub before: Before<'a>,
}

/// What the row before each of them left.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// Last price.
    pub close: &'a [f64; LANES],
    /// Half spread.
    pub half_spread: [f64; LANES],
    /// Conversion rate.
    pub rate: [f64; LANES],
    /// How long ago it was stamped, ns.
    pub elapsed_ns: [i64; LANES],
}

/// A stretch of the input, with what lies before it.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The bars.
    pub bars: Bars<'a>,
    /// Which bar of the run the first one is.
    pub first_bar: i64,
    /// What the row before them left.
    pub before: Option<Past>,
    /// Half spread where the bars have no column for it.
    pub half_spread: f64,
}

impl Rows<'_> {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bars.len()
    }

    /// How many of the rows lie before bar `bar` of the run.
    #[must_use]
    pub fn before(&self, bar: i64) -> usize {
        usize::try_from(bar - self.first_bar).map_or(0, |rows| rows.min(self.len()))
    }

    /// A row.
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
            atr: bars.atr.map_or(f64::NAN, |column| column[index]),
            rate: bars.conversion_rate.map_or(1.0, |column| column[index]),
        }
    }

    /// What the row before a row left; before the very first one stands its own.
    #[must_use]
    #[inline(always)]
    pub fn past(&self, index: usize) -> Past {
        match (index.checked_sub(1), self.before) {
            (Some(before), _) => self.leaves(before),
            (None, Some(past)) => past,
            (None, None) => self.leaves(index),
        }
    }

    /// What a row leaves to the next one.
    #[must_use]
    #[inline(always)]
    pub fn leaves(&self, index: usize) -> Past {
        let bars = &self.bars;
        Past {
            time: bars.timestamp[index],
            range: bars.high[index] - bars.low[index],
            close: bars.close[index],
            half_spread: bars.half_spread.map_or(self.half_spread, |column| column[index]),
            rate: bars.conversion_rate.map_or(1.0, |column| column[index]),
        }
    }

    /// `LANES` rows from one on; `None` where there are fewer, or none before them.
    #[must_use]
    #[inline(always)]
    pub fn lane(&self, first: usize) -> Option<Lane<'_>> {
        let before = first.checked_sub(1)?;
        let bars = &self.bars;
        let (close, past_close) = (chunk(bars.close, first)?, chunk(bars.close, before)?);
        let (stamps, past_stamps) = (chunk(bars.timestamp, first)?, chunk(bars.timestamp, before)?);
        let rates = |row| bars.conversion_rate.map_or(Some([1.0; LANES]), |column| chunk(column, row).copied());
        let half_spreads =
            bars.half_spread.map_or(Some([self.half_spread; LANES]), |column| chunk(column, before).copied());
        Some(Lane {
            high: chunk(bars.high, first)?,
            low: chunk(bars.low, first)?,
            close,
            rate: rates(first)?,
            before: Before {
                close: past_close,
                half_spread: half_spreads?,
                rate: rates(before)?,
                elapsed_ns: std::array::from_fn(|row| stamps[row] - past_stamps[row]),
            },
        })
    }
}

fn chunk<T>(column: &[T], first: usize) -> Option<&[T; LANES]> {
    column[first..].first_chunk()
}
