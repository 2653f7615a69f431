//! The way from the scores of a model to a decision.
//!
//! Every step depends on one bar and the open position only, so a decision never sees a later bar.
//!
//! * `scores`: class scores or a predicted return become a signal and a confidence
//! * `filter`: a signal becomes an order, or a named reason for none
//! * `bits`: the rows of a block at which the filter has something to say

pub(crate) mod bits;
pub(crate) mod filter;
pub(crate) mod scores;
