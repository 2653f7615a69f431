//! Python objects become the core's borrowed slices, and JSON becomes rules.

use ktrdr_core::{Bars, Problem};
use numpy::{Element, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use serde::de::DeserializeOwned;

use crate::errors::argument;

/// A column that Python receives.
pub type Column<'py, T> = Bound<'py, PyArray1<T>>;

/// The bars of any Python object that has these columns.
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
    /// Borrows the columns as slices. Each must lie in one piece.
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

/// Borrows an optional column as a slice.
pub fn slice<'a, T: Element>(column: Option<&'a PyReadonlyArray1<'_, T>>) -> PyResult<Option<&'a [T]>> {
    Ok(column.map(PyReadonlyArray1::as_slice).transpose()?)
}

/// Parses the JSON of an argument.
pub fn parse<T: DeserializeOwned>(py: Python<'_>, name: &'static str, json: &str) -> PyResult<T> {
    serde_json::from_str(json).map_err(|error| argument(py, name, Problem::Unreadable(error.to_string())))
}
