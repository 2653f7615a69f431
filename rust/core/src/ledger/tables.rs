//! The five tables of a run.

use serde::{Deserialize, Serialize};

use crate::ledger::column::{ColumnMut, ColumnRef, Symbol, Value};
use crate::ledger::schema::{Decisions, Fill, Fills, LEDGER_SCHEMA, Rejections, TABLES, Trade, Trades};
use crate::money::position::Position;
use crate::number::Number;
use crate::time;

/// Everything a run has written.
///
/// ```
/// use ktrdr_core::Ledger;
///
/// let ledger = Ledger { equity: vec![100.0, 101.0], ..Ledger::default() };
/// assert_eq!(ledger.rows(), [0, 0, 2, 0, 0]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Table of all fills.
    pub fills: Fills,
    /// Table of closed round trips.
    pub trades: Trades,
    /// Equity at the mark of each simulated bar.
    pub equity: Vec<f64>,
    /// Table of rejected orders.
    pub refused: Rejections,
    /// Table of decisions, in runs that record them.
    pub decisions: Decisions,
}

impl Ledger {
    /// Returns the number of rows of each table, in the order of `LEDGER_SCHEMA`.
    #[must_use]
    pub fn rows(&self) -> [usize; TABLES] {
        [self.fills.rows(), self.trades.rows(), self.equity.len(), self.refused.rows(), self.decisions.rows()]
    }

    /// Keeps so many rows of each table.
    pub(crate) fn truncate(&mut self, [fills, trades, equity, refused, decisions]: [usize; TABLES]) {
        self.fills.truncate(fills);
        self.trades.truncate(trades);
        self.equity.truncate(equity);
        self.refused.truncate(refused);
        self.decisions.truncate(decisions);
    }

    /// Appends all rows of a later ledger.
    pub fn extend(&mut self, later: &Self) {
        self.fills.extend(&later.fills);
        self.trades.extend(&later.trades);
        self.equity.extend_from_slice(&later.equity);
        self.refused.extend(&later.refused);
        self.decisions.extend(&later.decisions);
    }

    /// Removes so many of the first rows of each table.
    pub(crate) fn remove_first(&mut self, [fills, trades, equity, refused, decisions]: [usize; TABLES]) {
        self.fills.remove_first(fills);
        self.trades.remove_first(trades);
        self.equity.drain(..equity);
        self.refused.remove_first(refused);
        self.decisions.remove_first(decisions);
    }

    /// Borrows the columns of every table, in the order of `LEDGER_SCHEMA`.
    pub(crate) fn tables(&self) -> [Vec<ColumnRef<'_>>; TABLES] {
        [
            self.fills.columns(),
            self.trades.columns(),
            vec![Value::borrow(&self.equity)],
            self.refused.columns(),
            self.decisions.columns(),
        ]
    }

    /// Borrows the columns of every table to be filled, in the order of `LEDGER_SCHEMA`.
    pub fn tables_mut(&mut self) -> [Vec<ColumnMut<'_>>; TABLES] {
        [
            self.fills.columns_mut(),
            self.trades.columns_mut(),
            vec![Value::borrow_mut(&mut self.equity)],
            self.refused.columns_mut(),
            self.decisions.columns_mut(),
        ]
    }

    /// Returns the name of a table whose columns differ in length, if there is one.
    pub(crate) fn uneven_table(&self) -> Option<&'static str> {
        let uneven = |columns: &Vec<ColumnRef<'_>>| columns.iter().any(|column| column.len() != columns[0].len());
        LEDGER_SCHEMA.iter().zip(self.tables()).find(|(_, columns)| uneven(columns)).map(|(table, _)| table.name)
    }
}

/// The money that a round trip has earned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TradeMoney<N = f64> {
    /// Profit before commission and financing.
    pub gross_pnl: N,
    /// Profit after all costs.
    pub net_pnl: N,
    /// That profit as a fraction of the notional at entry.
    pub return_rate: N,
}

impl<N: Number> TradeMoney<N> {
    /// Subtracts the charges of both fills, and of the time between them.
    #[inline(always)]
    pub(crate) fn of(gross_pnl: N, commission: N, financing: N, entry_notional: N) -> Self {
        let net_pnl = gross_pnl - commission - financing;
        Self { gross_pnl, net_pnl, return_rate: net_pnl / entry_notional }
    }
}

impl Trade {
    /// Returns the money of the round trip.
    #[inline(always)]
    pub(crate) fn money(&self) -> TradeMoney {
        let Self { gross_pnl, net_pnl, return_rate, .. } = *self;
        TradeMoney { gross_pnl, net_pnl, return_rate }
    }

    /// Builds the round trip of a position (all its costs booked) that `fill` closes.
    ///
    /// `unit` is account currency per point of price and unit.
    #[must_use]
    pub(crate) fn closed(
        position: &Position,
        fill: &Fill,
        gross_pnl: f64,
        unit: f64,
        exit_confidence: Option<f32>,
    ) -> Self {
        let Position { commission, financing, entry_notional, .. } = *position;
        let TradeMoney { net_pnl, return_rate, .. } = TradeMoney::of(gross_pnl, commission, financing, entry_notional);
        let (best, worst) = position.excursions();
        let [mfe, mae] = [best, worst].map(|distance| distance * position.quantity * unit);
        Self {
            trade_id: position.trade_id,
            symbol: Symbol,
            direction: position.direction,
            entry_bar: position.entry_bar,
            entry_time: position.entry_ns,
            entry_price: position.entry_price,
            exit_bar: fill.bar,
            exit_time: fill.time,
            exit_price: fill.price,
            quantity: position.quantity,
            gross_pnl,
            commission: position.commission,
            financing: position.financing,
            net_pnl,
            slippage: position.slippage,
            spread: position.spread,
            return_rate,
            bars_held: fill.bar - position.entry_bar,
            hours_held: time::hours(fill.time - position.entry_ns),
            mfe,
            mae,
            mfe_rate: mfe / position.entry_notional,
            mae_rate: mae / position.entry_notional,
            entry_confidence: position.entry_confidence,
            exit_confidence,
            stop_price: position.stop,
            target_price: position.target,
            exit_reason: fill.reason,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Ledger;
    use crate::ledger::column::{ColumnMut, ColumnRef, Symbol};
    use crate::ledger::schema::{LEDGER_SCHEMA, TABLES};

    /// Returns a ledger with so many rows of zeros in each table.
    pub(crate) fn zeros(rows: [usize; TABLES]) -> Ledger {
        let mut ledger = Ledger::default();
        for (columns, rows) in ledger.tables_mut().into_iter().zip(rows) {
            for column in columns {
                match column {
                    ColumnMut::Int(values) => values.resize(rows, 0),
                    ColumnMut::Sign(values) => values.resize(rows, 0),
                    ColumnMut::Code(values) => values.resize(rows, 0),
                    ColumnMut::Real(values) => values.resize(rows, 0.0),
                    ColumnMut::Single(values) => values.resize(rows, 0.0),
                    ColumnMut::OptionalReal(values) => values.resize(rows, None),
                    ColumnMut::OptionalSingle(values) => values.resize(rows, None),
                    ColumnMut::Symbol(values) => values.resize(rows, Symbol),
                }
            }
        }
        ledger
    }

    /// Returns a ledger with another number of rows in each table, counted from `first` on.
    fn ledger(first: i64) -> Ledger {
        let mut ledger = zeros([5, 4, 3, 2, 1]);
        ledger.fills.bar = (first..first + 5).collect();
        ledger.trades.trade_id = (first..first + 4).collect();
        ledger.equity = vec![first as f64; 3];
        ledger.refused.bar = (first..first + 2).collect();
        ledger.decisions.code = vec![first as u8];
        ledger
    }

    #[test]
    fn rows_are_counted_cut_and_joined_table_by_table() {
        let mut first = ledger(0);
        assert_eq!(first.rows(), [5, 4, 3, 2, 1]);
        first.extend(&ledger(10));
        assert_eq!(first.rows(), [10, 8, 6, 4, 2]);
        assert_eq!(first.fills.bar, [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
        assert_eq!(first.trades.trade_id, [0, 1, 2, 3, 10, 11, 12, 13]);
        assert_eq!((first.equity[2], first.equity[3]), (0.0, 10.0));
        assert_eq!((&first.refused.bar[..], &first.decisions.code[..]), (&[0, 1, 10, 11][..], &[0, 10][..]));
        let mut last = first.clone();
        first.truncate([5, 4, 3, 2, 1]);
        assert_eq!(first, ledger(0));
        last.remove_first([5, 4, 3, 2, 1]);
        assert_eq!(last, ledger(10));
    }

    #[test]
    fn columns_are_borrowed_in_the_order_of_the_schema() {
        let mut ledger = ledger(0);
        let [fills, _, equity, refused, _] = ledger.tables();
        assert_eq!((&fills[2], &refused[0]), (&ColumnRef::Symbol(5), &ColumnRef::Int(&[0, 1])));
        assert_eq!(equity, [ColumnRef::Real(&[0.0; 3])]);
        for (schema, columns) in LEDGER_SCHEMA.iter().zip(ledger.tables()) {
            assert_eq!(columns.len(), schema.columns.len(), "{}", schema.name);
        }
        let [fills, .., decisions] = ledger.tables_mut();
        assert!(matches!(&fills[2], ColumnMut::Symbol(rows) if rows.len() == 5));
        assert!(matches!(&decisions[2], ColumnMut::Code(codes) if codes[..] == [0]));
    }

    #[test]
    fn a_table_with_columns_of_two_lengths_is_named() {
        let mut uneven = ledger(0);
        assert_eq!(uneven.uneven_table(), None);
        uneven.refused.time.pop();
        assert_eq!(uneven.uneven_table(), Some("refused"));
        uneven.fills.symbol.push(Symbol);
        assert_eq!(uneven.uneven_table(), Some("fills"));
    }

    #[test]
    fn a_column_of_any_kind_knows_its_length() {
        for (rows, columns) in ledger(0).rows().into_iter().zip(ledger(0).tables()) {
            assert!(columns.iter().all(|column| column.len() == rows && !column.is_empty()), "{rows}");
        }
        assert!(Ledger::default().tables().iter().flatten().all(ColumnRef::is_empty));
    }
}
