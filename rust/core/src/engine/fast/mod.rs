//! Many bars at once, with the same bits as one bar after the other.
//!
//! * `ranges`: the first scan of a block, with the extremes of its prices
//! * `quiet`: rows at which no order is pending and none is placed
//! * `hold`: a position with levels or charges, eight rows at a time

pub(crate) mod hold;
pub(crate) mod quiet;
pub(crate) mod ranges;
