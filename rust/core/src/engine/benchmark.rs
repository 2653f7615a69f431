//! Buy and hold under the run's own costs: what the run is compared with.
//!
//! One BUY on the first simulated bar, filled at the next open with all cash, no leverage, no exits. A
//! position that is never traded again needs no loop of its own, only this.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::engine::fast::ranges::Survey;
use crate::engine::plan::Plan;
use crate::error::Error;
use crate::lanes::{self, LANES};
use crate::market::rows::{Lane, Past, Quote, Row, Rows};
use crate::metrics::drawdown::Fall;
use crate::money::account::Account;
use crate::money::costs::{self, Carry};
use crate::money::sizing::{self, Grant, Offer};
use crate::orders::price;
use crate::rules::{Execution, Margin, Sizing};

/// Bars that are looked at together where they cannot hold a new largest drawdown.
const SKIPPED_ROWS: usize = 256;

/// The position of a buyer who holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Benchmark {
    account: Account,
    quantity: f64,
    drawdown: Fall,
}

impl Benchmark {
    /// Nothing bought yet.
    #[must_use]
    pub fn new(initial_capital: f64) -> Self {
        Self {
            account: Account { cash: initial_capital, quote_cash: 0.0 },
            quantity: 0.0,
            drawdown: Fall::new(initial_capital),
        }
    }

    /// The next rows; `last` ends the run with them. Without a `survey` of them each is taken by itself.
    ///
    /// # Errors
    /// `FillPrice`, as in the run itself.
    pub(crate) fn take(
        &mut self,
        plan: &Plan,
        rows: &Rows<'_>,
        survey: Option<&Survey<'_>>,
        last: bool,
    ) -> Result<(), Error> {
        let end = rows.len();
        let mut index = rows.before(plan.first_bar);
        while index < end {
            let range = index..end - usize::from(last);
            let quiet = survey.map(|survey| (survey, self.quiet_rows(plan, rows, range)));
            if let Some((survey, quiet)) = quiet.filter(|(_, quiet)| *quiet > 0) {
                self.hold(plan, rows, survey, index..index + quiet);
                index += quiet;
            } else {
                self.take_row(plan, rows, index, last && index + 1 == end)?;
                index += 1;
            }
        }
        Ok(())
    }

    /// How many rows only hold, from the first one on.
    fn quiet_rows(&self, plan: &Plan, rows: &Rows<'_>, range: Range<usize>) -> usize {
        let entry = rows.before(plan.first_bar + 1);
        let stop = if range.start <= entry { range.end.min(entry) } else { range.end };
        stop.saturating_sub(range.start)
    }

    fn take_row(&mut self, plan: &Plan, rows: &Rows<'_>, index: usize, last: bool) -> Result<(), Error> {
        let row = rows.row(index);
        let past = rows.past(index);
        self.charge(plan, &past, row.time);
        if row.bar == plan.first_bar + 1 {
            self.buy(plan.execution(), &row.at_open(&past));
        }
        if last && plan.execution().close_at_end && self.quantity > 0.0 {
            self.sell(plan.execution(), &row, &row.at_close(&past))?;
        }
        self.mark(plan, row.close, row.rate);
        Ok(())
    }

    fn charge(&mut self, plan: &Plan, past: &Past, time: i64) {
        if let Some(carry) = self.carry(plan) {
            self.account.pay(carry.charge(self.quantity * plan.multiplier(), past, time));
        }
    }

    fn mark(&mut self, plan: &Plan, close: f64, rate: f64) {
        self.drawdown.mark(self.account.equity(self.quantity, close, plan.multiplier(), rate));
    }

    fn carry(&self, plan: &Plan) -> Option<Carry> {
        plan.carry(self.quantity).filter(|_| self.quantity > 0.0)
    }

    fn buy(&mut self, execution: &Execution, quote: &Quote) {
        let margin = Margin { max_leverage: 1.0, ..execution.margin };
        let all_in = Execution { sizing: Sizing::CashFraction(1.0), margin, ..execution.clone() };
        let priced = price::at_market(execution, 1.0, quote);
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
        let priced = price::at_market(execution, -1.0, quote);
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
        self.account.pay(costs::commission(&execution.commission, notional, quantity));
    }

    fn hold(&mut self, plan: &Plan, rows: &Rows<'_>, survey: &Survey<'_>, range: Range<usize>) {
        if self.carry(plan).is_none() && rows.bars.conversion_rate.is_none() {
            self.hold_plain(plan, rows.bars.close, survey, range);
            return;
        }
        let mut index = range.start;
        while index < range.end {
            let lane = if range.end - index >= LANES { rows.lane(index) } else { None };
            if let Some(lane) = lane {
                self.hold_lane(plan, &lane);
                index += LANES;
            } else {
                let row = rows.row(index);
                self.charge(plan, &rows.past(index), row.time);
                self.mark(plan, row.close, row.rate);
                index += 1;
            }
        }
    }

    /// Without charges and rates equity rises with the close, so the extremes of one are those of the other: a block
    /// that cannot hold a new largest drawdown is taken in without a look at each bar.
    fn hold_plain(&mut self, plan: &Plan, closes: &[f64], survey: &Survey<'_>, range: Range<usize>) {
        let (account, quantity, multiplier) = (self.account, self.quantity, plan.multiplier());
        let equity = |close: f64| account.equity(quantity, close, multiplier, 1.0);
        let mut row = range.start;
        while row < range.end {
            let stop = range.end.min((row / SKIPPED_ROWS + 1) * SKIPPED_ROWS);
            let (lowest, highest) = survey.closes(row..stop);
            if !self.drawdown.skip(equity(lowest), equity(highest)) {
                closes[row..stop].iter().for_each(|&close| self.drawdown.mark(equity(close)));
            }
            row = stop;
        }
    }

    fn hold_lane(&mut self, plan: &Plan, lane: &Lane<'_>) {
        let (quantity, multiplier) = (self.quantity, plan.multiplier());
        let charges = self.carry(plan).map(|carry| carry.charges(quantity * multiplier, lane));
        let cash = charges.map_or([self.account.cash; LANES], |charges| self.account.cash_after(&charges));
        let equity = self.account.equities(&cash, quantity, lane.close, multiplier, &lane.rate);
        let (lowest, highest) = lanes::extremes(&equity, &equity);
        if !self.drawdown.skip(lowest, highest) {
            equity.iter().for_each(|&value| self.drawdown.mark(value));
        }
        self.account.cash = cash[LANES - 1];
    }

    /// Total return and largest drawdown after `bars` simulated bars, of which the last one left `past`.
    ///
    /// # Errors
    /// `too_short` with fewer than two.
    pub fn result(
        &self,
        initial_capital: f64,
        multiplier: f64,
        past: Option<&Past>,
        bars: u64,
    ) -> Result<(f64, f64), &'static str> {
        let past = past.filter(|_| bars >= 2).ok_or("too_short")?;
        let equity = self.account.equity(self.quantity, past.close, multiplier, past.rate);
        Ok(((equity - initial_capital) / initial_capital, self.drawdown.worst()))
    }
}
