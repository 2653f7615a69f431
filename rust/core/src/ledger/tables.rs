//! The five tables of a run.

use crate::ledger::column::{ColumnMut, ColumnRef, Symbol, Value};
use crate::ledger::schema::{Decisions, Fill, Fills, LEDGER_SCHEMA, Rejections, TABLES, Trade, Trades};
use crate::money::position::Position;
use crate::time;

/// Everything a run has written.
///
/// ```
/// use ktrdr_core::{ColumnRef, Ledger};
///
/// let ledger = Ledger { equity: vec![100.0, 101.0], ..Ledger::default() };
/// assert_eq!(ledger.rows(), [0, 0, 2, 0, 0]);
/// assert_eq!(ledger.columns("equity"), Some(vec![ColumnRef::Real(&[100.0, 101.0])]));
/// assert_eq!(ledger.columns("no such table"), None);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
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
    pub fn extend(&mut self, later: Self) {
        self.fills.extend(later.fills);
        self.trades.extend(later.trades);
        self.equity.extend(later.equity);
        self.refused.extend(later.refused);
        self.decisions.extend(later.decisions);
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

    /// Borrows the columns of a table by its name, in the order of its schema.
    #[must_use]
    pub fn columns(&self, name: &str) -> Option<Vec<ColumnRef<'_>>> {
        let place = LEDGER_SCHEMA.iter().position(|table| table.name == name)?;
        self.tables().into_iter().nth(place)
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

impl Trade {
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
        let net_pnl = gross_pnl - position.commission - position.financing;
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
            return_rate: net_pnl / position.entry_notional,
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
