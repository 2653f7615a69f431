//! The one list of the ledger: tables, columns, their order, types and nullability.
//!
//! Everything else derives from it: the structs of rows and columns, the order of hashing, the export to numpy and the
//! schemas of data frames. A changed name or order changes every result hash.

use serde::{Deserialize, Serialize};

use crate::ledger::column::{ColumnMut, ColumnRef, ColumnSchema, Symbol, TableSchema, Value};
use crate::market::columns::{Columns, prefetch_lines};
use crate::signals::filter::Decision;

/// Rows that a journal has room for: its columns stay in the first two caches.
const JOURNAL_ROWS: usize = 128;

/// Codes that are counted in one step: as many whole vectors of 32 as a count in a byte has room for.
const CODES_PER_STEP: usize = 224;

macro_rules! table {
    ($(#[$doc:meta])* $table:ident of $row:ident in $journal:ident {
        $($(#[$field_doc:meta])* $name:ident: $type:ty $(as $dtype:literal)?,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        pub struct $table { $($(#[$field_doc])* pub $name: Vec<$type>),* }

        #[doc = concat!("One row of `", stringify!($table), "`.")]
        #[derive(Debug, Clone, Copy, Default, PartialEq)]
        #[allow(missing_docs)]
        pub struct $row { $(pub $name: $type),* }

        #[doc = concat!("Rows of `", stringify!($table), "` that wait to be posted, an array a column.")]
        #[derive(Debug, Clone)]
        pub(crate) struct $journal { rows: usize, $(pub $name: [$type; JOURNAL_ROWS]),* }

        impl Default for $journal {
            fn default() -> Self {
                Self { rows: 0, $($name: [<$type>::default(); JOURNAL_ROWS]),* }
            }
        }

        // Decisions go to their table at once.
        #[allow(dead_code)]
        impl $journal {
            /// Returns the number of rows.
            pub fn rows(&self) -> usize {
                self.rows
            }

            /// Appends a row; true if there is no room for another.
            #[inline(always)]
            pub fn push(&mut self, row: $row) -> bool {
                let at = self.rows;
                // One check for all columns.
                assert!(at < JOURNAL_ROWS);
                $(self.$name[at] = row.$name;)*
                self.rows = at + 1;
                self.rows == JOURNAL_ROWS
            }

            /// Removes all rows of the journal.
            pub fn clear(&mut self) {
                self.rows = 0;
            }
        }

        impl $table {
            /// Name, type and nullability of every column, in canonical order.
            pub const COLUMNS: &'static [ColumnSchema] = &[$(ColumnSchema {
                name: stringify!($name),
                // The last name wins: the narrower type, where the column has one.
                dtype: {
                    let names = [<$type as Value>::DTYPE $(, $dtype)?];
                    names[names.len() - 1]
                },
                nullable: <$type as Value>::NULLABLE,
            }),*];

            /// Borrows every column, in the order of `COLUMNS`.
            #[must_use]
            pub fn columns(&self) -> Vec<ColumnRef<'_>> {
                vec![$(<$type as Value>::borrow(&self.$name)),*]
            }

            /// Borrows every column to be filled, in the order of `COLUMNS`.
            pub fn columns_mut(&mut self) -> Vec<ColumnMut<'_>> {
                vec![$(<$type as Value>::borrow_mut(&mut self.$name)),*]
            }

            /// Returns the number of rows.
            #[must_use]
            pub fn rows(&self) -> usize {
                [$(self.$name.len()),*][0]
            }

            /// Appends the rows of a journal to the columns and empties it.
            #[allow(dead_code)]
            pub(crate) fn post(&mut self, journal: &mut $journal) {
                $(self.$name.extend_from_slice(&journal.$name[..journal.rows]);)*
                // The next rows: a store into memory that has not come yet holds up all that follow it.
                $(prefetch_lines(&self.$name, &(self.$name.len()..self.$name.len() + JOURNAL_ROWS));)*
                journal.rows = 0;
            }

            /// Makes room for so many more rows.
            pub(crate) fn reserve(&mut self, rows: usize) {
                $(self.$name.reserve(rows);)*
            }

            /// Appends all rows of another table.
            pub(crate) fn extend(&mut self, other: &Self) {
                $(self.$name.extend_from_slice(&other.$name);)*
            }

            /// Removes the first `rows` rows.
            pub(crate) fn remove_first(&mut self, rows: usize) {
                $(self.$name.drain(..rows);)*
            }

            /// Keeps the first `rows` rows.
            pub(crate) fn truncate(&mut self, rows: usize) {
                $(self.$name.truncate(rows);)*
            }
        }
    };
}

table! {
    /// All fills; money in account currency.
    Fills of Fill in FillsJournal {
        /// Bar of the fill.
        bar: i64,
        /// Stamp of the bar, ns UTC.
        time: i64 as "time",
        /// Symbol of the run.
        #[serde(skip)]
        symbol: Symbol,
        /// Number of the round trip.
        trade_id: i64,
        /// Side: +1 buy, -1 sell.
        side: i8,
        /// Number of units, above 0.
        quantity: f64,
        /// Price after costs and tick.
        price: f64,
        /// Price before costs and tick.
        reference_price: f64,
        /// Commission of the fill.
        commission: f64,
        /// Slippage of the fill, tick rounding included.
        slippage: f64,
        /// Spread of the fill.
        spread: f64,
        /// Number of a `Reason`.
        reason: u8 as "reason",
    }
}

table! {
    /// Closed round trips; money in account currency.
    Trades of Trade in TradesJournal {
        /// Number of the round trip, from 0.
        trade_id: i64,
        /// Symbol of the run.
        #[serde(skip)]
        symbol: Symbol,
        /// Direction: +1 long, -1 short.
        direction: i8,
        /// Bar of the entry.
        entry_bar: i64,
        /// Stamp of the entry bar, ns UTC.
        entry_time: i64 as "time",
        /// Price of the entry fill.
        entry_price: f64,
        /// Bar of the exit.
        exit_bar: i64,
        /// Stamp of the exit bar, ns UTC.
        exit_time: i64 as "time",
        /// Price of the exit fill.
        exit_price: f64,
        /// Number of units, above 0.
        quantity: f64,
        /// Profit on fill prices.
        gross_pnl: f64,
        /// Commission of both fills.
        commission: f64,
        /// Financing charged while it was held.
        financing: f64,
        /// Gross profit less commission and financing.
        net_pnl: f64,
        /// Slippage of both fills, contained in the gross profit.
        slippage: f64,
        /// Spread of both fills, contained in the gross profit.
        spread: f64,
        /// Net profit over entry notional.
        return_rate: f64,
        /// Difference of the bar indices.
        bars_held: i64,
        /// Difference of the stamps, hours.
        hours_held: f64,
        /// Best excursion, account currency, >= 0.
        mfe: f64,
        /// Worst excursion, account currency, <= 0.
        mae: f64,
        /// Best excursion over entry notional.
        mfe_rate: f64,
        /// Worst excursion over entry notional.
        mae_rate: f64,
        /// Confidence of the entry signal.
        entry_confidence: f32,
        /// Confidence of the exit signal, if a signal ended the trade.
        exit_confidence: Option<f32>,
        /// Stop as set at entry.
        stop_price: Option<f64>,
        /// Target as set at entry.
        target_price: Option<f64>,
        /// Number of a `Reason`.
        exit_reason: u8 as "reason",
    }
}

table! {
    /// Orders that were not executed.
    Rejections of Rejection in RejectionsJournal {
        /// Bar at which the order was rejected.
        bar: i64,
        /// Stamp of that bar, ns UTC.
        time: i64 as "time",
        /// Side: +1 buy, -1 sell.
        side: i8,
        /// Unrounded quantity wanted, if it was computed.
        quantity: Option<f64>,
        /// Number of a `RejectionReason`.
        reason: u8 as "refusal",
    }
}

table! {
    /// The fate of each bar's signal.
    Decisions of DecisionRow in DecisionsJournal {
        /// Raw signal: +1, 0, -1; of entries and exits 3, -3 and -2, 2, 4.
        signal: i8,
        /// Confidence of the signal.
        confidence: f32,
        /// Number of a `Decision`.
        code: u8 as "decision",
    }
}

/// Number of times that each decision was made, in the order of `Decision::NAMES`.
pub type DecisionCounts = [u64; Decision::NAMES.len()];

impl Decisions {
    /// Appends signals and confidences of rows; their codes come from the caller.
    pub(crate) fn take_signals(&mut self, rows: &Columns<'_>) {
        self.signal.extend_from_slice(rows.signals);
        match rows.confidence {
            Some(column) => self.confidence.extend_from_slice(column),
            None => self.confidence.resize(self.signal.len(), 1.0),
        }
    }

    /// Returns how often each decision was made, in the order of `Decision::NAMES`.
    #[must_use]
    pub fn counts(&self) -> DecisionCounts {
        let mut counts = [0; Decision::NAMES.len()];
        for part in self.code.chunks(CODES_PER_STEP) {
            // Each code is counted in vector lanes, since one table of counts would take equal codes one after the other.
            // Most parts have one code, or two, so the code of the first row comes first, and a full count is the last.
            let first = part[0];
            let others = (0..Decision::NAMES.len() as u8).filter(|&code| code != first);
            let mut left = part.len() as u64;
            for code in std::iter::once(first).chain(others) {
                let count = u64::from(part.iter().fold(0_u8, |sum, &found| sum + u8::from(found == code)));
                counts[usize::from(code)] += count;
                left -= count;
                if left == 0 {
                    break;
                }
            }
        }
        counts
    }
}

/// The one column of the equity curve. Its stamps are those of the bars.
const EQUITY: &[ColumnSchema] = &[ColumnSchema { name: "equity", dtype: f64::DTYPE, nullable: f64::NULLABLE }];

/// Place of the equity curve among the tables.
pub(crate) const EQUITY_TABLE: usize = 2;

/// Number of tables of a ledger.
pub(crate) const TABLES: usize = 5;

/// The tables of a ledger in canonical order: the order of snapshots, hashes and exports.
///
/// ```
/// use ktrdr_core::LEDGER_SCHEMA;
///
/// let names = LEDGER_SCHEMA.map(|table| table.name);
/// assert_eq!(names, ["fills", "trades", "equity", "refused", "decisions"]);
/// assert_eq!(LEDGER_SCHEMA[0].columns[1].dtype, "time");
/// ```
pub const LEDGER_SCHEMA: [TableSchema; TABLES] = [
    TableSchema { name: "fills", columns: Fills::COLUMNS },
    TableSchema { name: "trades", columns: Trades::COLUMNS },
    TableSchema { name: "equity", columns: EQUITY },
    TableSchema { name: "refused", columns: Rejections::COLUMNS },
    TableSchema { name: "decisions", columns: Decisions::COLUMNS },
];

#[cfg(test)]
mod tests {
    use super::Decisions;

    #[test]
    fn every_decision_is_counted_in_columns_of_any_length() {
        for rows in [0, 1, 254, 255, 256, 600, 2_000] {
            // Long rows of one code, as a run writes them, and a few others.
            let code: Vec<u8> = (0..rows).map(|row| if row % 97 == 0 { (row % 8) as u8 } else { 1 }).collect();
            let expected: [u64; 8] =
                std::array::from_fn(|of| code.iter().filter(|&&code| code == of as u8).count() as u64);
            assert_eq!(Decisions { code, ..Decisions::default() }.counts(), expected, "{rows}");
        }
    }
}
