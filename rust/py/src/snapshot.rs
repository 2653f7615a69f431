//! Snapshots as bytes: check, look inside.

use ktrdr_core::{Header, LEDGER_SCHEMA, Problem, SnapshotV1, open_snapshot};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::{argument, raise};

type Verified<'py> = (Bound<'py, PyBytes>, u64, Vec<(&'static str, u64)>, Bound<'py, PyBytes>);

/// Checks a snapshot; returns identity, next bar, rows of each ledger, and the hash that a fork names as its parent.
#[pyfunction]
pub fn verify<'py>(py: Python<'py>, blob: &[u8]) -> PyResult<Verified<'py>> {
    let (header, _) = open(py, blob)?;
    let rows = LEDGER_SCHEMA.iter().zip(header.ledgers).map(|(table, mark)| (table.name, mark.rows)).collect();
    Ok((PyBytes::new(py, &header.identity), header.bar, rows, PyBytes::new(py, &header.lineage())))
}

/// Returns the state that a snapshot holds, as JSON.
#[pyfunction]
pub fn inspect(py: Python<'_>, blob: &[u8]) -> PyResult<String> {
    let (_, state) = open(py, blob)?;
    serde_json::to_string(&state).map_err(|error| argument(py, "blob", Problem::Unreadable(error.to_string())))
}

fn open(py: Python<'_>, blob: &[u8]) -> PyResult<(Header, SnapshotV1)> {
    open_snapshot::<SnapshotV1>(blob).map_err(|error| raise(py, &error))
}
