//! The rules a bar must keep: their codes, their sentences, and the check of one row.

/// A column that a rule can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Field {
    /// Stamp of the bar's open, ns UTC.
    Timestamp,
    /// First price of the bar.
    Open,
    /// Highest price of the bar.
    High,
    /// Lowest price of the bar.
    Low,
    /// Last price of the bar.
    Close,
    /// Traded volume of the bar.
    Volume,
    /// Half spread at the close, price units.
    HalfSpread,
    /// Account currency per unit of quote currency at the close.
    ConversionRate,
}

impl Field {
    /// Name of every column, in the order of the discriminants.
    pub const NAMES: [&'static str; 8] =
        ["timestamp", "open", "high", "low", "close", "volume", "half_spread", "conversion_rate"];

    /// Returns the name of the column.
    ///
    /// ```
    /// assert_eq!(ktrdr_core::Field::HalfSpread.name(), "half_spread");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// A rule that every bar must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Rule {
    /// Every value is finite.
    Finite,
    /// Prices are above 0, volumes and spreads are not below 0.
    Range,
    /// No price lies above the high or below the low.
    Order,
    /// No stamp occurs twice.
    Duplicate,
    /// No stamp lies before the stamp above it.
    Sorted,
}

impl Rule {
    /// Every rule, in the order of the discriminants.
    pub const ALL: [Self; 5] = [Self::Finite, Self::Range, Self::Order, Self::Duplicate, Self::Sorted];

    /// Error code of every rule, in the order of the discriminants.
    pub const CODES: [&'static str; 5] =
        ["data_nonfinite", "data_price_range", "data_ohlc_order", "data_duplicate", "data_unsorted"];

    /// Returns the error code of a broken rule.
    ///
    /// ```
    /// use ktrdr_core::Rule;
    ///
    /// assert_eq!(Rule::Sorted.code(), "data_unsorted");
    /// assert_eq!(Rule::ALL.map(Rule::code), Rule::CODES);
    /// ```
    #[must_use]
    pub fn code(self) -> &'static str {
        Self::CODES[self as usize]
    }

    /// Returns the rule as a sentence, for errors and reports.
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

/// One broken rule, with its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Violation {
    /// Row of the bar, from 0.
    pub row: usize,
    /// Column with the offending value.
    pub field: Field,
    /// Rule that is broken.
    pub rule: Rule,
    /// Offending value; a stamp as its nanoseconds.
    pub found: f64,
}

/// Reports every rule that the open, high, low and close of a row break.
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
    // The order of prices means nothing while one of them is no price.
    let [open, high, low, close] = prices;
    if sound && high < open.max(close).max(low) {
        report(Violation { row, field: Field::High, rule: Rule::Order, found: high });
    }
    if sound && low > open.min(close).min(high) {
        report(Violation { row, field: Field::Low, rule: Rule::Order, found: low });
    }
}
