//! Errors of the core as data. The sentence of an error is derived from its fields.

use crate::market::audit::{Field, Rule};

/// A failed call: a stable code, and fields that say where and what.
///
/// ```
/// use ktrdr_core::{Error, Problem};
///
/// let error = Error::Argument { name: "timeframe", problem: Problem::NotPositive { found: 0.0 } };
/// assert_eq!((error.code(), error.field()), ("argument_invalid", Some("timeframe")));
/// assert_eq!(error.to_string(), "must be finite and above 0, found 0");
/// ```
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The warm-up reaches the end of the bars.
    #[error("the warm-up reaches the end of the bars")]
    TooShort {
        /// Index of the first simulated bar.
        warmup_bars: usize,
        /// Number of bars given.
        bars: usize,
    },
    /// A bar breaks a rule of `market::audit`.
    #[error("{}", rule.sentence())]
    BadBar {
        /// Row of the bar.
        row: usize,
        /// Column that breaks the rule.
        field: Field,
        /// Rule that is broken.
        rule: Rule,
        /// Value that breaks it.
        found: f64,
    },
    /// An argument lies outside what the call accepts.
    #[error("{problem}")]
    Argument {
        /// Name of the argument.
        name: &'static str,
        /// Reason why it is refused.
        problem: Problem,
    },
    /// A signal is none of the numbers that a signal has.
    #[error("a signal must be 1, 0 or -1, or a number for an entry or an exit")]
    Signal {
        /// Row of the signal.
        row: usize,
        /// Value of the signal.
        found: i8,
    },
    /// A confidence lies outside 0..=1. NaN is allowed and means undefined.
    #[error("a confidence must lie in 0..1 or be NaN")]
    Confidence {
        /// Row of the confidence.
        row: usize,
        /// Value of the confidence.
        found: f32,
    },
    /// The price of a market fill is not positive after costs.
    #[error("the price of a market fill is not positive after costs")]
    FillPrice {
        /// Bar of the fill.
        row: usize,
        /// Price of the fill after costs.
        price: f64,
    },
    /// Initial capital plus net profit is not the final equity.
    #[error("the accounts do not add up")]
    AccountingIdentity {
        /// Amount that follows from the trades.
        expected: f64,
        /// Amount in the account.
        found: f64,
    },
    /// Snapshot bytes are truncated or changed.
    #[error("the snapshot is damaged: {what}")]
    SnapshotCorrupt {
        /// Part that does not fit.
        what: &'static str,
    },
    /// The snapshot was written by a later version.
    #[error("the snapshot is of a later version")]
    SnapshotTooNew {
        /// Version of the snapshot.
        found: u16,
        /// Highest version that can be read.
        supported: u16,
    },
    /// Intact bytes describe an impossible state.
    #[error("the snapshot describes an impossible state: {what}")]
    SnapshotInconsistent {
        /// Fact that cannot be.
        what: &'static str,
    },
    /// Inputs changed since the snapshot was taken.
    #[error("{part} changed since the snapshot was taken")]
    IdentityMismatch {
        /// Name of the part that differs.
        part: String,
    },
}

/// The reason why an argument is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A number that must be finite and above 0.
    #[error("must be finite and above 0, found {found}")]
    NotPositive {
        /// Number that was given.
        found: f64,
    },
    /// A key of the rules outside its range.
    #[error("{key} must be {allowed}, found {found}")]
    OutOfRange {
        /// Dotted key, as in a strategy file.
        key: &'static str,
        /// Value that was given.
        found: f64,
        /// Range of the key as a phrase.
        allowed: &'static str,
    },
    /// Bars for a run that has ended.
    #[error("the run has taken its last bar")]
    Ended,
    /// The end of a run without a bar to end it with.
    #[error("feed(last=True) needs at least one bar; use result(partial=True)")]
    NoLastBar,
    /// An exit level in ATR without a column of ATR.
    #[error("an exit level is in ATR, but the bars have no column atr")]
    NoAtr,
    /// Slippage in ticks without a tick size.
    #[error("slippage in ticks needs instrument.tick_size")]
    NoTickSize,
    /// No rule for annualising, where the length of the run is unknown.
    #[error("periods_per_year is required: the length of the run is not known")]
    NoPeriods,
    /// Columns of bars that differ in length.
    #[error("columns differ in length")]
    UnequalColumns,
    /// A column beside the bars with another number of values.
    #[error("one value per bar is needed: found {found} for {bars} bars")]
    OnePerBar {
        /// Number of values in the column.
        found: usize,
        /// Number of bars beside it.
        bars: usize,
    },
    /// An unknown membership function, or one with another number of parameters.
    #[error("no membership {kind} of {parameters} parameters")]
    NoMembership {
        /// Name of the function.
        kind: String,
        /// Number of parameters that were given.
        parameters: usize,
    },
    /// A column of degrees that does not fit the matrix.
    #[error("a column outside the matrix or of another length")]
    ColumnMisfit,
    /// Scores of another number of classes than three.
    #[error("three classes are needed, found {found}")]
    NotThreeClasses {
        /// Number of classes per row.
        found: usize,
    },
    /// A name that no ledger table has.
    #[error("no such ledger")]
    NoTable,
    /// Rows of a ledger that were taken.
    #[error("rows of it were taken: lay what take() returned end to end, or restore the run with all of it")]
    RowsTaken,
    /// Text that a parser refuses, in that parser's words.
    #[error("{0}")]
    Unreadable(String),
}

impl Error {
    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "data_too_short",
            Self::BadBar { rule, .. } => rule.code(),
            Self::Argument { .. } | Self::Signal { .. } | Self::Confidence { .. } => "argument_invalid",
            Self::FillPrice { .. } => "fill_price",
            Self::AccountingIdentity { .. } => "accounting_identity",
            Self::SnapshotCorrupt { .. } => "snapshot_corrupt",
            Self::SnapshotTooNew { .. } => "snapshot_too_new",
            Self::SnapshotInconsistent { .. } => "snapshot_inconsistent",
            Self::IdentityMismatch { .. } => "identity_mismatch",
        }
    }

    /// Returns the error of a bar with its row counted from the start of the run; `first_row` is the row counted as 0.
    pub(crate) fn in_rows_from(mut self, first_row: usize) -> Self {
        if let Self::BadBar { row, .. } = &mut self {
            *row += first_row;
        }
        self
    }

    // The four accessors below are the fields of Python's error of the same code.

    /// Returns the row of the bar the error is about, if it is about one.
    #[must_use]
    pub fn row(&self) -> Option<usize> {
        match self {
            Self::BadBar { row, .. }
            | Self::FillPrice { row, .. }
            | Self::Signal { row, .. }
            | Self::Confidence { row, .. } => Some(*row),
            _ => None,
        }
    }

    /// Returns the column, argument or part the error is about, if it is about one.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::BadBar { field, .. } => Some(field.name()),
            Self::IdentityMismatch { part } => Some(part),
            Self::Argument { name, .. } => Some(name),
            Self::Signal { .. } => Some("signals"),
            Self::Confidence { .. } => Some("confidence"),
            _ => None,
        }
    }

    /// Returns the offending value as a number, if there is one.
    #[must_use]
    pub fn found(&self) -> Option<f64> {
        match self {
            Self::TooShort { bars, .. } => Some(*bars as f64),
            Self::BadBar { found, .. } | Self::AccountingIdentity { found, .. } => Some(*found),
            Self::Signal { found, .. } => Some(f64::from(*found)),
            Self::Confidence { found, .. } => Some(f64::from(*found)),
            Self::FillPrice { price, .. } => Some(*price),
            Self::SnapshotTooNew { found, .. } => Some(f64::from(*found)),
            _ => None,
        }
    }

    /// Returns what would have been accepted, if one sentence can say it.
    #[must_use]
    pub fn expected(&self) -> Option<String> {
        match self {
            Self::TooShort { warmup_bars, .. } => Some(format!("more than {warmup_bars} bars")),
            Self::AccountingIdentity { expected, .. } => Some(expected.to_string()),
            Self::FillPrice { .. } => Some("a price above 0".into()),
            Self::SnapshotTooNew { supported, .. } => Some(format!("version {supported} or earlier")),
            _ => None,
        }
    }
}
