//! Content hashes of bytes and arrays.

use ktrdr_core::{Content, Parts};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Returns BLAKE3 over parts, each preceded by its length: bytes, or arrays as their bytes in memory.
#[pyfunction]
pub fn content_hash<'py>(py: Python<'py>, parts: Vec<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyBytes>> {
    let mut content = Content::default();
    for part in parts {
        if let Ok(bytes) = part.cast::<PyBytes>() {
            content.add(bytes.as_bytes());
            continue;
        }
        let flat = part.call_method1("reshape", (-1,))?.call_method1("view", ("uint8",))?;
        let array: PyReadonlyArray1<'py, u8> = flat.extract()?;
        let bytes = array.as_slice()?;
        py.detach(|| content.add(bytes));
    }
    Ok(PyBytes::new(py, &content.finish()))
}

/// Returns the identity of a run: one hash over its named hashes, in their order.
#[pyfunction]
pub fn identity(py: Python<'_>, parts: Parts) -> Bound<'_, PyBytes> {
    PyBytes::new(py, &ktrdr_core::identity(&parts))
}
