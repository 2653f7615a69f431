//! Metrics, accumulated while the loop runs.
//!
//! No metric needs the equity curve, so a run without a stored curve has them too. Every accumulator is plain state
//! that a snapshot holds: a resumed run gives the same bits as an uninterrupted one. An undefined metric has a reason,
//! never a sentinel.
//!
//! * `catalog`: name, unit, kind, direction and definition of every metric
//! * `undefined`: the reasons why a metric has no value
//! * `accumulator`: all accumulators of a run
//! * `report`: the values of all metrics
//! * `calendar`: days and periods of a year
//! * `curve`: equity that follows from closes, with its extremes
//! * `drawdown`: the fall from a running peak
//! * `returns`: returns by period and what follows from them
//! * `sums`: running sums and moments
//! * `trades`: statistics of closed round trips
//! * `week`: the rule for Sundays, and the days of a run of unknown length

pub(crate) mod accumulator;
pub(crate) mod calendar;
pub(crate) mod catalog;
pub(crate) mod curve;
pub(crate) mod drawdown;
pub(crate) mod report;
pub(crate) mod returns;
pub(crate) mod sums;
pub(crate) mod trades;
pub(crate) mod undefined;
pub(crate) mod week;

#[cfg(test)]
mod tests;
