//! An order between the close that decided it and its fill, and why one may be refused.

use serde::{Deserialize, Serialize};

/// A placed order, with what was known when it was decided.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// +1 buy, -1 sell.
    pub side: i8,
    /// The signal's confidence; `None` for a close after the longest holding.
    pub confidence: Option<f32>,
    /// ATR on the row whose close decided it, NaN without a column.
    pub atr: f64,
    /// Annual volatility on that row, where sizing asks for it and there are rows enough.
    pub sigma: Option<f64>,
}

/// Why an order was not executed, in the order in which it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum RefusalReason {
    /// The position already stands in that direction.
    AlreadyInPosition,
    /// There is no bar left to trade it at.
    EndOfData,
    /// An exit distance is not finite and positive.
    StopDistance,
    /// The volatility that sizing needs is undefined or zero.
    Volatility,
    /// Not one whole lot.
    BelowLot,
    /// More than the margin allows.
    Margin,
}

impl RefusalReason {
    /// Every reason's name, in the order of the discriminants.
    pub const NAMES: [&'static str; 6] =
        ["already_in_position", "end_of_data", "stop_distance", "volatility", "below_lot", "margin"];
}
