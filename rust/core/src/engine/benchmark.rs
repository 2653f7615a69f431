//! Buy and hold under the run's own costs.
//!
//! One BUY on the first simulated bar fills at the next open with all cash, without leverage and without exits. The
//! holding is never traded again, so it needs no loop of its own.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::engine::fast::ranges::BlockRanges;
use crate::engine::plan::Plan;
use crate::error::Error;
use crate::lanes::{self, LANES};
use crate::market::rows::{PreviousBar, Quote, RowLanes, Rows};
use crate::metrics::drawdown::MaxDrawdown;
use crate::metrics::undefined::Undefined;
use crate::money::account::Account;
use crate::money::costs;
use crate::money::holding::Holding;
use crate::money::sizing::{self, SizingInput, SizingOutcome};
use crate::orders::price::{self, Priced};
use crate::rules::Execution;
use crate::rules::costs::Margin;
use crate::rules::sizing::Sizing;

/// Rows that are skipped together if they cannot hold a new largest drawdown, from many to few.
///
/// Multiples of the parts whose extremes `BlockRanges` knows.
const SKIP_ROWS: [usize; 3] = [8_192, 1_024, 128];

/// The account of a buyer who holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Benchmark {
    account: Account,
    quantity: f64,
    drawdown: MaxDrawdown,
}

impl Benchmark {
    /// Starts with nothing bought.
    #[must_use]
    pub(crate) fn new(initial_capital: f64) -> Self {
        Self { account: Account::new(initial_capital), quantity: 0.0, drawdown: MaxDrawdown::new(initial_capital) }
    }

    /// Simulates the next rows; `last` ends the run with them. Without `ranges` every row is simulated by itself.
    ///
    /// # Errors
    /// `FillPrice`, as in the run itself.
    pub(crate) fn take(
        &mut self,
        plan: &Plan,
        rows: &Rows<'_>,
        ranges: Option<&BlockRanges<'_>>,
        last: bool,
    ) -> Result<(), Error> {
        let end = rows.len();
        let mut index = rows.before(plan.first_bar);
        while index < end {
            let quiet = quiet_rows(plan, rows, index..end - usize::from(last));
            match ranges.filter(|_| quiet > 0) {
                Some(ranges) => {
                    self.hold(plan, rows, ranges, index..index + quiet);
                    index += quiet;
                }
                None => {
                    self.step(plan, rows, index, last && index + 1 == end)?;
                    index += 1;
                }
            }
        }
        Ok(())
    }

    /// Simulates one row by the definition of a bar.
    fn step(&mut self, plan: &Plan, rows: &Rows<'_>, index: usize, last: bool) -> Result<(), Error> {
        let row = rows.row(index);
        let previous = rows.previous(index);
        self.charge(plan, &previous, row.time);
        if row.bar == plan.first_bar + 1 {
            self.buy(plan.execution(), &row.at_open(&previous));
        }
        if last && plan.execution().close_at_end && self.quantity > 0.0 {
            self.sell(plan.execution(), row.bar, &row.at_close(&previous))?;
        }
        self.mark(plan, row.close, row.rate);
        Ok(())
    }

    fn holding(&self, plan: &Plan) -> Holding {
        plan.holding(self.quantity)
    }

    fn charge(&mut self, plan: &Plan, previous: &PreviousBar, time_ns: i64) {
        if let Some(charge) = self.holding(plan).charge(previous, time_ns) {
            self.account.pay(charge);
        }
    }

    fn mark(&mut self, plan: &Plan, close: f64, rate: f64) {
        self.drawdown.mark(self.holding(plan).equity(&self.account, close, rate));
    }

    fn buy(&mut self, execution: &Execution, quote: &Quote) {
        // Without leverage, whatever the run may use: its cash is what a buyer has.
        let margin = Margin { max_leverage: 1.0, ..execution.margin };
        let all_in = Execution { sizing: Sizing::CashFraction(1.0), margin, ..execution.clone() };
        let priced = price::at_market(execution, 1.0, quote);
        let unit = execution.instrument.contract_multiplier * quote.rate;
        let input = SizingInput {
            equity: self.account.balance,
            unit_value: quote.reference * unit,
            unit_cost: priced.price * unit,
            sigma: None,
        };
        if let SizingOutcome::Quantity(quantity) = sizing::size(&all_in, &input) {
            self.quantity = quantity;
            self.fill(execution, quantity, &priced);
        }
    }

    fn sell(&mut self, execution: &Execution, bar: i64, quote: &Quote) -> Result<(), Error> {
        let priced = price::at_market(execution, -1.0, quote);
        priced.require_positive(bar)?;
        self.fill(execution, -self.quantity, &priced);
        self.account.settle(quote.rate);
        self.quantity = 0.0;
        Ok(())
    }

    fn fill(&mut self, execution: &Execution, signed_quantity: f64, priced: &Priced) {
        let multiplier = execution.instrument.contract_multiplier;
        let quantity = signed_quantity.abs();
        let notional = price::notional(quantity, priced.price, multiplier * priced.rate);
        self.account.trade(signed_quantity, priced.price, multiplier);
        self.account.pay(costs::commission(&execution.commission, notional, quantity));
    }

    /// Simulates rows at which nothing is filled.
    fn hold(&mut self, plan: &Plan, rows: &Rows<'_>, ranges: &BlockRanges<'_>, range: Range<usize>) {
        if !self.holding(plan).is_charged() && rows.bars.conversion_rate.is_none() {
            self.hold_by_ranges(plan, rows.bars.close, ranges, range);
            return;
        }
        let mut index = range.start;
        while index < range.end {
            let lanes = if range.end - index >= LANES { rows.lanes(index) } else { None };
            if let Some(lanes) = lanes {
                self.hold_lanes(plan, &lanes);
                index += LANES;
            } else {
                let row = rows.row(index);
                self.charge(plan, &rows.previous(index), row.time);
                self.mark(plan, row.close, row.rate);
                index += 1;
            }
        }
    }

    /// Simulates rows without charges and rates.
    ///
    /// Equity then rises with the close, also after rounding, so the extremes of one are those of the other. Rows that
    /// cannot hold a new largest drawdown are skipped without a look at each.
    fn hold_by_ranges(&mut self, plan: &Plan, closes: &[f64], ranges: &BlockRanges<'_>, range: Range<usize>) {
        let holding = self.holding(plan);
        let account = self.account;
        let equity = |close: f64| holding.equity(&account, close, 1.0);
        let mut row = range.start;
        while row < range.end {
            let stops = SKIP_ROWS.map(|rows| range.end.min((row / rows + 1) * rows));
            let skipped = stops.into_iter().find(|&stop| {
                let (lowest, highest) = ranges.closes(row..stop);
                self.drawdown.try_skip(equity(lowest), equity(highest))
            });
            row = skipped.unwrap_or_else(|| {
                let stop = stops[SKIP_ROWS.len() - 1];
                closes[row..stop].iter().for_each(|&close| self.drawdown.mark(equity(close)));
                stop
            });
        }
    }

    fn hold_lanes(&mut self, plan: &Plan, lanes: &RowLanes<'_>) {
        let holding = self.holding(plan);
        let charges = holding.charges(lanes);
        let balances = charges.map_or([self.account.balance; LANES], |charges| self.account.balances_after(&charges));
        let equity = holding.equities(&self.account, &balances, lanes.close, &lanes.rate);
        let (lowest, highest) = lanes::min_max_of_lanes(&equity, &equity);
        if !self.drawdown.try_skip(lowest, highest) {
            equity.iter().for_each(|&value| self.drawdown.mark(value));
        }
        self.account.balance = balances[LANES - 1];
    }

    /// Returns total return and largest drawdown after `bars` simulated bars, of which `previous` is the last.
    ///
    /// # Errors
    /// `TooShort` for fewer than two bars.
    pub(crate) fn result(
        &self,
        initial_capital: f64,
        execution: &Execution,
        previous: Option<&PreviousBar>,
        bars: u64,
    ) -> Result<(f64, f64), Undefined> {
        let previous = previous.filter(|_| bars >= 2).ok_or(Undefined::TooShort)?;
        let holding = Holding::new(execution, self.quantity);
        let equity = holding.equity(&self.account, previous.close, previous.rate);
        Ok(((equity - initial_capital) / initial_capital, self.drawdown.worst()))
    }
}

/// Counts the rows from the first one on that only hold: up to the entry, or all after it.
fn quiet_rows(plan: &Plan, rows: &Rows<'_>, range: Range<usize>) -> usize {
    let entry = rows.before(plan.first_bar + 1);
    let stop = if range.start <= entry { range.end.min(entry) } else { range.end };
    stop.saturating_sub(range.start)
}
