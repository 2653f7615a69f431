//! Snapshots: the state of a run as bytes, and back.
//!
//! A snapshot opens only if every checksum fits and the state is possible. It is its own canonical encoding. The
//! container holds one payload schema; a later schema gets a file of its own, and `v1` stays readable.
//!
//! * `container`: header and checksums around a payload
//! * `v1`: the payload of schema version 1, frozen
//! * `check`: states that no run can reach
//! * `saved`: a run with the hashes that its snapshot names

pub(crate) mod check;
pub(crate) mod container;
pub(crate) mod saved;
pub(crate) mod v1;
