//! Bars, and beside them the signal and the confidence known at each close.

use std::ops::Range;

use prefetch_index::prefetch_index;

use crate::error::{Error, Problem};
use crate::market::bars::{Bars, LINE_BYTES, LINE_VALUES};

/// The input of a simulation: columns of one length.
///
/// ```
/// use ktrdr_core::{Bars, Columns, Error};
///
/// let bars = Bars::new(&[0, 60], &[1.0, 1.1], &[1.2, 1.2], &[0.9, 1.0], &[1.1, 1.0]);
/// let columns = Columns { bars, signals: &[1, 0], confidence: Some(&[0.8, f32::NAN]) };
/// assert_eq!((columns.check(0), columns.undefined()), (Ok(()), 1));
///
/// let wrong = Columns { signals: &[1, 5], ..columns };
/// assert_eq!(wrong.check(100), Err(Error::Signal { row: 101, found: 5 }));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// Bars, checked by their owner.
    pub bars: Bars<'a>,
    /// Signals `[n_bars, i8]`: +1 BUY, 0 HOLD, -1 SELL, or one of this type's constants.
    pub signals: &'a [i8],
    /// Confidences `[n_bars, f32, 0..1]`, NaN undefined; without the column 1 everywhere.
    pub confidence: Option<&'a [f32]>,
}

impl<'a> Columns<'a> {
    /// Signal that closes a long and opens nothing, also where an opposite order reverses.
    pub const CLOSE_LONG: i8 = -2;
    /// Signal that closes a short and opens nothing.
    pub const CLOSE_SHORT: i8 = 2;
    /// Signal that opens a long, and closes a short first, also where an opposite order does not reverse.
    pub const ENTER_LONG: i8 = 3;
    /// Signal that opens a short, and closes a long first.
    pub const ENTER_SHORT: i8 = -3;
    /// Signal that closes whatever is open, and opens nothing.
    pub const CLOSE_ANY: i8 = 4;

    /// Name and number of these signals.
    pub const NAMED_SIGNALS: [(&'static str, i8); 5] = [
        ("CLOSE_ANY", Self::CLOSE_ANY),
        ("CLOSE_LONG", Self::CLOSE_LONG),
        ("CLOSE_SHORT", Self::CLOSE_SHORT),
        ("ENTER_LONG", Self::ENTER_LONG),
        ("ENTER_SHORT", Self::ENTER_SHORT),
    ];

    /// Borrows the rows of `bars` from row `first` on that have a signal.
    ///
    /// # Errors
    /// `Argument` for more signals than bars.
    pub fn beside(
        bars: &Bars<'a>,
        first: usize,
        signals: &'a [i8],
        confidence: Option<&'a [f32]>,
    ) -> Result<Self, Error> {
        let end = first.saturating_add(signals.len());
        if end > bars.len() {
            let problem = Problem::OnePerBar { found: signals.len(), bars: bars.len().saturating_sub(first) };
            return Err(Error::Argument { name: "signals", problem });
        }
        Ok(Self { bars: bars.rows(first, end), signals, confidence })
    }

    /// Borrows the rows from `first` up to, but not including, `end`.
    #[must_use]
    #[inline]
    pub fn rows(&self, first: usize, end: usize) -> Self {
        Self {
            bars: self.bars.rows(first, end),
            signals: &self.signals[first..end],
            confidence: self.confidence.map(|column| &column[first..end]),
        }
    }

    /// Prefetches the cache lines of some rows, stamps apart. Rows beyond the end do no harm.
    pub(crate) fn prefetch(&self, rows: &Range<usize>) {
        let Bars { half_spread, atr, conversion_rate, .. } = self.bars;
        // One line of each column before the next of any: column after column is no faster than reading them.
        for row in rows.clone().step_by(LINE_VALUES) {
            self.bars.prefetch_prices(row);
        }
        [half_spread, atr, conversion_rate].into_iter().flatten().for_each(|column| prefetch_lines(column, rows));
        prefetch_lines(self.signals, rows);
        if let Some(column) = self.confidence {
            prefetch_lines(column, rows);
        }
    }

    /// Returns the confidence of a row.
    #[must_use]
    pub fn confidence(&self, row: usize) -> f32 {
        self.confidence.map_or(1.0, |column| column[row])
    }

    /// Checks that there is one signal and, with the column, one confidence per bar.
    ///
    /// # Errors
    /// `Argument` for a column of another length.
    pub fn check_lengths(&self) -> Result<(), Error> {
        let bars = self.bars.len();
        let check = |name, found| {
            let problem = Problem::OnePerBar { found, bars };
            if found == bars { Ok(()) } else { Err(Error::Argument { name, problem }) }
        };
        check("signals", self.signals.len())?;
        check("confidence", self.confidence.map_or(bars, <[f32]>::len))
    }

    /// Checks that signals are -3 to 4 and that confidences lie in 0..1 or are NaN.
    ///
    /// # Errors
    /// `Signal` or `Confidence` for the first row that breaks this; row 0 is reported as `first_row`.
    #[inline(always)]
    pub fn check(&self, first_row: usize) -> Result<(), Error> {
        let confidence = self.confidence.unwrap_or_default();
        // Two passes without branches, which the compiler turns into vector lanes. Only broken input is looked up.
        let signals_sound = self.signals.iter().fold(true, |sound, &signal| sound & is_signal(signal));
        let confidence_sound = confidence.iter().fold(true, |sound, &value| sound & is_confidence(value));
        if signals_sound & confidence_sound { Ok(()) } else { self.find_broken(first_row) }
    }

    /// Looks up the first broken row.
    // Kept out of the loop: inlined, it would cost registers.
    #[cold]
    fn find_broken(&self, first_row: usize) -> Result<(), Error> {
        for (index, &found) in self.signals.iter().enumerate() {
            let row = first_row + index;
            if !is_signal(found) {
                return Err(Error::Signal { row, found });
            }
            let found = self.confidence(index);
            if !is_confidence(found) {
                return Err(Error::Confidence { row, found });
            }
        }
        Ok(())
    }

    /// Counts the confidences that are undefined.
    #[must_use]
    pub fn undefined(&self) -> u64 {
        // Counted in `u32`, as wide as the values, so that lanes need no widening.
        let undefined = |part: &[f32]| part.iter().fold(0_u32, |count, value| count + u32::from(value.is_nan()));
        self.confidence.unwrap_or_default().chunks(1 << 20).map(|part| u64::from(undefined(part))).sum()
    }
}

fn is_signal(signal: i8) -> bool {
    (Columns::ENTER_SHORT..=Columns::CLOSE_ANY).contains(&signal)
}

fn is_confidence(confidence: f32) -> bool {
    // `|` instead of `||`: without a branch the compiler checks several confidences at once.
    confidence.is_nan() | (0.0..=1.0).contains(&confidence)
}

/// Prefetches each cache line of some rows of a column; nothing for values that take no memory.
#[inline(always)]
pub(crate) fn prefetch_lines<T>(column: &[T], rows: &Range<usize>) {
    if let Some(values) = LINE_BYTES.checked_div(size_of::<T>()) {
        rows.clone().step_by(values).for_each(|row| prefetch_index(column, row));
    }
}
