//! Metrics, accumulated while the loop runs.
//!
//! No metric needs the equity curve, so a run without a stored curve has them too. Every accumulator is plain state
//! that a snapshot holds: a resumed run gives the same bits as an uninterrupted one. A metric that is undefined has a
//! reason, never a sentinel.
//!
//! * `accumulator`: all accumulators of a run, and their report
//! * `calendar`: days and periods of a year
//! * `drawdown`: the fall from a running peak
//! * `returns`: returns by period and what follows from them
//! * `sums`: running sums and moments
//! * `trades`: statistics of closed round trips

pub(crate) mod accumulator;
pub(crate) mod calendar;
pub(crate) mod drawdown;
pub(crate) mod returns;
pub(crate) mod sums;
pub(crate) mod trades;

#[cfg(test)]
mod tests;
