//! An order between the close that decided it and the fill.

use serde::{Deserialize, Serialize};

/// A placed order, with what was known when it was decided.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// +1 buy, -1 sell.
    pub side: i8,
    /// The signal's confidence; `None` for a close after the longest holding.
    pub confidence: Option<f32>,
    /// ATR on the row whose close decided it.
    pub atr: f64,
    /// Annual volatility on that row, where sizing asks for it.
    pub sigma: Option<f64>,
}
