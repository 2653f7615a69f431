//! Raw signals and their confidence, beside the bars they were decided on.

use prefetch_index::prefetch_index;

use crate::error::Error;
use crate::market::bars::Bars;

/// What the simulation is fed: bars, and per bar the signal known at its close; all of one length.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// Bars.
    pub bars: Bars<'a>,
    /// `[n_bars, i8]`: +1 BUY, 0 HOLD, -1 SELL.
    pub signals: &'a [i8],
    /// `[n_bars, f32, 0..1]`, NaN undefined; without the column 1 everywhere.
    pub confidence: Option<&'a [f32]>,
}

impl<'a> Columns<'a> {
    /// The rows from `low` up to, not including, `high`.
    #[must_use]
    #[inline]
    pub fn rows(&self, low: usize, high: usize) -> Self {
        Self {
            bars: self.bars.rows(low, high),
            signals: &self.signals[low..high],
            confidence: self.confidence.map(|column| &column[low..high]),
        }
    }

    /// Asks for the memory of `LINE_VALUES` rows from one on, of the opens only if told so. Rows beyond the end do no
    /// harm.
    #[inline(always)]
    pub(crate) fn fetch(&self, row: usize, opens: bool) {
        self.bars.fetch(row, opens);
        prefetch_index(self.signals, row);
        if let Some(column) = self.confidence {
            prefetch_index(column, row);
        }
    }

    /// Confidence of a row.
    #[must_use]
    pub fn confidence(&self, row: usize) -> f32 {
        self.confidence.map_or(1.0, |column| column[row])
    }

    /// Whether there is one signal and, if any, one confidence for each bar.
    ///
    /// # Errors
    /// `Argument`.
    pub fn check_lengths(&self) -> Result<(), Error> {
        let n = self.bars.len();
        if self.signals.len() != n {
            return Err(unequal("signals", self.signals.len(), n));
        }
        self.confidence
            .filter(|column| column.len() != n)
            .map_or(Ok(()), |column| Err(unequal("confidence", column.len(), n)))
    }

    /// How many confidences are undefined, if signals are -1, 0 or 1 and confidences lie in 0..1 or are NaN.
    ///
    /// # Errors
    /// `Signal` or `Confidence` for the first row that breaks this; rows are counted from `first_row`.
    #[inline(always)]
    pub fn count_undefined(&self, first_row: usize) -> Result<u64, Error> {
        let (signals, confidence) = (self.signals, self.confidence.unwrap_or_default());
        // Without branches first, so that the compiler can use vector lanes; only what is not plain is looked up.
        let sound = signals.iter().fold(true, |sound, &signal| sound & !broken_signal(signal));
        let plain = confidence.iter().fold(true, |plain, &value| plain & (0.0..=1.0).contains(&value));
        if sound & plain {
            return Ok(0);
        }
        for (row, &found) in signals.iter().enumerate() {
            if broken_signal(found) {
                return Err(Error::Signal { row: first_row + row, found });
            }
            if let Some(&found) = confidence.get(row).filter(|value| broken_confidence(**value)) {
                return Err(Error::Confidence { row: first_row + row, found });
            }
        }
        Ok(confidence.iter().filter(|value| value.is_nan()).count() as u64)
    }
}

fn broken_signal(signal: i8) -> bool {
    !(-1..=1).contains(&signal)
}

fn broken_confidence(confidence: f32) -> bool {
    !confidence.is_nan() & !(0.0..=1.0).contains(&confidence)
}

fn unequal(name: &'static str, found: usize, bars: usize) -> Error {
    Error::Argument { name, problem: format!("one value a bar is needed: found {found} for {bars} bars") }
}
