//! Columns of the equity table that are not stored: they follow from equity, fills and bars.

use std::ops::Range;

use crate::ledger::tables::Ledger;
use crate::market::bars::Bars;

/// The terms of a run that the columns need.
pub(crate) struct Terms {
    /// Bar of the first row of the table.
    pub first_bar: usize,
    /// Capital before the first bar, account currency.
    pub initial_capital: f64,
    /// Quote currency per point and unit.
    pub multiplier: f64,
}

impl Ledger {
    /// Returns cash, signed quantity and drawdown of some rows of the equity table.
    ///
    /// `bars` begin with the bar of the first of these rows. Cash is equity without the position's value at the close.
    /// Drawdown is the distance from the highest equity so far, as a share of it.
    pub(crate) fn equity_columns(&self, rows: Range<usize>, bars: &Bars<'_>, terms: &Terms) -> [Vec<f64>; 3] {
        let mut columns = [(); 3].map(|()| Vec::with_capacity(rows.len()));
        let [cash, quantity, drawdown] = &mut columns;
        let mut peak = self.equity[..rows.start].iter().fold(terms.initial_capital, |peak, value| peak.max(*value));
        let mut held = Held { ledger: self, next_fill: 0, quantity: 0.0 };
        for (at, (row, &equity)) in rows.clone().zip(&self.equity[rows]).enumerate() {
            let units = held.after(terms.first_bar + row);
            let value = units * bars.close[at] * terms.multiplier;
            cash.push(equity - bars.conversion_rate.map_or(value, |rate| value * rate[at]));
            quantity.push(units);
            peak = peak.max(equity);
            drawdown.push((peak - equity) / peak);
        }
        columns
    }
}

/// The position's size, walked along the fills.
struct Held<'a> {
    ledger: &'a Ledger,
    next_fill: usize,
    quantity: f64,
}

impl Held<'_> {
    /// Returns the signed quantity after all fills of a bar; bars come in order.
    fn after(&mut self, bar: usize) -> f64 {
        let fills = &self.ledger.fills;
        while fills.bar.get(self.next_fill).is_some_and(|&filled| filled <= bar as i64) {
            let at = self.next_fill;
            // A round trip has two fills: the first opens the position, the second closes all of it.
            let opens = at == 0 || fills.trade_id[at] != fills.trade_id[at - 1];
            self.quantity = if opens { f64::from(fills.side[at]) * fills.quantity[at] } else { 0.0 };
            self.next_fill += 1;
        }
        self.quantity
    }
}
