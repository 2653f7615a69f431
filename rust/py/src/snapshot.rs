//! Snapshots as bytes: check them once, look inside, restore a run from them.

use ktrdr_core::{Header, LEDGER_SCHEMA, Problem, SnapshotV2, open_snapshot};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::{argument, raise};

/// A snapshot whose checksums fit and whose state is possible.
#[pyclass(module = "ktrdr._core", frozen)]
pub struct Snapshot {
    pub header: Header,
    pub payload: SnapshotV2,
}

#[pymethods]
impl Snapshot {
    /// Reads and checks the bytes.
    #[new]
    fn new(py: Python<'_>, blob: &[u8]) -> PyResult<Self> {
        let (header, payload) = open_snapshot::<SnapshotV2>(blob).map_err(|error| raise(py, &error))?;
        Ok(Self { header, payload })
    }

    /// Returns the hash of all inputs of the run, 32 bytes.
    #[getter]
    fn identity<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.header.identity)
    }

    /// Returns the index of the next bar.
    #[getter]
    fn bar(&self) -> u64 {
        self.header.bar
    }

    /// Returns the hash by which a fork names this snapshot as its parent, 32 bytes.
    #[getter]
    fn lineage<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.header.lineage())
    }

    /// Returns the number of rows of each ledger, by name.
    #[getter]
    fn rows(&self) -> Vec<(&'static str, u64)> {
        LEDGER_SCHEMA.iter().zip(self.header.ledgers).map(|(table, mark)| (table.name, mark.rows)).collect()
    }

    /// Returns the state as JSON.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        let json = serde_json::to_string(&self.payload);
        json.map_err(|error| argument(py, "blob", Problem::Unreadable(error.to_string())))
    }
}
