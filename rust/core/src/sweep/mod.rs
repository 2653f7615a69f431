//! Sweeps: many scenarios of rules over one set of bars and signals.
//!
//! A scenario's metrics have the bits that a run of its own would give. It keeps no ledger and no curve, and it does not
//! visit every bar: between two signals that may place an order only the mark moves, and the extremes of a span of closes
//! say what the mark can have done to the drawdown. Bars at which something happens are simulated by `engine::bar`, the
//! definition of a run's result.
//!
//! * `table`: the sweep itself: rules of scenarios in, a table of metrics out
//! * `market`: the part that all scenarios share: bars, extremes of closes, signals by row, ends of periods
//! * `candidates`: the signals that pass a threshold, and the way from one that matters to the next
//! * `scenario`: one scenario, from event to event
//! * `threads`: many scenarios on all cores, those of one threshold together

mod candidates;
mod market;
mod scenario;
pub(crate) mod table;
mod threads;
