//! Bars as borrowed columns.

use prefetch_index::prefetch_index;

use crate::error::{Error, Problem};
use crate::market::audit::{Field, Rule, Violation, audit_prices};
use crate::market::sound;

/// Bytes of a cache line.
pub(crate) const LINE_BYTES: usize = 64;

/// Values of eight bytes in a cache line.
pub(crate) const LINE_VALUES: usize = LINE_BYTES / size_of::<f64>();

/// Columns of bars, all of one length: `[n_bars]` each.
///
/// ```
/// use ktrdr_core::Bars;
///
/// let bars = Bars::new(&[0, 60], &[1.0, 1.1], &[1.2, 1.2], &[0.9, 1.0], &[1.1, 1.0]);
/// assert_eq!((bars.len(), bars.rows(1, 2).close), (2, &[1.0][..]));
/// assert!(bars.check(None).is_ok());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Bars<'a> {
    /// Stamps of the opens, ns UTC.
    pub timestamp: &'a [i64],
    /// First price of each bar.
    pub open: &'a [f64],
    /// Highest price of each bar.
    pub high: &'a [f64],
    /// Lowest price of each bar.
    pub low: &'a [f64],
    /// Last price of each bar.
    pub close: &'a [f64],
    /// Half spreads at the close, price units.
    pub half_spread: Option<&'a [f64]>,
    /// Average true ranges at the close, price units.
    pub atr: Option<&'a [f64]>,
    /// Account currency per unit of quote currency at the close.
    pub conversion_rate: Option<&'a [f64]>,
}

impl<'a> Bars<'a> {
    /// Borrows stamps and prices, without the optional columns.
    #[must_use]
    pub fn new(timestamp: &'a [i64], open: &'a [f64], high: &'a [f64], low: &'a [f64], close: &'a [f64]) -> Self {
        Self { timestamp, open, high, low, close, half_spread: None, atr: None, conversion_rate: None }
    }

    /// Prefetches the cache lines of a row's prices. A row beyond the end does no harm.
    #[inline(always)]
    pub(crate) fn prefetch_prices(&self, row: usize) {
        [self.open, self.high, self.low, self.close].into_iter().for_each(|column| prefetch_index(column, row));
    }

    /// Borrows the rows from `first` up to, but not including, `end`.
    #[must_use]
    #[inline]
    pub fn rows(&self, first: usize, end: usize) -> Self {
        let part = |column: Option<&'a [f64]>| column.map(|values| &values[first..end]);
        Self {
            timestamp: &self.timestamp[first..end],
            open: &self.open[first..end],
            high: &self.high[first..end],
            low: &self.low[first..end],
            close: &self.close[first..end],
            half_spread: part(self.half_spread),
            atr: part(self.atr),
            conversion_rate: part(self.conversion_rate),
        }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.timestamp.len()
    }

    /// Returns true if there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.timestamp.is_empty()
    }

    /// Checks every rule of bars; `previous_ns` is the stamp before row 0, if there is one.
    ///
    /// # Errors
    /// `BadBar` for the first broken rule, `Argument` for columns of different length.
    pub fn check(&self, previous_ns: Option<i64>) -> Result<(), Error> {
        self.check_lengths()?;
        // A feed continues another one, so its first stamp must rise too.
        let first_rises = previous_ns.zip(self.timestamp.first()).is_none_or(|(before, &stamp)| stamp > before);
        if !(first_rises & sound::is_rising(self.timestamp)) {
            self.first_violation(previous_ns)?;
        }
        self.check_prices(self.has_sound_prices())
    }

    /// Returns true if open, high, low and close of every row keep the rules.
    pub(crate) fn has_sound_prices(&self) -> bool {
        sound::are_sound(self.open, self.high, self.low, self.close)
    }

    /// Checks every rule but that of stamps; of open, high, low and close the caller knows whether they are sound.
    ///
    /// # Errors
    /// `BadBar` for the first broken rule.
    pub(crate) fn check_prices(&self, are_sound: bool) -> Result<(), Error> {
        if !are_sound {
            self.first_violation(None)?;
        }
        self.check_optional_columns()
    }

    /// Returns the first broken rule as an error: row by row, since bars are almost always sound.
    #[cold]
    fn first_violation(&self, previous_ns: Option<i64>) -> Result<(), Error> {
        let mut first = None;
        self.audit(None, previous_ns, |violation| {
            first.get_or_insert(violation);
        });
        let error = |Violation { row, field, rule, found }| Err(Error::BadBar { row, field, rule, found });
        first.map_or(Ok(()), error)
    }

    fn check_lengths(&self) -> Result<(), Error> {
        let required = [self.open, self.high, self.low, self.close];
        let optional = [self.half_spread, self.atr, self.conversion_rate].into_iter().flatten();
        if required.into_iter().chain(optional).all(|column| column.len() == self.len()) {
            return Ok(());
        }
        Err(Error::Argument { name: "bars", problem: Problem::UnequalColumns })
    }

    fn check_optional_columns(&self) -> Result<(), Error> {
        // ATR is left out: its first rows are undefined, and an order that needs them is rejected.
        let broken = |column: Option<&[f64]>, field, ok: fn(f64) -> bool| {
            let row = column?.iter().position(|&value| !ok(value))?;
            let found = column?[row];
            let rule = if found.is_finite() { Rule::Range } else { Rule::Finite };
            Some(Error::BadBar { row, field, rule, found })
        };
        let spread = broken(self.half_spread, Field::HalfSpread, |value| value.is_finite() && value >= 0.0);
        let rate = broken(self.conversion_rate, Field::ConversionRate, |value| value.is_finite() && value > 0.0);
        spread.or(rate).map_or(Ok(()), Err)
    }

    /// Returns every broken rule of prices, stamps and volume, in row order.
    ///
    /// # Errors
    /// `Argument` for columns of different length.
    pub fn violations(&self, volume: Option<&[f64]>) -> Result<Vec<Violation>, Error> {
        self.check_lengths()?;
        if volume.is_some_and(|column| column.len() != self.len()) {
            return Err(Error::Argument { name: "volume", problem: Problem::UnequalColumns });
        }
        let mut found = Vec::new();
        self.audit(volume, None, |violation| found.push(violation));
        Ok(found)
    }

    /// Reports every broken rule in row order.
    fn audit(&self, volume: Option<&[f64]>, previous_ns: Option<i64>, mut report: impl FnMut(Violation)) {
        let mut previous = previous_ns;
        for row in 0..self.len() {
            let prices = [self.open[row], self.high[row], self.low[row], self.close[row]];
            let [open, high, low, close] = prices;
            if !sound::is_sound(open, high, low, close) {
                audit_prices(row, prices, &mut report);
            }
            let stamp = self.timestamp[row];
            if let Some(before) = previous.filter(|&before| stamp <= before) {
                let rule = if stamp == before { Rule::Duplicate } else { Rule::Sorted };
                report(Violation { row, field: Field::Timestamp, rule, found: stamp as f64 });
            }
            // Even a broken stamp: each row is compared with the row above it.
            previous = Some(stamp);
            if let Some(found) = volume.map(|column| column[row]).filter(|v| !(v.is_finite() && *v >= 0.0)) {
                let rule = if found.is_finite() { Rule::Range } else { Rule::Finite };
                report(Violation { row, field: Field::Volume, rule, found });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bars, Field, Rule};
    use crate::error::Error;

    const STAMPS: [i64; 3] = [1, 2, 3];

    fn check(timestamp: &[i64], rows: [[f64; 4]; 3]) -> Result<(), Error> {
        let column = |i: usize| rows.map(|row| row[i]);
        Bars::new(timestamp, &column(0), &column(1), &column(2), &column(3)).check(None)
    }

    #[test]
    fn the_first_broken_rule_is_named() {
        const GOOD: [f64; 4] = [2.0, 3.0, 1.0, 2.0];
        let broken = |row: [f64; 4], field, rule, found: f64| {
            let error = check(&STAMPS, [GOOD, row, row]).expect_err("broken");
            assert_eq!(error, Error::BadBar { row: 1, field, rule, found });
        };
        assert_eq!(check(&STAMPS, [GOOD; 3]), Ok(()));
        broken([0.0, 3.0, 1.0, 2.0], Field::Open, Rule::Range, 0.0);
        broken([2.0, f64::INFINITY, 1.0, 2.0], Field::High, Rule::Finite, f64::INFINITY);
        broken([2.0, 1.5, 1.0, 2.0], Field::High, Rule::Order, 1.5);
        broken([2.0, 3.0, 2.5, 2.0], Field::Low, Rule::Order, 2.5);
        let error = check(&STAMPS, [GOOD, [2.0, 3.0, 1.0, f64::NAN], GOOD]).expect_err("NaN");
        assert_eq!((error.code(), error.row(), error.field()), ("data_nonfinite", Some(1), Some("close")));
        assert_eq!(check(&[1, 1, 2], [GOOD; 3]).expect_err("twice").code(), "data_duplicate");
        assert_eq!(check(&[1, 2, 1], [GOOD; 3]).expect_err("back").code(), "data_unsorted");
    }
}
