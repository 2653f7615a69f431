//! The catalogue of metrics: the one home of their names, units and definitions.
//!
//! Whatever prints, compares or sorts metrics reads it. A test holds it equal to the names that a run reports.

/// The unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// An amount in account currency.
    Money,
    /// A fraction: 0.01 is one per cent.
    Rate,
    /// A number without a unit.
    Ratio,
    /// A number of bars.
    Bars,
    /// A number of things; always whole.
    Count,
    /// Hundredths of a per cent.
    BasisPoints,
}

/// The group that a metric is shown in; groups are shown in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Money and growth of the whole run.
    Result,
    /// Returns by period and their shape.
    Returns,
    /// Falls from a peak.
    Drawdown,
    /// Statistics of closed round trips.
    Trades,
    /// Costs and turnover of fills.
    Costs,
    /// Buy and hold under the same costs.
    Benchmark,
    /// Counts that qualify the other metrics.
    Quality,
}

/// The direction in which a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// A higher value is better.
    Higher,
    /// A lower value is better.
    Lower,
    /// The value only describes.
    Neither,
}

impl Unit {
    /// Returns the name of the unit.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::Rate => "rate",
            Self::Ratio => "ratio",
            Self::Bars => "bars",
            Self::Count => "count",
            Self::BasisPoints => "bps",
        }
    }
}

impl Kind {
    /// Returns the name of the group.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::Returns => "returns",
            Self::Drawdown => "drawdown",
            Self::Trades => "trades",
            Self::Costs => "costs",
            Self::Benchmark => "benchmark",
            Self::Quality => "quality",
        }
    }
}

impl Better {
    /// Returns the name of the direction.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::Neither => "none",
        }
    }
}

/// A metric: its name, and what a reader must know to use it.
///
/// ```
/// use ktrdr_core::METRICS;
///
/// let sharpe = METRICS.iter().find(|metric| metric.name == "sharpe").expect("a metric");
/// assert_eq!((sharpe.unit.name(), sharpe.kind.name(), sharpe.better.name()), ("ratio", "returns", "higher"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricDefinition {
    /// Name of the metric, as in results.
    pub name: &'static str,
    /// Unit of the value.
    pub unit: Unit,
    /// Group that the metric is shown in.
    pub kind: Kind,
    /// Direction in which the metric is better.
    pub better: Better,
    /// Definition in one line.
    pub definition: &'static str,
    /// True if the value is always whole.
    pub whole: bool,
    /// True if a person must see the metric after every run.
    pub headline: bool,
}

const fn metric(
    name: &'static str,
    unit: Unit,
    kind: Kind,
    better: Better,
    definition: &'static str,
) -> MetricDefinition {
    let whole = matches!(unit, Unit::Count);
    MetricDefinition { name, unit, kind, better, definition, whole, headline: false }
}

/// Marks a metric that a person must see after every run.
const fn headline(definition: MetricDefinition) -> MetricDefinition {
    MetricDefinition { headline: true, ..definition }
}

/// Marks a metric whose value is always whole although its unit does not say so.
const fn whole(definition: MetricDefinition) -> MetricDefinition {
    MetricDefinition { whole: true, ..definition }
}

use Better::{Higher, Lower, Neither};
use Kind::{Benchmark, Costs, Drawdown, Quality, Returns, Trades};
use Unit::{Bars, BasisPoints, Count, Money, Rate, Ratio};

/// Every metric of a run, sorted by name.
pub const METRICS: [MetricDefinition; 48] = [
    metric("ambiguous_bars", Count, Quality, Neither, "bars that reach both the adverse level and the target"),
    metric("ann_return", Rate, Returns, Higher, "(final / initial)^(periods per year / number of returns) - 1"),
    headline(metric("avg_bars_held", Bars, Trades, Neither, "mean of bars held over closed trades")),
    metric("avg_loss", Money, Trades, Higher, "mean net profit of losing trades, negative"),
    metric("avg_win", Money, Trades, Higher, "mean net profit of winning trades"),
    metric("benchmark_max_drawdown", Rate, Benchmark, Lower, "largest drawdown of buy and hold"),
    headline(metric("benchmark_return", Rate, Benchmark, Neither, "total return of buy and hold under the same costs")),
    metric("break_even_bps", BasisPoints, Costs, Higher, "gross profit over the notional of all fills"),
    headline(metric("cagr", Rate, Kind::Result, Higher, "(final / initial)^(1 / years) - 1, years from stamps")),
    headline(metric("calmar", Ratio, Drawdown, Higher, "cagr / max_drawdown")),
    headline(metric("commission", Money, Costs, Lower, "commission of all fills")),
    metric("daily_returns", Count, Returns, Neither, "number of returns by period"),
    headline(metric("expectancy", Money, Trades, Higher, "mean net profit of closed trades")),
    metric("expectancy_rate", Rate, Trades, Higher, "mean of net profit over entry notional of closed trades"),
    headline(metric("exposure", Rate, Kind::Result, Neither, "bars with a position at the close over simulated bars")),
    headline(metric("final_equity", Money, Kind::Result, Higher, "equity at the last close")),
    headline(metric("financing", Money, Costs, Lower, "financing charged, that of an open position included")),
    headline(metric("initial_capital", Money, Kind::Result, Neither, "equity before the first bar")),
    metric("kurtosis", Ratio, Returns, Neither, "population kurtosis of returns; 3 is normal"),
    metric("largest_loss", Money, Trades, Higher, "net profit of the worst losing trade, negative"),
    metric("largest_win", Money, Trades, Higher, "net profit of the best winning trade"),
    metric("losses", Count, Trades, Neither, "closed trades with a net profit below 0"),
    headline(metric("max_drawdown", Rate, Drawdown, Lower, "largest fall of bar equity from its running peak")),
    whole(metric("max_drawdown_bars", Bars, Drawdown, Lower, "bars from the peak to the largest drawdown")),
    metric("max_drawdown_daily", Rate, Drawdown, Lower, "largest fall of the equity points by period"),
    metric("max_loss_streak", Count, Trades, Lower, "most losing trades in a row"),
    metric("max_win_streak", Count, Trades, Higher, "most winning trades in a row"),
    metric("median_bars_held", Bars, Trades, Neither, "median of bars held over closed trades"),
    headline(metric("net_profit", Money, Kind::Result, Higher, "final equity less initial capital")),
    metric("payoff", Ratio, Trades, Higher, "avg_win / abs(avg_loss)"),
    headline(metric("profit_factor", Ratio, Trades, Higher, "sum of wins over abs(sum of losses)")),
    metric("profit_optimistic", Money, Quality, Higher, "net profit had every ambiguous bar left at the target"),
    metric(
        "profit_pessimistic",
        Money,
        Quality,
        Higher,
        "net profit had every ambiguous bar left at the adverse level",
    ),
    whole(metric("recovery_bars", Bars, Drawdown, Lower, "bars from the largest drawdown to its peak's level again")),
    headline(metric("refused_orders", Count, Quality, Neither, "orders that were not executed")),
    headline(metric("sharpe", Ratio, Returns, Higher, "mean excess return over standard deviation, annualised")),
    metric("skew", Ratio, Returns, Neither, "population skew of returns"),
    headline(metric("slippage", Money, Costs, Lower, "slippage of all fills, tick rounding included")),
    headline(metric(
        "sortino",
        Ratio,
        Returns,
        Higher,
        "mean excess return over the root mean square shortfall, annualised",
    )),
    headline(metric("spread", Money, Costs, Lower, "half spreads paid in all fills")),
    headline(metric(
        "sqn",
        Ratio,
        Trades,
        Higher,
        "root of the number of trades times mean over deviation of net profit",
    )),
    headline(metric("total_return", Rate, Kind::Result, Higher, "net profit over initial capital")),
    headline(metric("trades", Count, Trades, Neither, "closed round trips")),
    metric("turnover", Ratio, Costs, Neither, "notional of all fills over mean equity and years"),
    metric("undefined_bars", Count, Quality, Neither, "simulated bars whose confidence is undefined"),
    headline(metric("volatility", Rate, Returns, Lower, "standard deviation of returns, annualised")),
    headline(metric("win_rate", Rate, Trades, Higher, "wins over closed trades")),
    metric("wins", Count, Trades, Neither, "closed trades with a net profit above 0"),
];
