//! The ledger: append-only tables of what happened, and hashes over their values.
//!
//! A row never changes once it is written. Hashes cover values in a fixed order of columns, never the bytes of a
//! file format.
//!
//! * `schema`: the one list of tables, columns, types and nullability
//! * `column`: a column of any type, borrowed
//! * `tables`: the five tables of a run
//! * `equity`: columns of the equity table that follow from the others
//! * `taken`: what is known of rows that were taken
//! * `view`: rows of a run by their number, though the first may have been taken
//! * `held`: the size of the position at each bar
//! * `writer`: a journal of rows that is posted to the tables block by block
//! * `hash`: content hashes, hash chains of growing tables, the hash of a result

pub(crate) mod column;
pub(crate) mod equity;
pub(crate) mod hash;
pub(crate) mod held;
pub(crate) mod schema;
pub(crate) mod tables;
pub(crate) mod taken;
pub(crate) mod view;
pub(crate) mod writer;
