//! The Python door of `ktrdr-core`: extract, release the GIL, call, convert.

mod arrays;
mod columns;
mod errors;
mod simulation;
mod tables;

/// The compiled core of ktrdr.
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use super::arrays::{audit_bars, check_bars, classify, content_hash, degrees, fill_memberships, regress, spacing};
    #[pymodule_export]
    use super::simulation::{Simulation, filter_decision, inspect, verify};

    use ktrdr_core::{Decision, Field, Reason, RefusalReason, Rule};
    use pyo3::prelude::*;
    use pyo3::types::PyTuple;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let py = module.py();
        module.add("AUDIT_FIELDS", PyTuple::new(py, Field::NAMES)?)?;
        module.add("AUDIT_RULES", PyTuple::new(py, Rule::CODES)?)?;
        module.add("REASONS", PyTuple::new(py, Reason::NAMES)?)?;
        module.add("REFUSALS", PyTuple::new(py, RefusalReason::NAMES)?)?;
        module.add("DECISIONS", PyTuple::new(py, Decision::NAMES)?)
    }
}
