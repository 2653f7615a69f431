//! Rows of a ledger that its reader has taken: what metrics and later rows need of them, without the rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ledger::held::Held;
use crate::ledger::schema::TABLES;
use crate::ledger::tables::Ledger;

/// Everything about the rows that were taken that is asked for after them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Taken {
    /// Number of rows of each table.
    pub rows: [usize; TABLES],
    /// Number of round trips by the bars that they were held.
    ///
    /// Positions follow one another, so n bars hold at most the root of 2 n different lengths.
    pub bars_held: BTreeMap<i64, u64>,
    /// Highest equity; 0 before the first row.
    pub peak: f64,
    /// Signed quantity after the last fill.
    pub quantity: f64,
}

impl Taken {
    /// Adds the rows of a ledger, which follow those taken before.
    pub fn add(&mut self, ledger: &Ledger) {
        self.rows = self.rows_with(ledger);
        for &bars in &ledger.trades.bars_held {
            *self.bars_held.entry(bars).or_default() += 1;
        }
        self.peak = ledger.equity.iter().fold(self.peak, |peak, value| peak.max(*value));
        self.quantity = Held::after(self.quantity, ledger).at_the_end();
    }

    /// Returns the number of rows of each table, those of a later ledger among them.
    pub fn rows_with(&self, later: &Ledger) -> [usize; TABLES] {
        let more = later.rows();
        std::array::from_fn(|table| self.rows[table] + more[table])
    }
}

#[cfg(test)]
mod tests {
    use super::Taken;
    use crate::ledger::schema::{Fills, Trades};
    use crate::ledger::tables::Ledger;

    fn part(equity: &[f64], sides: &[i8], bars_held: &[i64]) -> Ledger {
        let fills = Fills {
            bar: vec![0; sides.len()],
            side: sides.to_vec(),
            quantity: vec![2.0; sides.len()],
            ..Fills::default()
        };
        let trades = Trades { trade_id: vec![0; bars_held.len()], bars_held: bars_held.to_vec(), ..Trades::default() };
        Ledger { fills, trades, equity: equity.to_vec(), ..Ledger::default() }
    }

    #[test]
    fn parts_add_up_to_what_the_whole_would_say() {
        let mut taken = Taken::default();
        taken.add(&part(&[100.0, 120.0], &[1, -1, -1], &[4]));
        assert_eq!((taken.rows, taken.peak, taken.quantity), ([3, 1, 2, 0, 0], 120.0, -2.0));
        taken.add(&part(&[110.0], &[1], &[3, 4]));
        assert_eq!((taken.rows, taken.peak, taken.quantity), ([4, 3, 3, 0, 0], 120.0, 0.0));
        assert_eq!(taken.bars_held.into_iter().collect::<Vec<_>>(), [(3, 1), (4, 2)]);
    }
}
