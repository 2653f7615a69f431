//! Features: degrees of membership in fuzzy sets.

use ktrdr_core::{DegreeColumn, Membership};
use numpy::{IntoPyArray, PyReadonlyArray1, PyReadwriteArray2};
use pyo3::prelude::*;

use crate::convert::Column;
use crate::errors::raise;

type Fill<'py> = (usize, String, Vec<f64>, PyReadonlyArray1<'py, f64>);

/// A matrix to be filled, `[n_rows, n_inputs]`.
type Matrix<'py> = PyReadwriteArray2<'py, f32>;

/// Returns degrees of membership of `values` `[n, f64]`; NaN stays NaN.
#[pyfunction]
pub fn degrees<'py>(
    py: Python<'py>,
    kind: &str,
    parameters: Vec<f64>,
    values: PyReadonlyArray1<'py, f64>,
) -> PyResult<Column<'py, f64>> {
    let function = membership(py, kind, &parameters)?;
    let values = values.as_slice()?;
    let found = py.detach(|| {
        let mut found = vec![0.0; values.len()];
        function.each(values, |index, degree| found[index] = degree);
        found
    });
    Ok(found.into_pyarray(py))
}

/// Writes degrees into columns of `matrix` `[n, n_features, f32]`, in place.
#[pyfunction]
pub fn fill_memberships(py: Python<'_>, mut matrix: Matrix<'_>, fills: Vec<Fill<'_>>) -> PyResult<()> {
    let width = matrix.as_array().ncols();
    let mut columns = Vec::with_capacity(fills.len());
    for (index, kind, parameters, values) in &fills {
        let membership = membership(py, kind, parameters)?;
        columns.push(DegreeColumn { index: *index, membership, values: values.as_slice()? });
    }
    let cells = matrix.as_slice_mut()?;
    py.detach(|| ktrdr_core::fill_memberships(cells, width, &columns)).map_err(|error| raise(py, &error))
}

fn membership(py: Python<'_>, kind: &str, parameters: &[f64]) -> PyResult<Membership> {
    Membership::from_name(kind, parameters).map_err(|error| raise(py, &error))
}
