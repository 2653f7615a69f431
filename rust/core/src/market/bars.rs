//! Bars as borrowed columns.

use prefetch_index::prefetch_index;

use crate::error::Error;
use crate::market::audit::{Field, Rule, Violation, audit_prices, plain};

/// Values in a cache line.
pub(crate) const LINE_VALUES: usize = 64 / size_of::<f64>();

/// Columns of bars, all of one length; `[n_bars]` each.
#[derive(Debug, Clone, Copy)]
pub struct Bars<'a> {
    /// Bar open, ns UTC.
    pub timestamp: &'a [i64],
    /// First price.
    pub open: &'a [f64],
    /// Highest price.
    pub high: &'a [f64],
    /// Lowest price.
    pub low: &'a [f64],
    /// Last price.
    pub close: &'a [f64],
    /// Half spread in price units as of the row's close.
    pub half_spread: Option<&'a [f64]>,
    /// Average true range in price units as of the row's close.
    pub atr: Option<&'a [f64]>,
    /// Account currency per unit of quote currency as of the row's close.
    pub conversion_rate: Option<&'a [f64]>,
}

impl<'a> Bars<'a> {
    /// The rows from `low` up to, not including, `high`.
    #[must_use]
    #[inline]
    pub fn rows(&self, low: usize, high: usize) -> Self {
        let part = |column: Option<&'a [f64]>| column.map(|values| &values[low..high]);
        Self {
            timestamp: &self.timestamp[low..high],
            open: &self.open[low..high],
            high: &self.high[low..high],
            low: &self.low[low..high],
            close: &self.close[low..high],
            half_spread: part(self.half_spread),
            atr: part(self.atr),
            conversion_rate: part(self.conversion_rate),
        }
    }

    /// Asks for the memory of `LINE_VALUES` rows from one on, of the opens only if told so. Rows beyond the end do no
    /// harm.
    #[inline(always)]
    pub(crate) fn fetch(&self, row: usize, opens: bool) {
        prefetch_index(self.timestamp, row);
        prefetch_index(if opens { self.open } else { self.close }, row);
        prefetch_index(self.high, row);
        prefetch_index(self.low, row);
        prefetch_index(self.close, row);
        for column in [self.half_spread, self.atr, self.conversion_rate].into_iter().flatten() {
            prefetch_index(column, row);
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.timestamp.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.timestamp.is_empty()
    }

    /// The first broken rule as an error; `previous_ns` is the stamp before row 0, if any.
    ///
    /// # Errors
    /// `BadBar` for the first violation, `Argument` for columns of different length.
    pub fn check(&self, previous_ns: Option<i64>) -> Result<(), Error> {
        self.check_lengths()?;
        if !self.sound(previous_ns) {
            let mut first = None;
            self.audit(None, previous_ns, |violation| {
                first.get_or_insert(violation);
            });
            if let Some(Violation { row, field, rule, found }) = first {
                return Err(Error::BadBar { row, field, rule, found });
            }
        }
        self.check_extras()
    }

    /// Whether every row keeps the rules: without branches, so that the compiler can use vector lanes.
    fn sound(&self, previous_ns: Option<i64>) -> bool {
        let first_rises = previous_ns.zip(self.timestamp.first()).is_none_or(|(before, &stamp)| stamp > before);
        let rising =
            self.timestamp.iter().zip(&self.timestamp[1.min(self.len())..]).fold(true, |ok, (a, b)| ok & (a < b));
        let prices = self.open.iter().zip(self.high).zip(self.low).zip(self.close);
        first_rises
            & rising
            & prices.fold(true, |ok, (((&open, &high), &low), &close)| ok & plain(open, high, low, close))
    }

    fn check_lengths(&self) -> Result<(), Error> {
        let lengths = [self.open.len(), self.high.len(), self.low.len(), self.close.len()];
        let extras = [self.half_spread, self.atr, self.conversion_rate];
        let n = self.len();
        if lengths.iter().all(|&len| len == n) && extras.iter().flatten().all(|column| column.len() == n) {
            return Ok(());
        }
        Err(Error::Argument { name: "bars", problem: "columns differ in length".into() })
    }

    fn check_extras(&self) -> Result<(), Error> {
        let broken = |column: Option<&[f64]>, field, ok: fn(f64) -> bool| {
            let row = column?.iter().position(|&value| !ok(value))?;
            let found = column?[row];
            let rule = if found.is_finite() { Rule::Range } else { Rule::Finite };
            Some(Error::BadBar { row, field, rule, found })
        };
        let spread = broken(self.half_spread, Field::HalfSpread, |v| v.is_finite() && v >= 0.0);
        let rate = broken(self.conversion_rate, Field::ConversionRate, |v| v.is_finite() && v > 0.0);
        spread.or(rate).map_or(Ok(()), Err)
    }

    /// Every broken rule of prices, stamps and volume, in row order.
    ///
    /// # Errors
    /// `Argument` for columns of different length.
    pub fn violations(&self, volume: Option<&[f64]>) -> Result<Vec<Violation>, Error> {
        self.check_lengths()?;
        if volume.is_some_and(|column| column.len() != self.len()) {
            return Err(Error::Argument { name: "volume", problem: "columns differ in length".into() });
        }
        let mut found = Vec::new();
        self.audit(volume, None, |violation| found.push(violation));
        Ok(found)
    }

    /// Reports every broken rule in row order.
    pub fn audit(&self, volume: Option<&[f64]>, previous_ns: Option<i64>, mut report: impl FnMut(Violation)) {
        let mut previous = previous_ns;
        for row in 0..self.len() {
            let (open, high, low, close) = (self.open[row], self.high[row], self.low[row], self.close[row]);
            if !plain(open, high, low, close) {
                audit_prices(row, [open, high, low, close], &mut report);
            }
            let stamp = self.timestamp[row];
            if let Some(before) = previous.filter(|&before| stamp <= before) {
                let rule = if stamp == before { Rule::Duplicate } else { Rule::Sorted };
                report(Violation { row, field: Field::Timestamp, rule, found: stamp as f64 });
            }
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
        let (open, high, low, close) = (column(0), column(1), column(2), column(3));
        let (half_spread, atr, conversion_rate) = (None, None, None);
        Bars { timestamp, open: &open, high: &high, low: &low, close: &close, half_spread, atr, conversion_rate }
            .check(None)
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
