//! Cash: what is the account's, and what is still in the quote currency of an open position.

use serde::{Deserialize, Serialize};

use crate::lanes::LANES;

/// Cash in account currency, and the open position's money in quote currency until it is flat.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Account currency.
    pub cash: f64,
    /// Quote currency.
    pub quote_cash: f64,
}

impl Account {
    /// Pays account currency: a commission, financing.
    pub fn pay(&mut self, cost: f64) {
        self.cash -= cost;
    }

    /// The account after that payment.
    #[must_use]
    pub fn paid(mut self, cost: f64) -> Self {
        self.pay(cost);
        self
    }

    /// The same account with other cash.
    #[must_use]
    pub fn with_cash(self, cash: f64) -> Self {
        Self { cash, ..self }
    }

    /// Cash after each payment, one after the other.
    #[must_use]
    #[inline(always)]
    pub fn cash_after(mut self, costs: &[f64; LANES]) -> [f64; LANES] {
        costs.map(|cost| {
            self.pay(cost);
            self.cash
        })
    }

    /// A fill moves quote currency against the units.
    pub fn trade(&mut self, signed_quantity: f64, price: f64, multiplier: f64) {
        self.quote_cash -= signed_quantity * price * multiplier;
    }

    /// Flat again: what is left in quote currency becomes cash at that fill's rate; returns it.
    pub fn settle(&mut self, rate: f64) -> f64 {
        let gross = rate * self.quote_cash;
        self.cash += gross;
        self.quote_cash = 0.0;
        gross
    }

    /// Gross P&L of `net` open units at a price, account currency.
    #[must_use]
    pub fn open_gross(&self, net: f64, price: f64, multiplier: f64, rate: f64) -> f64 {
        rate * (self.quote_cash + net * price * multiplier)
    }

    /// Equity with `net` open units at a price.
    #[must_use]
    pub fn equity(&self, net: f64, price: f64, multiplier: f64, rate: f64) -> f64 {
        self.cash + self.open_gross(net, price, multiplier, rate)
    }

    /// The same for each row of a lane, with its cash.
    #[must_use]
    #[inline(always)]
    pub fn equities(
        &self,
        cash: &[f64; LANES],
        net: f64,
        prices: &[f64; LANES],
        multiplier: f64,
        rates: &[f64; LANES],
    ) -> [f64; LANES] {
        std::array::from_fn(|row| self.with_cash(cash[row]).equity(net, prices[row], multiplier, rates[row]))
    }

    /// The price at which equity equals `requirement`, before exit costs.
    #[must_use]
    pub fn price_at(&self, requirement: f64, net: f64, multiplier: f64, rate: f64) -> f64 {
        ((requirement - self.cash) / rate - self.quote_cash) / (net * multiplier)
    }
}
