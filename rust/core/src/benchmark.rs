//! Buy and hold under the run's own costs: what the run is compared with.
//!
//! One BUY on the first simulated bar, filled at the next open with all cash, no leverage, no exits. A
//! position that is never traded again needs no loop of its own, only this.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::cost;
use crate::desk::{Past, Plan, Row};
use crate::error::Error;
use crate::fill::{self, Quote};
use crate::metrics::Drawdown;
use crate::rules::{Execution, Margin, Sizing};
use crate::sizing::{self, Grant, Offer};

/// The position of a buyer who holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Benchmark {
    account: Account,
    quantity: f64,
    equity: f64,
    drawdown: Drawdown,
}

impl Benchmark {
    /// Nothing bought yet.
    #[must_use]
    pub fn new(initial_capital: f64) -> Self {
        Self {
            account: Account { cash: initial_capital, quote_cash: 0.0 },
            quantity: 0.0,
            equity: initial_capital,
            drawdown: Drawdown::new(initial_capital),
        }
    }

    /// One simulated bar.
    ///
    /// # Errors
    /// `FillPrice`, as in the run itself.
    pub fn take(&mut self, plan: &Plan, row: &Row, past: &Past, last: bool) -> Result<(), Error> {
        if let Some(charge) = cost::financing(plan, self.quantity, past, row).filter(|_| self.quantity > 0.0) {
            self.account.pay(charge);
        }
        if row.bar == plan.first_bar + 1 {
            self.buy(plan.execution(), &row.at_open(past));
        }
        if last && plan.execution().close_at_end && self.quantity > 0.0 {
            self.sell(plan.execution(), row, &row.at_close(past))?;
        }
        self.mark(plan, row);
        Ok(())
    }

    fn buy(&mut self, execution: &Execution, quote: &Quote) {
        let margin = Margin { max_leverage: 1.0, ..execution.margin };
        let all_in = Execution { sizing: Sizing::CashFraction(1.0), margin, ..execution.clone() };
        let priced = fill::at_market(execution, 1.0, quote);
        let unit = execution.instrument.contract_multiplier * quote.rate;
        let offer = Offer {
            equity: self.account.cash,
            unit_value: quote.reference * unit,
            unit_cost: priced.price * unit,
            sigma: None,
        };
        if let Grant::Quantity(quantity) = sizing::size(&all_in, &offer) {
            self.quantity = quantity;
            self.fill(execution, quantity, priced.price, quote.rate);
        }
    }

    fn sell(&mut self, execution: &Execution, row: &Row, quote: &Quote) -> Result<(), Error> {
        let priced = fill::at_market(execution, -1.0, quote);
        priced.require_positive(row.bar)?;
        self.fill(execution, -self.quantity, priced.price, quote.rate);
        self.account.settle(quote.rate);
        self.quantity = 0.0;
        Ok(())
    }

    fn fill(&mut self, execution: &Execution, signed_quantity: f64, price: f64, rate: f64) {
        let multiplier = execution.instrument.contract_multiplier;
        let quantity = signed_quantity.abs();
        let notional = quantity * (price * (multiplier * rate));
        self.account.trade(signed_quantity, price, multiplier);
        self.account.pay(cost::commission(&execution.commission, notional, quantity));
    }

    fn mark(&mut self, plan: &Plan, row: &Row) {
        self.equity = self.account.equity(self.quantity, row.close, plan.multiplier(), row.rate);
        self.drawdown.mark(row.bar, self.equity);
    }

    /// Total return and largest drawdown after `bars` simulated bars.
    ///
    /// # Errors
    /// `too_short` with fewer than two.
    pub fn result(&self, initial_capital: f64, bars: u64) -> Result<(f64, f64), &'static str> {
        if bars < 2 {
            return Err("too_short");
        }
        Ok(((self.equity - initial_capital) / initial_capital, self.drawdown.worst()))
    }
}
