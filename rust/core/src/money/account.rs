//! The money of an account: the balance, and what an open position holds in quote currency.

use serde::{Deserialize, Serialize};
use wide::f64x8;

use crate::lanes::LANES;
use crate::number::{InLanes, Number};

/// The balance in account currency, and the open position's money in quote currency.
///
/// The ledger's cash column is another amount: `balance + rate * quote_cash`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Account<N = f64> {
    /// Realised money, account currency.
    #[serde(rename = "cash")]
    pub balance: N,
    /// Money of the open position, quote currency; 0 when flat.
    pub quote_cash: N,
}

impl Account {
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
}

impl Account<f64x8> {
    /// Returns the account of a lane.
    pub(crate) fn lane(&self, lane: usize) -> Account {
        Account { balance: self.balance.lane(lane), quote_cash: self.quote_cash.lane(lane) }
    }
}

impl<N: Number> Account<N> {
    /// Opens an account with a balance.
    #[must_use]
    #[inline]
    pub(crate) fn new(balance: N) -> Self {
        Self { balance, quote_cash: N::from(0.0) }
    }

    /// Pays a commission or financing from the balance.
    #[inline]
    pub(crate) fn pay(&mut self, cost: N) {
        self.balance -= cost;
    }

    /// Exchanges quote currency for units in a fill.
    #[inline]
    pub(crate) fn trade(&mut self, signed_quantity: N, price: N, multiplier: N) {
        // A buy spends quote currency, a sell (a negative quantity) earns it.
        self.quote_cash -= signed_quantity * price * multiplier;
    }

    /// Moves the quote currency of a closed position into the balance at that fill's rate; returns the amount.
    #[inline]
    pub(crate) fn settle(&mut self, rate: N) -> N {
        let gross = rate * self.quote_cash;
        self.balance += gross;
        // Exactly 0, not what rounding leaves: a flat account holds no quote currency.
        self.quote_cash = N::from(0.0);
        gross
    }
}
