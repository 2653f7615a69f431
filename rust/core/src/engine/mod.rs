//! The loop: one bar in order, and the run around it.
//!
//! `bar` defines the result of a run. `fast` may process many bars at once, but only with the same bits:
//! `Simulation::stepping` switches it off, and a property test compares the two.
//!
//! * `plan`: the rules with what is derived from them once
//! * `state`: everything the loop carries from bar to bar
//! * `bar`: one bar, in order
//! * `leg`: a fill with its money, before anything is booked
//! * `trade`: orders become fills and round trips
//! * `exit`: an exit inside a bar becomes a fill
//! * `benchmark`: buy and hold under the same costs
//! * `blocks`: the blocks of a call, one after the other
//! * `simulation`: a run over columns, whole or in pieces
//! * `fast`: many bars at once

pub(crate) mod bar;
pub(crate) mod benchmark;
mod blocks;
mod exit;
pub(crate) mod fast;
pub(crate) mod leg;
pub(crate) mod plan;
pub(crate) mod simulation;
pub(crate) mod state;
pub(crate) mod trade;
