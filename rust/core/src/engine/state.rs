//! Everything the loop carries from bar to bar.

use serde::{Deserialize, Serialize};

use crate::engine::benchmark::Benchmark;
use crate::error::Error;
use crate::market::bars::Bars;
use crate::market::rows::PreviousBar;
use crate::metrics::accumulator::Accumulator;
use crate::metrics::calendar::Calendar;
use crate::money::account::Account;
use crate::money::holding::Holding;
use crate::money::position::Position;
use crate::orders::order::Order;
use crate::rules::{Execution, Rules};

/// The terms of a run, fixed before its first bar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// Name of the instrument.
    pub symbol: String,
    /// Length of a bar, ns.
    pub timeframe_ns: i64,
    /// Initial capital, account currency.
    pub initial_capital: f64,
    /// Index of the first simulated bar.
    pub warmup_bars: u64,
    /// True if decisions are written to the ledger.
    pub record_decisions: bool,
}

/// Everything a snapshot must hold of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunState {
    /// Terms of the run.
    pub spec: RunSpec,
    /// Rules of the run.
    pub rules: Rules,
    /// Index of the next bar.
    pub next_bar: u64,
    /// True if the last bar has been simulated.
    pub ended: bool,
    /// State of the loop.
    pub state: State,
}

/// The state of the loop between two bars.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Balance and the open position's quote currency.
    pub account: Account,
    /// Open position, if there is one.
    pub position: Option<Position>,
    /// Order that executes at the next open.
    pub pending: Option<Order>,
    /// Stamp of the last fill, ns UTC.
    pub last_fill_ns: Option<i64>,
    /// Values of the last row; `None` before the first.
    pub previous: Option<PreviousBar>,
    /// Stamps and closes of the last rows, if sizing looks back over them.
    pub closes: Vec<(i64, f64)>,
    /// Number of the next round trip.
    pub next_trade_id: i64,
    /// Accumulators of the metrics.
    pub metrics: Accumulator,
    /// Account of buy and hold.
    pub benchmark: Benchmark,
}

impl State {
    /// Starts without a position or an order.
    #[must_use]
    pub(crate) fn new(rules: &Rules, calendar: Calendar, initial_capital: f64) -> Self {
        Self {
            account: Account::new(initial_capital),
            position: None,
            pending: None,
            last_fill_ns: None,
            previous: None,
            closes: Vec::new(),
            next_trade_id: 0,
            metrics: Accumulator::new(initial_capital, calendar, rules.metrics.risk_free_rate),
            benchmark: Benchmark::new(initial_capital),
        }
    }

    /// Returns the direction of the open position: +1 long, -1 short, 0 flat.
    pub(crate) fn direction(&self) -> i8 {
        self.position.as_ref().map_or(0, |position| position.direction)
    }

    /// Returns the signed quantity of the open position; 0 when flat.
    pub(crate) fn net(&self) -> f64 {
        self.position.as_ref().map_or(0.0, Position::net)
    }

    /// Keeps the last `rows` stamps and closes of those known and the new ones.
    pub(crate) fn remember(&mut self, bars: &Bars<'_>, rows: usize) {
        let fresh = bars.len().saturating_sub(rows);
        let news = bars.timestamp[fresh..].iter().copied().zip(bars.close[fresh..].iter().copied());
        self.closes.extend(news);
        // Fewer new rows than wanted leave some of the old ones.
        let old = self.closes.len().saturating_sub(rows);
        self.closes.drain(..old);
    }

    /// Returns the gross profit of the open position at the last close, account currency.
    #[must_use]
    pub(crate) fn open_gross(&self, execution: &Execution) -> f64 {
        let holding = Holding::new(execution, self.net());
        self.previous.map_or(0.0, |previous| holding.open_gross(&self.account, previous.close, previous.rate))
    }

    /// Checks the accounts: capital and net profit give the equity, gross profit and charges give the balance.
    ///
    /// # Errors
    /// `AccountingIdentity` for a difference beyond rounding.
    pub(crate) fn check_accounts(&self, initial_capital: f64, execution: &Execution) -> Result<(), Error> {
        let metrics = &self.metrics;
        let trades = metrics.trades();
        let paid = self.position.as_ref().map_or(0.0, |position| position.commission + position.financing);
        let open_net = self.open_gross(execution) - paid;
        let accounts = [
            (initial_capital + trades.net_total() + open_net, metrics.equity()),
            (initial_capital + trades.gross_total() - metrics.charges(), self.account.balance),
        ];
        // Relative to the largest equity so far: rounding grows with the amounts.
        let tolerance = 1e-9 * metrics.drawdown().bound().max(1.0);
        for (expected, found) in accounts {
            // Asked this way round, NaN does not agree.
            let agree = (expected - found).abs() <= tolerance;
            if !agree {
                return Err(Error::AccountingIdentity { expected, found });
            }
        }
        Ok(())
    }
}
