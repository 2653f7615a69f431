//! The ledger: what happened, append-only, in columns.

use crate::money::position::Position;

macro_rules! columns {
    ($(#[$doc:meta])* $table:ident of $row:ident { $($(#[$field_doc:meta])* $name:ident: $kind:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $table { $($(#[$field_doc])* pub $name: Vec<$kind>),* }

        /// One row of the table.
        #[derive(Debug, Clone, Copy, Default, PartialEq)]
        #[allow(missing_docs)]
        pub struct $row { $(pub $name: $kind),* }

        impl $table {
            /// Appends rows, column by column, and forgets them.
            pub fn post(&mut self, rows: &mut Vec<$row>) {
                $(self.$name.extend(rows.iter().map(|row| row.$name));)*
                rows.clear();
            }

            /// Appends all rows of another.
            pub fn extend(&mut self, other: Self) {
                $(self.$name.extend(other.$name);)*
            }

            /// Forgets all rows, not their memory.
            pub fn clear(&mut self) {
                $(self.$name.clear();)*
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

impl Trade {
    /// The round trip of a position (all its costs booked) that `fill` closes; `unit` is account currency per point.
    #[must_use]
    pub fn closed(position: &Position, fill: &Fill, gross_pnl: f64, unit: f64, confidence: Option<f32>) -> Self {
        let net_pnl = gross_pnl - position.commission - position.financing;
        let (best, worst) = position.excursions();
        let [mfe, mae] = [best, worst].map(|distance| distance * position.quantity * unit);
        Self {
            trade_id: position.trade_id,
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
            hours_held: (fill.time - position.entry_ns) as f64 / 3.6e12,
            mfe,
            mae,
            mfe_rate: mfe / position.entry_notional,
            mae_rate: mae / position.entry_notional,
            entry_confidence: position.entry_confidence,
            exit_confidence: confidence,
            stop_price: position.stop,
            target_price: position.target,
            exit_reason: fill.reason,
        }
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
        /// `RefusalReason` as its number.
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

impl Ledger {
    /// Forgets all rows, not their memory: a run that writes into a used ledger waits for no new pages.
    pub fn clear(&mut self) {
        self.fills.clear();
        self.trades.clear();
        self.equity.clear();
        self.refused.clear();
        self.decisions.clear();
    }

    /// Rows of each table, in the order of the fields.
    #[must_use]
    pub fn rows(&self) -> [usize; 5] {
        [
            self.fills.bar.len(),
            self.trades.trade_id.len(),
            self.equity.len(),
            self.refused.bar.len(),
            self.decisions.signal.len(),
        ]
    }

    /// Keeps so many rows of each table.
    pub fn truncate(&mut self, [fills, trades, equity, refused, decisions]: [usize; 5]) {
        self.fills.truncate(fills);
        self.trades.truncate(trades);
        self.equity.truncate(equity);
        self.refused.truncate(refused);
        self.decisions.truncate(decisions);
    }

    /// Appends what was written down later.
    pub fn extend(&mut self, later: Self) {
        self.fills.extend(later.fills);
        self.trades.extend(later.trades);
        self.equity.extend(later.equity);
        self.refused.extend(later.refused);
        self.decisions.extend(later.decisions);
    }
}
