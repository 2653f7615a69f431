//! The ledger of a run as its readers see it: rows by their number in the run, though the first may have been taken.

use crate::error::{Error, Problem};
use crate::ledger::column::ColumnRef;
use crate::ledger::schema::{LEDGER_SCHEMA, TABLES};
use crate::ledger::tables::Ledger;
use crate::ledger::taken::Taken;

/// A column of a table with its name.
pub type NamedColumn<'a> = (&'static str, ColumnRef<'a>);

/// The rows of a ledger that are at hand, after those that were taken.
#[derive(Debug, Clone, Copy)]
pub struct LedgerView<'a> {
    /// Facts about the rows that were taken.
    pub(crate) taken: &'a Taken,
    /// Tables that hold the rows at hand.
    pub(crate) ledger: &'a Ledger,
}

impl<'a> LedgerView<'a> {
    /// Returns the number of rows of each table so far, those that were taken among them.
    #[must_use]
    pub fn rows(self) -> [usize; TABLES] {
        self.taken.rows_with(self.ledger)
    }

    /// Returns the whole ledger.
    ///
    /// # Errors
    /// `Argument` if rows were taken.
    pub fn whole(self) -> Result<&'a Ledger, Error> {
        (0..TABLES).try_for_each(|table| self.place_of(table, 0).map(drop))?;
        Ok(self.ledger)
    }

    /// Returns the columns of a table by its name, from row `first` of the run on.
    ///
    /// # Errors
    /// `Argument` for a name that no table has, and for rows that were taken.
    pub fn columns(self, name: &str, first: usize) -> Result<Vec<NamedColumn<'a>>, Error> {
        let known = LEDGER_SCHEMA.iter().position(|table| table.name == name);
        let table = known.ok_or(Error::Argument { name: "name", problem: Problem::NoTable })?;
        let first = self.place_of(table, first)?;
        let columns = self.ledger.tables().into_iter().nth(table).unwrap_or_default();
        let named = LEDGER_SCHEMA[table].columns.iter().zip(columns);
        Ok(named.map(|(column, values)| (column.name, values.from(first))).collect())
    }

    /// Returns the place at hand of a row of the run's table.
    pub(crate) fn place_of(self, table: usize, row: usize) -> Result<usize, Error> {
        let name = LEDGER_SCHEMA[table].name;
        row.checked_sub(self.taken.rows[table]).ok_or(Error::Argument { name, problem: Problem::RowsTaken })
    }
}

#[cfg(test)]
mod tests {
    use super::LedgerView;
    use crate::ledger::column::ColumnRef;
    use crate::ledger::tables::Ledger;
    use crate::ledger::taken::Taken;

    #[test]
    fn rows_keep_their_numbers_when_earlier_ones_were_taken() {
        let ledger = Ledger { equity: vec![7.0, 8.0, 9.0], ..Ledger::default() };
        let taken = Taken { rows: [0, 0, 10, 0, 0], ..Taken::default() };
        let view = LedgerView { taken: &taken, ledger: &ledger };
        assert_eq!(view.rows(), [0, 0, 13, 0, 0]);
        let equity = |first| view.columns("equity", first).map(|columns| columns[0]);
        assert_eq!(equity(11), Ok(("equity", ColumnRef::Real(&[8.0, 9.0]))));
        assert_eq!(equity(14), Ok(("equity", ColumnRef::Real(&[]))));
        assert_eq!(equity(9).expect_err("taken").field(), Some("equity"));
        assert_eq!(view.columns("no such table", 0).expect_err("a table").field(), Some("name"));
        assert_eq!(view.columns("fills", 0).expect("none was taken").len(), 12);
        assert_eq!(view.whole().expect_err("taken").code(), "argument_invalid");
        assert_eq!(LedgerView { taken: &Taken::default(), ledger: &ledger }.whole(), Ok(&ledger));
    }
}
