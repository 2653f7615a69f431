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

#[cfg(test)]
mod tests {
    use super::{Ledger, Terms};
    use crate::ledger::schema::Fills;
    use crate::market::bars::Bars;

    /// A long of 2 over two bars; a short of 3 from the bar of its end, closed three bars later.
    fn ledger() -> Ledger {
        let fills = Fills {
            bar: vec![11, 12, 12, 15],
            trade_id: vec![0, 0, 1, 1],
            side: vec![1, -1, -1, 1],
            quantity: vec![2.0, 2.0, 3.0, 3.0],
            ..Fills::default()
        };
        Ledger { fills, equity: vec![100.0, 80.0, 120.0, 90.0, 120.0, 60.0], ..Ledger::default() }
    }

    fn columns(initial_capital: f64, rate: Option<f64>, rows: std::ops::Range<usize>) -> [Vec<f64>; 3] {
        let closes = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0];
        let rates = rate.map(|rate| [rate; 6]);
        let bars = Bars::new(&[0; 6], &closes, &closes, &closes, &closes);
        let bars = Bars { conversion_rate: rates.as_ref().map(|rates| &rates[..]), ..bars };
        let terms = Terms { first_bar: 10, initial_capital, multiplier: 0.5 };
        ledger().equity_columns(rows.clone(), &bars.rows(rows.start, rows.end), &terms)
    }

    #[test]
    fn cash_is_equity_without_the_position_and_drawdown_counts_from_the_peak() {
        let [cash, quantity, drawdown] = columns(90.0, None, 0..6);
        assert_eq!(quantity, [0.0, 2.0, -3.0, -3.0, -3.0, 0.0]);
        // 80 - 2 * 20 * 0.5; then 120 + 3 * 30 * 0.5, and so on.
        assert_eq!(cash, [100.0, 60.0, 165.0, 150.0, 195.0, 60.0]);
        assert_eq!(drawdown, [0.0, 0.2, 0.0, 0.25, 0.0, 0.5]);
    }

    #[test]
    fn the_value_of_a_position_is_converted_and_capital_is_the_first_peak() {
        let [cash, _, drawdown] = columns(160.0, Some(4.0), 0..6);
        // 80 - 2 * 20 * 0.5 * 4; 160 less 100 is 60 of 160.
        assert_eq!((cash[1], drawdown[0]), (0.0, 0.375));
    }

    #[test]
    fn any_rows_are_those_of_the_whole_table() {
        let whole = columns(90.0, None, 0..6);
        for first in 0..6 {
            for end in first..6 {
                let part = columns(90.0, None, first..end);
                assert_eq!(part, whole.each_ref().map(|column| column[first..end].to_vec()), "{first}..{end}");
            }
        }
    }
}
