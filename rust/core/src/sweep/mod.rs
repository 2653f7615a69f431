//! Sweeps: many scenarios of rules over one set of bars and signals.
//!
//! A scenario's metrics have the bits that a run of its own would give. It keeps no ledger and no curve, and it does not
//! visit every bar: between two signals that may place an order only the mark moves, and the extremes of a span of closes
//! say what the mark can have done to the drawdown. Where nothing but signals places orders, all scenarios of a route fill at
//! the same rows: they go from round trip to round trip side by side. Other bars at which something happens are simulated
//! by `engine::bar`, the definition of a run's result.
//!
//! * `table`: the sweep itself: rules of scenarios in, a table of metrics out
//! * `market`: the part that all scenarios share: bars, extremes of closes, signals by row, ends of periods
//! * `candidates`: the signals that pass a threshold, and the way from one that matters to the next
//! * `benchmarks`: buy and hold, found once for all that execute alike
//! * `scenario`: one scenario, from event to event
//! * `trips`: the round trips of a route: rows, quotes, extremes of prices
//! * `trip_curve`: the equity of a round trip
//! * `walk`: one scenario of a route, from round trip to round trip
//! * `falls`: the largest falls of equity of eight scenarios
//! * `group`: eight scenarios of a route in vector lanes
//! * `threads`: many scenarios on all cores, those of one route together

mod benchmarks;
mod candidates;
mod falls;
mod group;
mod market;
mod scenario;
pub(crate) mod table;
mod threads;
mod trip_curve;
mod trips;
mod walk;
