//! The rules a bar must keep: their codes, their sentences, and the check of one row.

/// A column a rule can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Field {
    /// Bar open time, ns UTC.
    Timestamp,
    /// First price.
    Open,
    /// Highest price.
    High,
    /// Lowest price.
    Low,
    /// Last price.
    Close,
    /// Volume.
    Volume,
    /// Half spread in price units.
    HalfSpread,
    /// Account currency per unit of quote currency.
    ConversionRate,
}

impl Field {
    /// Every column's name, in the order of the discriminants.
    pub const NAMES: [&'static str; 8] =
        ["timestamp", "open", "high", "low", "close", "volume", "half_spread", "conversion_rate"];

    /// The column's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// A rule of bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Rule {
    /// Finite.
    Finite,
    /// Prices above zero, volume at least zero.
    Range,
    /// High at least, low at most every other price.
    Order,
    /// No stamp twice.
    Duplicate,
    /// No stamp before the one above it.
    Sorted,
}

impl Rule {
    /// Every rule's error code, in the order of the discriminants.
    pub const CODES: [&'static str; 5] =
        ["data_nonfinite", "data_price_range", "data_ohlc_order", "data_duplicate", "data_unsorted"];

    /// The error code of a broken rule.
    #[must_use]
    pub fn code(self) -> &'static str {
        Self::CODES[self as usize]
    }

    /// The rule as a sentence.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Finite => "the value must be finite",
            Self::Range => "prices must be above 0, volumes and spreads not below 0",
            Self::Order => "high must be the highest and low the lowest price of the bar",
            Self::Duplicate => "the stamp occurs twice",
            Self::Sorted => "the stamp lies before the one above it",
        }
    }
}

/// One broken rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Violation {
    /// Row, from 0.
    pub row: usize,
    /// Column.
    pub field: Field,
    /// Rule.
    pub rule: Rule,
    /// Offending value (a stamp as its nanoseconds).
    pub found: f64,
}

/// Finite, positive and in order; false for any NaN.
#[inline(always)]
pub(crate) fn plain(open: f64, high: f64, low: f64, close: f64) -> bool {
    (low > 0.0) & (low <= open) & (low <= close) & (high >= open) & (high >= close) & (high < f64::INFINITY)
}

pub(crate) fn audit_prices(row: usize, prices: [f64; 4], report: &mut impl FnMut(Violation)) {
    let fields = [Field::Open, Field::High, Field::Low, Field::Close];
    let mut sound = true;
    for (field, found) in fields.into_iter().zip(prices) {
        let rule = match found {
            _ if !found.is_finite() => Rule::Finite,
            _ if found <= 0.0 => Rule::Range,
            _ => continue,
        };
        sound = false;
        report(Violation { row, field, rule, found });
    }
    let [open, high, low, close] = prices;
    if sound && high < open.max(close).max(low) {
        report(Violation { row, field: Field::High, rule: Rule::Order, found: high });
    }
    if sound && low > open.min(close).min(high) {
        report(Violation { row, field: Field::Low, rule: Rule::Order, found: low });
    }
}
