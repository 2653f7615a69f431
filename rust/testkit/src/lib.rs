//! Worlds small enough to write down, and random ones from a seed, for the tests of `ktrdr-core`.
//!
//! A crate apart, since unit tests, integration tests and benches of the core need the same worlds. A unit test of the
//! core meets the core twice: the types of this crate are not its own. It takes columns and JSON from here and builds
//! its own types of them.
//!
//! * `world`: bars in columns that own their values, runs over them, rules as changes to "nothing costs anything"
//! * `draw`: random worlds and random rules

pub mod draw;
mod world;

pub use world::{DAY_NS, HOUR_NS, Run, World, close_to, joined, merge, outcome, rules, rules_json};
