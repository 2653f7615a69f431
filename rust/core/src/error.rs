//! Everything the core refuses, as data; the sentence is derived.

/// What went wrong; `code` is stable, the fields say where and what.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No bars at all.
    #[error("no bars")]
    NoBars,
    /// The warm-up reaches the end of the bars.
    #[error("the warm-up reaches the end of the bars")]
    TooShort {
        /// First simulated bar.
        warmup_bars: usize,
        /// Bars given.
        bars: usize,
    },
    /// A bar that breaks a rule of `bar.rs`.
    #[error("{}", rule.sentence())]
    BadBar {
        /// Row of the bar.
        row: usize,
        /// Column that breaks the rule.
        field: crate::market::audit::Field,
        /// The rule.
        rule: crate::market::audit::Rule,
        /// The offending value.
        found: f64,
    },
    /// An argument outside what the call accepts.
    #[error("{problem}")]
    Argument {
        /// Name of the argument.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A signal that is not +1, 0 or -1.
    #[error("a signal must be 1, 0 or -1")]
    Signal {
        /// Row of the signal.
        row: usize,
        /// The signal.
        found: i8,
    },
    /// A confidence outside 0..=1; NaN is allowed and means undefined.
    #[error("a confidence must lie in 0..1 or be NaN")]
    Confidence {
        /// Row of the confidence.
        row: usize,
        /// The confidence.
        found: f32,
    },
    /// A market fill whose price after costs is not positive.
    #[error("the price of a market fill is not positive after costs")]
    FillPrice {
        /// Bar of the fill.
        row: usize,
        /// The price.
        price: f64,
    },
    /// Initial capital plus net P&L is not the final equity.
    #[error("the accounts do not add up")]
    AccountingIdentity {
        /// From the trades.
        expected: f64,
        /// From the account.
        found: f64,
    },
    /// Snapshot bytes that are truncated or changed.
    #[error("the snapshot is damaged: {what}")]
    SnapshotCorrupt {
        /// What does not fit.
        what: &'static str,
    },
    /// A snapshot of a later version.
    #[error("the snapshot is of a later version")]
    SnapshotTooNew {
        /// Version of the snapshot.
        found: u16,
        /// Highest version read here.
        supported: u16,
    },
    /// Intact bytes that describe an impossible state.
    #[error("the snapshot describes an impossible state: {what}")]
    SnapshotInconsistent {
        /// What is impossible.
        what: &'static str,
    },
    /// Inputs that changed since the snapshot was taken.
    #[error("{part} changed since the snapshot was taken")]
    IdentityMismatch {
        /// The part that differs.
        part: String,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoBars => "data_empty",
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

    /// Row of the bar the error is about, where it is about one.
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

    /// Column, argument or part the error is about, where it is about one.
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

    /// The offending value as a number, where there is one.
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

    /// What would have been accepted, where one sentence can say it.
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
