//! Columns of Python objects as the core's borrowed slices.

use ktrdr_core::Bars;
use numpy::{Element, PyReadonlyArray1};
use pyo3::prelude::*;

/// Bars of any Python object that has these columns.
#[derive(FromPyObject)]
pub struct BarColumns<'py> {
    timestamp: PyReadonlyArray1<'py, i64>,
    open: PyReadonlyArray1<'py, f64>,
    high: PyReadonlyArray1<'py, f64>,
    low: PyReadonlyArray1<'py, f64>,
    close: PyReadonlyArray1<'py, f64>,
    half_spread: Option<PyReadonlyArray1<'py, f64>>,
    atr: Option<PyReadonlyArray1<'py, f64>>,
    conversion_rate: Option<PyReadonlyArray1<'py, f64>>,
}

impl BarColumns<'_> {
    /// The columns as slices; they must lie in one piece.
    pub fn bars(&self) -> PyResult<Bars<'_>> {
        Ok(Bars {
            timestamp: self.timestamp.as_slice()?,
            open: self.open.as_slice()?,
            high: self.high.as_slice()?,
            low: self.low.as_slice()?,
            close: self.close.as_slice()?,
            half_spread: slice(self.half_spread.as_ref())?,
            atr: slice(self.atr.as_ref())?,
            conversion_rate: slice(self.conversion_rate.as_ref())?,
        })
    }
}

/// An optional column as a slice.
pub fn slice<'a, T: Element>(column: Option<&'a PyReadonlyArray1<'_, T>>) -> PyResult<Option<&'a [T]>> {
    Ok(column.map(PyReadonlyArray1::as_slice).transpose()?)
}
