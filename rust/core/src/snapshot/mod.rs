//! Snapshots: the state of a run as bytes, and back.
//!
//! A snapshot opens only if every checksum fits and the state is possible. It is its own canonical encoding. The
//! container holds one payload schema; each schema has a file of its own. The last one is written, all are read.
//!
//! * `container`: header and checksums around a payload
//! * `v1`: the payload of schema version 1, frozen
//! * `v2`: the payload of schema version 2, which is written
//! * `check`: states that no run can reach
//! * `open_pages`: taken rows of a ledger that its hashes still need
//! * `saved`: a run with the hashes that its snapshot names

pub(crate) mod check;
pub(crate) mod container;
pub(crate) mod open_pages;
pub(crate) mod saved;
pub(crate) mod v1;
pub(crate) mod v2;
