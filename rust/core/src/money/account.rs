//! The money of an account: the balance, and what an open position holds in quote currency.

use serde::{Deserialize, Serialize};

use crate::lanes::LANES;

/// The balance in account currency, and the open position's money in quote currency.
///
/// The ledger's cash column is another amount: `balance + rate * quote_cash`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Realised money, account currency.
    #[serde(rename = "cash")]
    pub balance: f64,
    /// Money of the open position, quote currency; 0 when flat.
    pub quote_cash: f64,
}

impl Account {
    /// Opens an account with a balance.
    #[must_use]
    pub fn new(balance: f64) -> Self {
        Self { balance, quote_cash: 0.0 }
    }

    /// Pays a commission or financing from the balance.
    pub fn pay(&mut self, cost: f64) {
        self.balance -= cost;
    }

    /// Returns the account after that payment.
    #[must_use]
    pub fn paid(mut self, cost: f64) -> Self {
        self.pay(cost);
        self
    }

    /// Returns the balance after each of the payments, made one after the other.
    #[must_use]
    #[inline(always)]
    pub fn balances_after(mut self, costs: &[f64; LANES]) -> [f64; LANES] {
        costs.map(|cost| {
            self.pay(cost);
            self.balance
        })
    }

    /// Exchanges quote currency for units in a fill.
    pub fn trade(&mut self, signed_quantity: f64, price: f64, multiplier: f64) {
        // A buy spends quote currency, a sell (a negative quantity) earns it.
        self.quote_cash -= signed_quantity * price * multiplier;
    }

    /// Moves the quote currency of a closed position into the balance at that fill's rate; returns the amount.
    pub fn settle(&mut self, rate: f64) -> f64 {
        let gross = rate * self.quote_cash;
        self.balance += gross;
        // Exactly 0, not what rounding leaves: a flat account holds no quote currency.
        self.quote_cash = 0.0;
        gross
    }
}
