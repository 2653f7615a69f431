//! Orders, the levels of a position, and the price of a fill.
//!
//! Costs move a price against the trader only. Where a bar leaves open which of two levels came first, the intrabar
//! rule decides, and the bar is counted as ambiguous.
//!
//! * `order`: a placed order, and the reasons to reject one
//! * `matching`: the levels of a position against the prices of a bar
//! * `price`: the price of a fill, with half spread, slippage and tick

pub(crate) mod matching;
pub(crate) mod order;
pub(crate) mod price;
