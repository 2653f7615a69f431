//! The simulation core of ktrdr: signals to positions, fills, costs, profit and loss, metrics, snapshots.
//!
//! No Python, no I/O, no clock, no randomness. `f64` in a fixed order of operations: the same inputs give
//! the same bits, whole or in chunks.
#![forbid(unsafe_code)]

// The tests' worlds are shared with the integration tests, which see this crate by its name.
#[cfg(test)]
extern crate self as ktrdr_core;

pub mod account;
pub mod bar;
pub mod benchmark;
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod common;
mod consistency;
pub mod cost;
pub mod desk;
pub mod error;
pub mod exits;
pub mod fill;
pub mod filter;
mod guard;
pub mod hash;
mod lanes;
pub mod ledger;
pub mod membership;
pub mod metrics;
pub mod order;
pub mod position;
pub mod rows;
pub mod rules;
pub mod scores;
pub mod signal;
pub mod simulation;
pub mod sizing;
pub mod snapshot;
pub mod snapshot_v1;
mod stretch;
mod survey;
mod trading;
mod turn;

pub use error::Error;
pub use rules::Rules;
pub use signal::Columns;
pub use simulation::{RunSpec, Simulation, State};
pub use snapshot_v1::SnapshotV1;
