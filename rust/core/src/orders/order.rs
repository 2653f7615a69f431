//! A placed order, and the reasons to reject one.

use serde::{Deserialize, Serialize};

use crate::market::columns::Columns;
use crate::rules::{Execution, OnOpposite};

/// A market order, with the values known when it was decided.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Signal that placed it: +1 buy, -1 sell; +2 and -2 likewise, but open nothing; +3 and -3, but reverse.
    // The name that snapshots of version 1 show.
    #[serde(rename = "side")]
    pub signal: i8,
    /// Confidence of the signal; `None` for a close after the longest holding.
    pub confidence: Option<f32>,
    /// ATR on the row whose close decided it; NaN without a column.
    pub atr: f64,
    /// Annual volatility on that row, if the sizing needs it and enough rows were known.
    pub sigma: Option<f64>,
}

impl Order {
    /// Returns the side: +1 buy, -1 sell.
    #[must_use]
    pub fn side(&self) -> i8 {
        self.signal.signum()
    }

    /// Returns true if the order opens nothing.
    #[must_use]
    pub fn only_closes(&self) -> bool {
        self.confidence.is_none() || matches!(self.signal, Columns::CLOSE_LONG | Columns::CLOSE_SHORT)
    }

    /// Returns true if the order, after it has closed a position, opens the other side.
    #[must_use]
    pub fn reverses(&self, rules: &Execution) -> bool {
        let asked = self.enters() || rules.on_opposite == OnOpposite::Reverse;
        let allowed = self.side() > 0 || rules.allow_short;
        asked && allowed && !self.only_closes()
    }

    /// Returns true if the order opens its side after it has closed the other, whatever the rules say.
    #[must_use]
    pub fn enters(&self) -> bool {
        matches!(self.signal, Columns::ENTER_LONG | Columns::ENTER_SHORT)
    }
}

/// The reason why an order was not executed, in the order in which reasons are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum RejectionReason {
    /// The position already has that direction.
    AlreadyInPosition,
    /// No bar is left to trade at.
    EndOfData,
    /// The distance of an exit is not finite and positive.
    StopDistance,
    /// The volatility that sizing needs is undefined or zero.
    Volatility,
    /// The quantity is less than one lot.
    BelowLot,
    /// The margin does not allow the quantity.
    Margin,
}

impl RejectionReason {
    /// Name of every reason, in the order of the discriminants.
    pub const NAMES: [&'static str; 6] =
        ["already_in_position", "end_of_data", "stop_distance", "volatility", "below_lot", "margin"];
}
