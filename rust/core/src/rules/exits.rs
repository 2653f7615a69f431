//! Exits: levels and clocks that close a position without a signal.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::rules::range::{POSITIVE, out_of_range};

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
    /// Price that a trailing stop follows.
    pub trail_on: TrailOn,
    /// Number of bars after which a position is closed.
    pub max_holding_bars: Option<usize>,
    /// Period of the ATR that levels are measured in. The pipeline computes it; the core reads the column.
    pub atr_period: usize,
}

impl Exits {
    /// Returns true if an entry sets a level.
    #[must_use]
    #[inline]
    pub fn sets_levels(&self) -> bool {
        self.stop_loss.is_some() || self.take_profit.is_some() || self.trailing_stop.is_some()
    }

    /// Returns true if a level is measured in ATR.
    #[must_use]
    pub fn needs_atr(&self) -> bool {
        let levels = [self.stop_loss, self.take_profit, self.trailing_stop];
        levels.iter().any(|level| matches!(level, Some(Level::Atr(_))))
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        for (key, level) in [
            ("execution.exits.stop_loss", self.stop_loss),
            ("execution.exits.take_profit", self.take_profit),
            ("execution.exits.trailing_stop", self.trailing_stop),
        ] {
            POSITIVE.check_some(key, level.map(Level::factor))?;
        }
        if self.max_holding_bars == Some(0) {
            return Err(out_of_range("execution.exits.max_holding_bars", 0.0, "at least 1"));
        }
        Ok(())
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

impl Level {
    fn factor(self) -> f64 {
        match self {
            Self::Rate(factor) | Self::Atr(factor) => factor,
        }
    }
}

/// The price that a trailing stop follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrailOn {
    /// The close of a bar.
    Close,
    /// The best price of a bar.
    Extreme,
}

/// The level that an ambiguous bar reaches first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intrabar {
    /// The adverse level comes first.
    Pessimistic,
    /// The target comes first.
    Optimistic,
    /// The level that comes first on the path open, nearer extreme, other extreme, close.
    Ohlc,
}
