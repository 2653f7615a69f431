//! Bars: audit, check, spacing.

use ktrdr_core::Spacing;
use numpy::{IntoPyArray, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::convert::{BarColumns, Column, slice};
use crate::errors::raise;

/// Returns every broken rule of bars, in row order: row, index into AUDIT_FIELDS, index into AUDIT_RULES.
#[pyfunction]
#[pyo3(signature = (bars, volume=None))]
pub fn audit_bars<'py>(
    py: Python<'py>,
    bars: BarColumns<'py>,
    volume: Option<PyReadonlyArray1<'py, f64>>,
) -> PyResult<(Column<'py, i64>, Column<'py, u8>, Column<'py, u8>)> {
    let bars = bars.bars()?;
    let volume = slice(volume.as_ref())?;
    let found = py.detach(|| bars.violations(volume)).map_err(|error| raise(py, &error))?;
    let split = found.iter().map(|broken| (broken.row as i64, (broken.field as u8, broken.rule as u8)));
    let (rows, (fields, rules)): (Vec<_>, (Vec<_>, Vec<_>)) = split.unzip();
    Ok((rows.into_pyarray(py), fields.into_pyarray(py), rules.into_pyarray(py)))
}

/// Returns the smallest and the most frequent distance of rising stamps, and the count of the latter; None for fewer
/// than two stamps.
#[pyfunction]
pub fn spacing(py: Python<'_>, stamps: PyReadonlyArray1<'_, i64>, threads: usize) -> PyResult<Option<(i64, i64, u64)>> {
    let stamps = stamps.as_slice()?;
    Ok(py.detach(|| Spacing::of(stamps, threads)).map(|found| (found.smallest_ns, found.common_ns, found.count)))
}

/// Raises for the first row of `bars` that breaks a rule or does not lie after `previous_ns`.
#[pyfunction]
#[pyo3(signature = (bars, previous_ns=None))]
pub fn check_bars(py: Python<'_>, bars: BarColumns<'_>, previous_ns: Option<i64>) -> PyResult<()> {
    let bars = bars.bars()?;
    py.detach(|| bars.check(previous_ns)).map_err(|error| raise(py, &error))
}
