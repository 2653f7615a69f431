//! Columns of the equity table that are not stored: they follow from equity, fills and bars.

use std::ops::Range;

use crate::ledger::held::Held;
use crate::ledger::view::LedgerView;
use crate::market::bars::Bars;

/// The equity table of a run, with the terms that its columns need.
pub(crate) struct EquityTable<'a> {
    /// Ledger of the run.
    pub view: LedgerView<'a>,
    /// Bar of the first row at hand.
    pub first_bar: usize,
    /// Capital before the first bar, account currency.
    pub initial_capital: f64,
    /// Quote currency per point and unit.
    pub multiplier: f64,
}

impl EquityTable<'_> {
    /// Returns cash, signed quantity and drawdown of some rows at hand.
    ///
    /// `bars` begin with the bar of the first of these rows. Cash is equity without the position's value at the close.
    /// Drawdown is the distance from the highest equity so far, as a share of it.
    pub fn columns(&self, rows: Range<usize>, bars: &Bars<'_>) -> [Vec<f64>; 3] {
        let LedgerView { taken, ledger } = self.view;
        let mut columns = [(); 3].map(|()| Vec::with_capacity(rows.len()));
        let [cash, quantity, drawdown] = &mut columns;
        let before = self.initial_capital.max(taken.peak);
        let mut peak = ledger.equity[..rows.start].iter().fold(before, |peak, value| peak.max(*value));
        let mut held = Held::after(taken.quantity, ledger);
        for (at, (row, &equity)) in rows.clone().zip(&ledger.equity[rows]).enumerate() {
            let units = held.at(self.first_bar + row);
            let value = units * bars.close[at] * self.multiplier;
            cash.push(equity - bars.conversion_rate.map_or(value, |rate| value * rate[at]));
            quantity.push(units);
            peak = peak.max(equity);
            drawdown.push((peak - equity) / peak);
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::{EquityTable, LedgerView};
    use crate::ledger::schema::Fills;
    use crate::ledger::tables::Ledger;
    use crate::ledger::taken::Taken;
    use crate::market::bars::Bars;

    /// A long of 2 over two bars; a short of 3 from the bar of its end, closed three bars later.
    fn ledger() -> Ledger {
        let fills = Fills {
            bar: vec![11, 12, 12, 15],
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
        let view = LedgerView { taken: &Taken::default(), ledger: &ledger() };
        let table = EquityTable { view, first_bar: 10, initial_capital, multiplier: 0.5 };
        table.columns(rows.clone(), &bars.rows(rows.start, rows.end))
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
