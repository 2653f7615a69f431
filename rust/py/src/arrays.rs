//! Functions over plain arrays: audit, hash, degrees of membership, scores to signals.

use ktrdr_core::{Bars, Content, DegreeColumn, Membership, Spacing, fill_memberships as fill};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArrayDyn, PyReadwriteArray2};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::columns::BarColumns;
use crate::errors::{argument, raise};

type Column<'py, T> = Bound<'py, PyArray1<T>>;
type Fill<'py> = (usize, String, Vec<f64>, PyReadonlyArray1<'py, f64>);

/// Every broken rule of bars, in row order: row, index into `AUDIT_FIELDS`, index into `AUDIT_RULES`.
#[pyfunction]
#[pyo3(signature = (timestamp, open, high, low, close, volume=None))]
pub fn audit_bars<'py>(
    py: Python<'py>,
    timestamp: PyReadonlyArray1<'py, i64>,
    open: PyReadonlyArray1<'py, f64>,
    high: PyReadonlyArray1<'py, f64>,
    low: PyReadonlyArray1<'py, f64>,
    close: PyReadonlyArray1<'py, f64>,
    volume: Option<PyReadonlyArray1<'py, f64>>,
) -> PyResult<(Column<'py, i64>, Column<'py, u8>, Column<'py, u8>)> {
    let bars = Bars {
        timestamp: timestamp.as_slice()?,
        open: open.as_slice()?,
        high: high.as_slice()?,
        low: low.as_slice()?,
        close: close.as_slice()?,
        half_spread: None,
        atr: None,
        conversion_rate: None,
    };
    let volume = volume.as_ref().map(PyReadonlyArray1::as_slice).transpose()?;
    let found = py.detach(|| bars.violations(volume)).map_err(|error| raise(py, &error))?;
    let split = found.iter().map(|broken| (broken.row as i64, (broken.field as u8, broken.rule as u8)));
    let (rows, (fields, rules)): (Vec<_>, (Vec<_>, Vec<_>)) = split.unzip();
    Ok((rows.into_pyarray(py), fields.into_pyarray(py), rules.into_pyarray(py)))
}

/// Smallest and most frequent distance of rising stamps, and how often that occurs; None for fewer than two.
#[pyfunction]
pub fn spacing(py: Python<'_>, stamps: PyReadonlyArray1<'_, i64>) -> PyResult<Option<(i64, i64, u64)>> {
    let stamps = stamps.as_slice()?;
    let found = py.detach(|| Spacing::of(stamps));
    Ok(found.map(|spacing| (spacing.smallest_ns, spacing.common_ns, spacing.count)))
}

/// Raises for the first row of `bars` that breaks a rule or does not lie after `previous_ns`.
#[pyfunction]
#[pyo3(signature = (bars, previous_ns=None))]
pub fn check_bars(py: Python<'_>, bars: BarColumns<'_>, previous_ns: Option<i64>) -> PyResult<()> {
    let bars = bars.bars()?;
    py.detach(|| bars.check(previous_ns)).map_err(|error| raise(py, &error))
}

/// BLAKE3 over parts, each preceded by its length: bytes, or arrays as their bytes in memory.
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

/// Degrees of membership of `values` `[n, f64]`; NaN stays NaN.
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
pub fn fill_memberships<'py>(
    py: Python<'py>,
    mut matrix: PyReadwriteArray2<'py, f32>,
    fills: Vec<Fill<'py>>,
) -> PyResult<()> {
    let width = matrix.as_array().ncols();
    let rows = matrix.as_array().nrows();
    let mut columns = Vec::with_capacity(fills.len());
    for (column, kind, parameters, values) in &fills {
        let values = values.as_slice()?;
        if *column >= width || values.len() != rows {
            return Err(argument(py, "fills", "a column outside the matrix or of another length"));
        }
        columns.push(DegreeColumn { index: *column, membership: membership(py, kind, parameters)?, values });
    }
    let cells = matrix.as_slice_mut()?;
    py.detach(|| fill(cells, width, &columns));
    Ok(())
}

fn membership(py: Python<'_>, kind: &str, parameters: &[f64]) -> PyResult<Membership> {
    Membership::from_name(kind, parameters)
        .ok_or_else(|| argument(py, "kind", format!("no membership {kind} of {} parameters", parameters.len())))
}

/// Signals and confidences of class scores `[n, 3, f32]`, `[BUY, HOLD, SELL]`.
#[pyfunction]
pub fn classify<'py>(
    py: Python<'py>,
    scores: PyReadonlyArray2<'py, f32>,
) -> PyResult<(Column<'py, i8>, Column<'py, f32>)> {
    let rows = scores.as_slice()?;
    if scores.as_array().ncols() != 3 {
        return Err(argument(py, "scores", "three classes are needed"));
    }
    let (signals, confidences): (Vec<i8>, Vec<f32>) =
        py.detach(|| rows.as_chunks::<3>().0.iter().map(|row| ktrdr_core::classify(*row)).unzip());
    Ok((signals.into_pyarray(py), confidences.into_pyarray(py)))
}

/// Signals and confidences of predicted returns `[n, f32]` or `[n, 1, f32]` against `edge`.
#[pyfunction]
pub fn regress<'py>(
    py: Python<'py>,
    scores: PyReadonlyArrayDyn<'py, f32>,
    edge: f64,
) -> PyResult<(Column<'py, i8>, Column<'py, f32>)> {
    let values = scores.as_slice()?;
    let (signals, confidences): (Vec<i8>, Vec<f32>) =
        py.detach(|| values.iter().map(|&value| ktrdr_core::regress(value, edge)).unzip());
    Ok((signals.into_pyarray(py), confidences.into_pyarray(py)))
}
