//! Errors of the core become the classes of `ktrdr.errors`.

use ktrdr_core::{Error, Problem};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Returns the Python error of the same code, with the same fields.
pub fn raise(py: Python<'_>, error: &Error) -> PyErr {
    build(py, error).map_or_else(|failed| failed, PyErr::from_value)
}

fn build<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("row", error.row())?;
    fields.set_item("field", error.field())?;
    fields.set_item("part", error.field())?;
    fields.set_item("found", error.found())?;
    fields.set_item("expected", error.expected())?;
    if let (true, Some(name)) = (error.code() == "argument_invalid", error.field()) {
        let place = error.row().map_or_else(|| name.to_owned(), |row| format!("{name}: row {row}"));
        fields.set_item("where", place)?;
    }
    let module = py.import("ktrdr.errors")?;
    module.getattr("from_code")?.call((error.code(), error.to_string()), Some(&fields))
}

/// Returns the Python error of an argument that the core cannot use.
pub fn argument(py: Python<'_>, name: &'static str, problem: Problem) -> PyErr {
    raise(py, &Error::Argument { name, problem })
}
