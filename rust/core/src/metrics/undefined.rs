//! The reasons why a metric has no value.

/// The reason why a metric is undefined. Of several the first in the metric's own order of checks counts.
///
/// ```
/// use ktrdr_core::Undefined;
///
/// assert_eq!(Undefined::NoTrades.name(), "no_trades");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Undefined {
    /// Fewer than ten returns say nothing about a year.
    TooFewReturns,
    /// Equity fell to 0 or below.
    EquityNotPositive,
    /// Returns do not vary beyond rounding.
    ZeroVolatility,
    /// No return fell short of the rate without risk.
    ZeroDownside,
    /// Equity never fell below its peak.
    NoDrawdown,
    /// The peak before the largest drawdown was not reached again.
    NotRecovered,
    /// No trade was closed, or no order filled.
    NoTrades,
    /// No closed trade made a profit.
    NoWins,
    /// No closed trade made a loss.
    NoLosses,
    /// Fewer than two trades were closed.
    TooFewTrades,
    /// Trades do not vary beyond rounding.
    ZeroDeviation,
    /// The median needs the trades themselves.
    NeedsLedger,
    /// Fewer than two bars were simulated.
    TooShort,
    /// The value is too large for a number.
    Overflow,
}

impl Undefined {
    /// Name of every reason, in the order of the discriminants.
    pub const NAMES: [&'static str; 14] = [
        "too_few_returns",
        "equity_not_positive",
        "zero_volatility",
        "zero_downside",
        "no_drawdown",
        "not_recovered",
        "no_trades",
        "no_wins",
        "no_losses",
        "too_few_trades",
        "zero_deviation",
        "needs_ledger",
        "too_short",
        "overflow",
    ];

    /// Returns the name of the reason.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl std::fmt::Display for Undefined {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The value of a metric, or the reason why it has none.
pub type Metric = Result<f64, Undefined>;
