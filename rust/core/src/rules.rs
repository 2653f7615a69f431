//! The rules a simulation trades by, in the shape of the strategy file.
//!
//! Defaults live in Python (`strategy/rules.py`); the core is always given every key.

use serde::{Deserialize, Serialize};

/// Everything a run trades and measures by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// How orders become fills and what that costs.
    pub execution: Execution,
    /// What a signal must pass to become an order.
    pub decisions: Decisions,
    /// What metrics are annualised and discounted by.
    pub metrics: Metrics,
}

/// How orders become fills and what that costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Execution {
    /// When an order executes.
    pub fill: FillMode,
    /// How much is bought.
    pub sizing: Sizing,
    /// Commission per fill.
    pub commission: Commission,
    /// What a market fill loses to its reference price.
    pub slippage: Slippage,
    /// Half spread where the bars have no column for it.
    pub spread: Spread,
    /// Annual rates on notional held over.
    pub financing: Financing,
    /// Levels and clocks that close a position without a signal.
    pub exits: Exits,
    /// Which level an ambiguous bar reaches first.
    pub intrabar: Intrabar,
    /// What an order against the position does after closing it.
    pub on_opposite: OnOpposite,
    /// Whether short positions may be opened at all.
    pub allow_short: bool,
    /// Leverage limit and stop-out.
    pub margin: Margin,
    /// Steps of price and quantity.
    pub instrument: Instrument,
    /// Whether the last bar's close ends an open position.
    pub close_at_end: bool,
}

/// When an order executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FillMode {
    /// At the open of the bar after the signal.
    NextOpen,
    /// At the close that made the signal (optimistic).
    ThisClose,
}

/// How much is bought.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "SizingKeys", into = "SizingKeys")]
pub enum Sizing {
    /// A fraction of the cash, commission included.
    CashFraction(f64),
    /// A fraction of equity, up to the leverage limit.
    EquityFraction(f64),
    /// A fixed quantity.
    FixedQuantity(f64),
    /// A fixed notional in account currency.
    FixedNotional(f64),
    /// A share of equity that has this annual volatility over the last `window` returns.
    VolatilityTarget {
        /// Annual volatility, a fraction.
        annual: f64,
        /// Number of close-to-close returns.
        window: usize,
    },
}

/// The keys of `sizing` as written: one shape for every encoding.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SizingKeys {
    kind: String,
    fraction: Option<f64>,
    quantity: Option<f64>,
    notional: Option<f64>,
    annual: Option<f64>,
    window: Option<usize>,
}

impl TryFrom<SizingKeys> for Sizing {
    type Error = String;

    fn try_from(keys: SizingKeys) -> Result<Self, String> {
        let missing = || format!("sizing {} lacks a key", keys.kind);
        match keys.kind.as_str() {
            "cash_fraction" => keys.fraction.map(Self::CashFraction).ok_or_else(missing),
            "equity_fraction" => keys.fraction.map(Self::EquityFraction).ok_or_else(missing),
            "fixed_quantity" => keys.quantity.map(Self::FixedQuantity).ok_or_else(missing),
            "fixed_notional" => keys.notional.map(Self::FixedNotional).ok_or_else(missing),
            "volatility_target" => {
                let annual = keys.annual.ok_or_else(missing)?;
                let window = keys.window.ok_or_else(missing)?;
                Ok(Self::VolatilityTarget { annual, window })
            }
            other => Err(format!("unknown sizing kind {other:?}")),
        }
    }
}

impl From<Sizing> for SizingKeys {
    fn from(sizing: Sizing) -> Self {
        let named = |kind: &str| Self { kind: kind.into(), ..Self::default() };
        match sizing {
            Sizing::CashFraction(f) => Self { fraction: Some(f), ..named("cash_fraction") },
            Sizing::EquityFraction(f) => Self { fraction: Some(f), ..named("equity_fraction") },
            Sizing::FixedQuantity(q) => Self { quantity: Some(q), ..named("fixed_quantity") },
            Sizing::FixedNotional(n) => Self { notional: Some(n), ..named("fixed_notional") },
            Sizing::VolatilityTarget { annual, window } => {
                Self { annual: Some(annual), window: Some(window), ..named("volatility_target") }
            }
        }
    }
}

/// Commission per fill: `max(minimum, rate * notional + per_unit * quantity + per_fill)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commission {
    /// Fraction of notional.
    pub rate: f64,
    /// Account currency per unit.
    pub per_unit: f64,
    /// Account currency per fill.
    pub per_fill: f64,
    /// Least commission of a fill.
    pub minimum: f64,
}

/// What a market fill loses to its reference price.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slippage {
    /// A fraction of the price.
    Rate(f64),
    /// A number of ticks.
    Ticks(f64),
    /// A fraction of the previous bar's range.
    RangeFraction(f64),
}

/// Half spread where the bars have no column for it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Price units.
    pub half: f64,
}

/// Annual rates on notional held over; positive is a cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Financing {
    /// For long positions.
    pub long_rate: f64,
    /// For short positions.
    pub short_rate: f64,
    /// Days of the rates' year.
    pub day_count: f64,
}

/// Levels and clocks that close a position without a signal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exits {
    /// Distance of the stop.
    pub stop_loss: Option<Level>,
    /// Distance of the target.
    pub take_profit: Option<Level>,
    /// Distance of the trailing stop.
    pub trailing_stop: Option<Level>,
    /// What a trailing stop follows.
    pub trail_on: TrailOn,
    /// Bars after which a position is closed.
    pub max_holding_bars: Option<usize>,
    /// Period of the ATR that levels are measured in (the pipeline's; the core is given the column).
    pub atr_period: usize,
}

impl Exits {
    /// Whether a level is measured in ATR.
    #[must_use]
    pub fn needs_atr(&self) -> bool {
        let levels = [self.stop_loss, self.take_profit, self.trailing_stop];
        levels.iter().any(|level| matches!(level, Some(Level::Atr(_))))
    }
}

/// The distance of an exit from the entry fill.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A fraction of the entry price.
    Rate(f64),
    /// A multiple of ATR.
    Atr(f64),
}

/// What a trailing stop follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrailOn {
    /// The close.
    Close,
    /// The bar's best price.
    Extreme,
}

/// Which level an ambiguous bar reaches first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intrabar {
    /// The adverse one.
    Pessimistic,
    /// The target.
    Optimistic,
    /// The one first on the path open, nearer extreme, other extreme, close.
    Ohlc,
}

/// What an order against the position does after closing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnOpposite {
    /// Nothing more.
    Close,
    /// Opens the other side.
    Reverse,
}

/// Leverage limit and stop-out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Margin {
    /// Largest notional over equity.
    pub max_leverage: f64,
    /// Share of the entry margin at which a borrowed position is liquidated.
    pub maintenance: f64,
}

/// Steps of price and quantity, and the value of one point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instrument {
    /// Price step.
    pub tick_size: Option<f64>,
    /// Quantity step.
    pub lot_size: f64,
    /// Quote currency per point and unit.
    pub contract_multiplier: f64,
}

/// What a signal must pass to become an order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decisions {
    /// Below it HOLD.
    pub confidence_threshold: f64,
    /// Whether signals in the direction of the position are held back.
    pub position_awareness: bool,
    /// Whether a SELL may open a short from flat.
    pub allow_short_from_flat: bool,
    /// Filters.
    pub filters: Filters,
}

/// Filters between a signal and an order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filters {
    /// Hours since the last fill.
    pub min_signal_separation: f64,
}

/// What metrics are annualised and discounted by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Periods a year; `None` lets the days of the run decide.
    pub periods_per_year: Option<f64>,
    /// Annual fraction.
    pub risk_free_rate: f64,
}
