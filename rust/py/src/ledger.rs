//! Ledger tables become dicts of numpy columns, and back.
//!
//! A nullable column `x` comes with `x_valid` beside it. An export begins at a row, so that a save copies what is new.
//! Names and order derive from `LEDGER_SCHEMA`.

use ktrdr_core::{ColumnMut, ColumnRef, LEDGER_SCHEMA, Ledger};
use numpy::{Element, PyArrayMethods, PyReadonlyArray1, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Returns the columns of a table by its name, from row `first` on; None for another name.
pub fn write<'py>(py: Python<'py>, ledger: &Ledger, name: &str, first: usize) -> PyResult<Option<Bound<'py, PyDict>>> {
    let schema = LEDGER_SCHEMA.iter().find(|table| table.name == name);
    let Some((schema, columns)) = schema.zip(ledger.columns(name)) else { return Ok(None) };
    let table = PyDict::new(py);
    for (column, values) in schema.columns.iter().zip(columns) {
        put(&table, column.name, values, first)?;
    }
    Ok(Some(table))
}

fn put(table: &Bound<'_, PyDict>, name: &str, column: ColumnRef<'_>, first: usize) -> PyResult<()> {
    match column {
        ColumnRef::Int(values) => put_plain(table, name, values, first),
        ColumnRef::Sign(values) => put_plain(table, name, values, first),
        ColumnRef::Code(values) => put_plain(table, name, values, first),
        ColumnRef::Real(values) => put_plain(table, name, values, first),
        ColumnRef::Single(values) => put_plain(table, name, values, first),
        ColumnRef::OptionalReal(values) => put_nullable(table, name, values, first),
        ColumnRef::OptionalSingle(values) => put_nullable(table, name, values, first),
        // The run knows its symbol; a column that repeats it would be most of the bytes.
        ColumnRef::Symbol(_) => Ok(()),
    }
}

fn put_plain<T: Element>(table: &Bound<'_, PyDict>, name: &str, values: &[T], first: usize) -> PyResult<()> {
    table.set_item(name, from(values, first).to_pyarray(table.py()))
}

fn put_nullable<T: Element + Copy + Default>(
    table: &Bound<'_, PyDict>,
    name: &str,
    values: &[Option<T>],
    first: usize,
) -> PyResult<()> {
    let rows = from(values, first);
    let plain: Vec<T> = rows.iter().map(|value| value.unwrap_or_default()).collect();
    let valid: Vec<bool> = rows.iter().map(Option::is_some).collect();
    table.set_item(name, plain.to_pyarray(table.py()))?;
    table.set_item(format!("{name}_valid"), valid.to_pyarray(table.py()))
}

fn from<T>(column: &[T], first: usize) -> &[T] {
    column.get(first..).unwrap_or_default()
}

/// Reads a ledger from its tables, each by its name.
pub fn read(tables: &Bound<'_, PyDict>) -> PyResult<Ledger> {
    let mut ledger = Ledger::default();
    for (schema, columns) in LEDGER_SCHEMA.iter().zip(ledger.tables_mut()) {
        let table: Bound<'_, PyDict> = tables.as_any().get_item(schema.name)?.cast_into()?;
        let mut rows = 0;
        for (column, values) in schema.columns.iter().zip(columns) {
            rows = take(&table, column.name, values, rows)?;
        }
    }
    Ok(ledger)
}

/// Fills a column; returns its number of rows, which a column of symbols takes from the column before it.
fn take(table: &Bound<'_, PyDict>, name: &str, column: ColumnMut<'_>, rows: usize) -> PyResult<usize> {
    match column {
        ColumnMut::Int(values) => take_plain(table, name, values),
        ColumnMut::Sign(values) => take_plain(table, name, values),
        ColumnMut::Code(values) => take_plain(table, name, values),
        ColumnMut::Real(values) => take_plain(table, name, values),
        ColumnMut::Single(values) => take_plain(table, name, values),
        ColumnMut::OptionalReal(values) => take_nullable(table, name, values),
        ColumnMut::OptionalSingle(values) => take_nullable(table, name, values),
        ColumnMut::Symbol(values) => {
            values.resize(rows, Default::default());
            Ok(rows)
        }
    }
}

fn take_plain<T: Element + Copy>(table: &Bound<'_, PyDict>, name: &str, values: &mut Vec<T>) -> PyResult<usize> {
    *values = column(table, name)?;
    Ok(values.len())
}

fn take_nullable<T: Element + Copy>(
    table: &Bound<'_, PyDict>,
    name: &str,
    values: &mut Vec<Option<T>>,
) -> PyResult<usize> {
    let valid: Vec<bool> = column(table, &format!("{name}_valid"))?;
    let plain: Vec<T> = column(table, name)?;
    *values = plain.into_iter().zip(valid).map(|(value, valid)| valid.then_some(value)).collect();
    Ok(values.len())
}

fn column<T: Element + Copy>(table: &Bound<'_, PyDict>, name: &str) -> PyResult<Vec<T>> {
    let array: PyReadonlyArray1<'_, T> = table.as_any().get_item(name)?.extract()?;
    Ok(array.to_vec()?)
}
