//! The size of the position at each bar, which the ledger holds only as fills.

use crate::ledger::tables::Ledger;

/// The position's size, walked along the fills.
pub(crate) struct Held<'a> {
    ledger: &'a Ledger,
    next_fill: usize,
    quantity: f64,
}

impl<'a> Held<'a> {
    /// Begins before the first fill, with the signed quantity that is open there.
    pub fn after(quantity: f64, ledger: &'a Ledger) -> Self {
        Self { ledger, next_fill: 0, quantity }
    }

    /// Returns the signed quantity after the last fill.
    pub fn at_the_end(mut self) -> f64 {
        self.at(i64::MAX as usize)
    }

    /// Returns the signed quantity after all fills of a bar; bars come in order.
    pub fn at(&mut self, bar: usize) -> f64 {
        let fills = &self.ledger.fills;
        while fills.bar.get(self.next_fill).is_some_and(|&filled| filled <= bar as i64) {
            let at = self.next_fill;
            // A round trip has two fills: the first opens the position, the second closes all of it.
            let opens = self.quantity == 0.0;
            self.quantity = if opens { f64::from(fills.side[at]) * fills.quantity[at] } else { 0.0 };
            self.next_fill += 1;
        }
        self.quantity
    }
}
