//! Signals: scores to signals, signals to decisions.

use ktrdr_core::{DecisionRules, Filter, Problem};
use numpy::{IntoPyArray, PyReadonlyArray2, PyReadonlyArrayDyn};
use pyo3::prelude::*;

use crate::convert::{Column, parse};
use crate::errors::argument;

/// A signal and a confidence for each row.
type Signals<'py> = (Column<'py, i8>, Column<'py, f32>);

/// Returns signals and confidences of class scores `[n, 3, f32]`, `[BUY, HOLD, SELL]`.
#[pyfunction]
pub fn classify<'py>(py: Python<'py>, scores: PyReadonlyArray2<'py, f32>) -> PyResult<Signals<'py>> {
    let rows = scores.as_slice()?;
    let classes = scores.as_array().ncols();
    if classes != 3 {
        return Err(argument(py, "scores", Problem::NotThreeClasses { found: classes }));
    }
    let (signals, confidences): (Vec<i8>, Vec<f32>) =
        py.detach(|| rows.as_chunks::<3>().0.iter().map(|row| ktrdr_core::classify(*row)).unzip());
    Ok((signals.into_pyarray(py), confidences.into_pyarray(py)))
}

/// Returns signals and confidences of predicted returns `[n, f32]` or `[n, 1, f32]` against `edge`.
#[pyfunction]
pub fn regress<'py>(py: Python<'py>, scores: PyReadonlyArrayDyn<'py, f32>, edge: f64) -> PyResult<Signals<'py>> {
    let values = scores.as_slice()?;
    let (signals, confidences): (Vec<i8>, Vec<f32>) =
        py.detach(|| values.iter().map(|&value| ktrdr_core::regress(value, edge)).unzip());
    Ok((signals.into_pyarray(py), confidences.into_pyarray(py)))
}

/// Returns side of the order (0 none) and name of the decision for one signal.
///
/// `decisions` are the decision rules as JSON; `position` is the direction of the open position.
#[pyfunction]
pub fn filter_decision(
    py: Python<'_>,
    decisions: &str,
    allow_short: bool,
    signal: i8,
    confidence: f32,
    stamp_ns: i64,
    last_fill_ns: Option<i64>,
    position: i8,
) -> PyResult<(i8, &'static str)> {
    let rules: DecisionRules = parse(py, "decisions", decisions)?;
    let verdict = Filter::new(&rules, allow_short).judge(signal, confidence, stamp_ns, last_fill_ns, position);
    Ok((if verdict.is_order() { signal } else { 0 }, verdict.decision().name()))
}
