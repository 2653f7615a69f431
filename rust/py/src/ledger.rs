//! Ledger tables become dicts of numpy columns, and back.
//!
//! A nullable column `x` comes with `x_valid` beside it, by itself if every row has a value, and not at all if none has.
//! An export begins at a row, so that a save copies what is new. Columns of a run that has ended are lent, not copied.
//! Names and order derive from `LEDGER_SCHEMA`.

use ktrdr_core::{ColumnMut, ColumnRef, LEDGER_SCHEMA, Ledger};
use numpy::{Element, IntoPyArray, PyArray1, PyArrayMethods, PyReadonlyArray1, ndarray::ArrayView1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The columns of a table, by name.
type Table<'py> = Bound<'py, PyDict>;

/// The owner of columns that are lent.
type Lender<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

/// Returns columns by their names.
///
/// With a `lender`, the object that owns the ledger of a run that has ended, they are lent and cannot be written.
pub fn write<'py>(py: Python<'py>, columns: Vec<(&str, ColumnRef)>, lender: Lender<'_, 'py>) -> PyResult<Table<'py>> {
    let table = PyDict::new(py);
    for (name, values) in columns {
        match values {
            ColumnRef::Int(values) => put_plain(&table, name, values, lender),
            ColumnRef::Sign(values) => put_plain(&table, name, values, lender),
            ColumnRef::Code(values) => put_plain(&table, name, values, lender),
            ColumnRef::Real(values) => put_plain(&table, name, values, lender),
            ColumnRef::Single(values) => put_plain(&table, name, values, lender),
            ColumnRef::OptionalReal(values) => put_nullable(&table, name, values),
            ColumnRef::OptionalSingle(values) => put_nullable(&table, name, values),
            // The run knows its symbol; a column that repeats it would be most of the bytes.
            ColumnRef::Symbol(_) => Ok(()),
        }?;
    }
    Ok(table)
}

fn put_plain<T: Element + Copy>(table: &Table, name: &str, rows: &[T], lender: Lender) -> PyResult<()> {
    let Some(lender) = lender else { return put_own(table, name, rows.to_vec()) };
    // SAFETY: the lender owns the column, lives as long as the array refers to it, and neither writes nor moves the rows
    // of a run that has ended.
    let lent = unsafe { PyArray1::borrow_from_array(&ArrayView1::from(rows), lender.clone()) };
    lent.readwrite().make_nonwriteable();
    table.set_item(name, lent)
}

fn put_nullable<T: Element + Copy + Default>(table: &Table<'_>, name: &str, rows: &[Option<T>]) -> PyResult<()> {
    let valid = rows.iter().flatten().count();
    if valid > 0 && valid < rows.len() {
        put_own(table, &format!("{name}_valid"), rows.iter().map(Option::is_some).collect())?;
    }
    // Most runs set no level at all.
    if valid > 0 { put_own(table, name, rows.iter().map(|value| value.unwrap_or_default()).collect()) } else { Ok(()) }
}

fn put_own<T: Element>(table: &Table<'_>, name: &str, rows: Vec<T>) -> PyResult<()> {
    table.set_item(name, rows.into_pyarray(table.py()))
}

/// Reads a ledger from its tables, each by its name.
pub fn read(tables: &Bound<'_, PyDict>) -> PyResult<Ledger> {
    let mut ledger = Ledger::default();
    for (schema, columns) in LEDGER_SCHEMA.iter().zip(ledger.tables_mut()) {
        let table: Table<'_> = tables.as_any().get_item(schema.name)?.cast_into()?;
        let mut rows = 0;
        for (column, values) in schema.columns.iter().zip(columns) {
            rows = take(&table, column.name, values, rows)?;
        }
    }
    Ok(ledger)
}

/// Fills a column; returns its number of rows, which a column of symbols takes from the column before it.
fn take(table: &Table<'_>, name: &str, column: ColumnMut<'_>, rows: usize) -> PyResult<usize> {
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

fn take_plain<T: Element + Copy>(table: &Table<'_>, name: &str, values: &mut Vec<T>) -> PyResult<usize> {
    *values = column(table, name)?;
    Ok(values.len())
}

fn take_nullable<T: Element + Copy>(table: &Table<'_>, name: &str, values: &mut Vec<Option<T>>) -> PyResult<usize> {
    let valid: Vec<bool> = column(table, &format!("{name}_valid"))?;
    let plain: Vec<T> = column(table, name)?;
    *values = plain.into_iter().zip(valid).map(|(value, valid)| valid.then_some(value)).collect();
    Ok(values.len())
}

fn column<T: Element + Copy>(table: &Table<'_>, name: &str) -> PyResult<Vec<T>> {
    let array: PyReadonlyArray1<'_, T> = table.as_any().get_item(name)?.extract()?;
    Ok(array.to_vec()?)
}
