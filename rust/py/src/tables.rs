//! Ledger tables as dicts of columns, and back. A nullable column `x` comes with `x_valid` beside it.
//! What is written begins at a row, so that a save copies what is new and nothing else.

use ktrdr_core::{Decisions, Fills, Ledger, Refused, Trades};
use numpy::{Element, PyArrayMethods, PyReadonlyArray1, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::PyDict;

macro_rules! table {
    ($write:ident, $read:ident, $kind:ident: $($plain:ident)* ; $($nullable:ident)*) => {
        fn $write<'py>(py: Python<'py>, table: &$kind, first: usize) -> PyResult<Bound<'py, PyDict>> {
            let columns = PyDict::new(py);
            $(columns.set_item(stringify!($plain), from(&table.$plain, first).to_pyarray(py))?;)*
            $(put_nullable(&columns, stringify!($nullable), from(&table.$nullable, first))?;)*
            Ok(columns)
        }

        fn $read(columns: &Bound<'_, PyDict>) -> PyResult<$kind> {
            Ok($kind {
                $($plain: column(columns, stringify!($plain))?,)*
                $($nullable: nullable(columns, stringify!($nullable))?,)*
            })
        }
    };
}

table!(write_fills, read_fills, Fills:
    bar time trade_id side quantity price reference_price commission slippage spread reason;);
table!(write_trades, read_trades, Trades:
    trade_id direction entry_bar entry_time entry_price exit_bar exit_time exit_price quantity gross_pnl commission
    financing net_pnl slippage spread return_rate bars_held hours_held mfe mae mfe_rate mae_rate entry_confidence
    exit_reason; exit_confidence stop_price target_price);
table!(write_refused, read_refused, Refused: bar time side reason; quantity);
table!(write_decisions, read_decisions, Decisions: signal confidence code;);

/// The columns of one table by its name, from row `first` on; the curve is one column, `equity`.
pub fn write<'py>(py: Python<'py>, ledger: &Ledger, name: &str, first: usize) -> PyResult<Option<Bound<'py, PyDict>>> {
    Ok(Some(match name {
        "fills" => write_fills(py, &ledger.fills, first)?,
        "trades" => write_trades(py, &ledger.trades, first)?,
        "refused" => write_refused(py, &ledger.refused, first)?,
        "decisions" => write_decisions(py, &ledger.decisions, first)?,
        "equity" => {
            let columns = PyDict::new(py);
            columns.set_item("equity", from(&ledger.equity, first).to_pyarray(py))?;
            columns
        }
        _ => return Ok(None),
    }))
}

fn from<T>(column: &[T], first: usize) -> &[T] {
    column.get(first..).unwrap_or_default()
}

/// A ledger from its tables, each by its name.
pub fn read(tables: &Bound<'_, PyDict>) -> PyResult<Ledger> {
    let table = |name: &str| -> PyResult<Bound<'_, PyDict>> { Ok(tables.as_any().get_item(name)?.cast_into()?) };
    Ok(Ledger {
        fills: read_fills(&table("fills")?)?,
        trades: read_trades(&table("trades")?)?,
        equity: column(&table("equity")?, "equity")?,
        refused: read_refused(&table("refused")?)?,
        decisions: read_decisions(&table("decisions")?)?,
    })
}

fn column<T: Element + Copy>(columns: &Bound<'_, PyDict>, name: &str) -> PyResult<Vec<T>> {
    let array: PyReadonlyArray1<'_, T> = columns.as_any().get_item(name)?.extract()?;
    Ok(array.to_vec()?)
}

fn nullable<T: Element + Copy>(columns: &Bound<'_, PyDict>, name: &str) -> PyResult<Vec<Option<T>>> {
    let valid: Vec<bool> = column(columns, &format!("{name}_valid"))?;
    let values: Vec<T> = column(columns, name)?;
    Ok(values.into_iter().zip(valid).map(|(value, valid)| valid.then_some(value)).collect())
}

fn put_nullable<T: Element + Copy + Default>(
    columns: &Bound<'_, PyDict>,
    name: &str,
    values: &[Option<T>],
) -> PyResult<()> {
    let py = columns.py();
    let plain: Vec<T> = values.iter().map(|value| value.unwrap_or_default()).collect();
    let valid: Vec<bool> = values.iter().map(Option::is_some).collect();
    columns.set_item(name, plain.to_pyarray(py))?;
    columns.set_item(format!("{name}_valid"), valid.to_pyarray(py))
}
