//! The input of a run: bars, signals beside them, and one row of both.
//!
//! Bars are borrowed columns of one length. Their owner calls `Bars::check` once, on entry; nothing below checks
//! prices again. A row may know the row before it, never the row after it.
//!
//! * `audit`: the rules a bar must keep, with their codes and sentences
//! * `bars`: columns of bars
//! * `columns`: bars with the signal and the confidence known at each close
//! * `digest`: whether two runs have seen the same closes
//! * `rows`: one row, the row before it, and eight rows side by side
//! * `sound`: the rules of many bars at once
//! * `spacing`: the distance between stamps

pub(crate) mod audit;
pub(crate) mod bars;
pub(crate) mod columns;
pub(crate) mod digest;
pub(crate) mod rows;
pub(crate) mod sound;
pub(crate) mod spacing;
