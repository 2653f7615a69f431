//! The Python door of `ktrdr-core`: extract, release the GIL, call, convert.

mod arrays;
mod errors;

/// The compiled core of ktrdr.
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use super::arrays::{audit_bars, classify, content_hash, degrees, fill_memberships, regress};

    use ktrdr_core::bar::{Field, Rule};
    use pyo3::prelude::*;
    use pyo3::types::PyTuple;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let py = module.py();
        module.add("AUDIT_FIELDS", PyTuple::new(py, Field::NAMES)?)?;
        module.add("AUDIT_RULES", PyTuple::new(py, Rule::CODES)?)
    }
}
