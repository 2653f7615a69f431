//! The ledger: what happened, append-only, in columns.

macro_rules! columns {
    ($(#[$doc:meta])* $table:ident of $row:ident { $($(#[$field_doc:meta])* $name:ident: $kind:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $table { $($(#[$field_doc])* pub $name: Vec<$kind>),* }

        /// One row of the table.
        #[derive(Debug, Clone, Copy, PartialEq)]
        #[allow(missing_docs)]
        pub struct $row { $(pub $name: $kind),* }

        impl $table {
            /// Appends a row.
            pub fn push(&mut self, row: $row) {
                $(self.$name.push(row.$name);)*
            }

            /// Keeps the first `rows` rows.
            pub fn truncate(&mut self, rows: usize) {
                $(self.$name.truncate(rows);)*
            }
        }
    };
}

columns! {
    /// Every fill; money in account currency.
    Fills of Fill {
        /// Bar.
        bar: i64,
        /// Stamp of the bar, ns UTC.
        time: i64,
        /// Round trip it belongs to.
        trade_id: i64,
        /// +1 buy, -1 sell.
        side: i8,
        /// Units.
        quantity: f64,
        /// Price after costs and tick.
        price: f64,
        /// Price before them.
        reference_price: f64,
        /// Commission.
        commission: f64,
        /// Slippage, tick rounding included.
        slippage: f64,
        /// Spread.
        spread: f64,
        /// `Reason` as its number.
        reason: u8,
    }
}

columns! {
    /// Closed round trips; money in account currency.
    Trades of Trade {
        /// Number from 0.
        trade_id: i64,
        /// +1 long, -1 short.
        direction: i8,
        /// Bar of the entry.
        entry_bar: i64,
        /// Its stamp.
        entry_time: i64,
        /// Fill price.
        entry_price: f64,
        /// Bar of the exit.
        exit_bar: i64,
        /// Its stamp.
        exit_time: i64,
        /// Fill price.
        exit_price: f64,
        /// Units.
        quantity: f64,
        /// On fill prices.
        gross_pnl: f64,
        /// Both legs.
        commission: f64,
        /// Charged while held.
        financing: f64,
        /// Gross less commission and financing.
        net_pnl: f64,
        /// Inside gross.
        slippage: f64,
        /// Inside gross.
        spread: f64,
        /// Net over entry notional.
        return_rate: f64,
        /// Difference of bar indices.
        bars_held: i64,
        /// Difference of stamps.
        hours_held: f64,
        /// Best excursion, money.
        mfe: f64,
        /// Worst excursion, money.
        mae: f64,
        /// Best over entry notional.
        mfe_rate: f64,
        /// Worst over entry notional.
        mae_rate: f64,
        /// Confidence of the entry's signal.
        entry_confidence: f32,
        /// Confidence of the exit's signal, if a signal ended it.
        exit_confidence: Option<f32>,
        /// As set at entry.
        stop_price: Option<f64>,
        /// As set at entry.
        target_price: Option<f64>,
        /// `Reason` as its number.
        exit_reason: u8,
    }
}

columns! {
    /// Orders that were not executed.
    Refused of Refusal {
        /// Bar where it was refused.
        bar: i64,
        /// Its stamp.
        time: i64,
        /// +1 buy, -1 sell.
        side: i8,
        /// Unrounded quantity wanted, if it was computed.
        quantity: Option<f64>,
        /// `Refused`'s reason as its number.
        reason: u8,
    }
}

columns! {
    /// What became of each bar's signal.
    Decisions of DecisionRow {
        /// Raw signal.
        signal: i8,
        /// Confidence.
        confidence: f32,
        /// `Decision` as its number.
        code: u8,
    }
}

/// Names of the reasons of a refusal, in the order in which they are checked.
pub const REFUSALS: [&str; 6] = [
    "already_in_position",
    "end_of_data",
    "stop_distance",
    "volatility",
    "below_lot",
    "margin",
];

/// Everything a run has written down.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ledger {
    /// Fills.
    pub fills: Fills,
    /// Round trips.
    pub trades: Trades,
    /// Equity at each simulated bar's mark.
    pub equity: Vec<f64>,
    /// Refusals.
    pub refused: Refused,
    /// Decisions, in runs that record them.
    pub decisions: Decisions,
}
