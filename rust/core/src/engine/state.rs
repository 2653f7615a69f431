//! Everything the loop carries from bar to bar.

use serde::{Deserialize, Serialize};

use crate::engine::benchmark::Benchmark;
use crate::error::Error;
use crate::market::bars::Bars;
use crate::market::rows::Past;
use crate::metrics::accumulator::Accumulator;
use crate::metrics::calendar::Calendar;
use crate::money::account::Account;
use crate::money::position::Position;
use crate::orders::order::Order;
use crate::rules::Rules;

/// What a run is told once, before its first bar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// Name of the instrument.
    pub symbol: String,
    /// Length of a bar.
    pub timeframe_ns: i64,
    /// Account currency.
    pub initial_capital: f64,
    /// First simulated bar.
    pub warmup_bars: u64,
    /// Whether decisions are written down.
    pub record_decisions: bool,
}

/// All that a snapshot must hold of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The run's terms.
    pub spec: RunSpec,
    /// Its rules.
    pub rules: Rules,
    /// Index of the next bar.
    pub next_bar: u64,
    /// Whether the last bar has been taken.
    pub ended: bool,
    /// What the loop carries.
    pub desk: Desk,
}

/// All state that the loop carries from bar to bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Desk {
    /// Cash.
    pub account: Account,
    /// Open position.
    pub position: Option<Position>,
    /// Order that waits for the next open.
    pub pending: Option<Order>,
    /// Stamp of the last fill.
    pub last_fill_ns: Option<i64>,
    /// What the last row leaves to the next one.
    pub past: Option<Past>,
    /// Stamps and closes of the last rows, where sizing looks back over them.
    pub closes: Vec<(i64, f64)>,
    /// Number of the next round trip.
    pub next_trade_id: i64,
    /// Metrics so far.
    pub metrics: Accumulator,
    /// One BUY on the first simulated bar, held.
    pub benchmark: Benchmark,
}

impl Desk {
    /// Starts flat.
    #[must_use]
    pub fn new(rules: &Rules, calendar: Calendar, initial_capital: f64) -> Self {
        Self {
            account: Account { cash: initial_capital, quote_cash: 0.0 },
            position: None,
            pending: None,
            last_fill_ns: None,
            past: None,
            closes: Vec::new(),
            next_trade_id: 0,
            metrics: Accumulator::new(initial_capital, calendar, rules.metrics.risk_free_rate),
            benchmark: Benchmark::new(initial_capital),
        }
    }

    /// Keeps the last `rows` stamps and closes of those known and the new ones.
    pub fn remember(&mut self, bars: &Bars<'_>, rows: usize) {
        let fresh = bars.len().saturating_sub(rows);
        let news = bars.timestamp[fresh..].iter().copied().zip(bars.close[fresh..].iter().copied());
        self.closes.extend(news);
        let old = self.closes.len().saturating_sub(rows);
        self.closes.drain(..old);
    }

    /// Gross P&L of the open position at the last row's close, account currency.
    #[must_use]
    pub fn open_gross(&self, multiplier: f64) -> f64 {
        let net = self.position.as_ref().map_or(0.0, Position::net);
        self.past.map_or(0.0, |past| self.account.open_gross(net, past.close, multiplier, past.rate))
    }

    /// Initial capital and net P&L give the equity; the sums over fills and financing give the cash.
    ///
    /// # Errors
    /// `AccountingIdentity` beyond rounding.
    pub fn check_accounts(&self, initial_capital: f64, multiplier: f64) -> Result<(), Error> {
        let (metrics, trades) = (&self.metrics, self.metrics.trades());
        let paid = self.position.as_ref().map_or(0.0, |position| position.commission + position.financing);
        let open_net = self.open_gross(multiplier) - paid;
        let accounts = [
            (initial_capital + trades.net_total() + open_net, metrics.equity()),
            (initial_capital + trades.gross_total() - metrics.charges(), self.account.cash),
        ];
        let tolerance = 1e-9 * metrics.drawdown().bound().max(1.0);
        for (expected, found) in accounts {
            let agree = (expected - found).abs() <= tolerance;
            if !agree {
                return Err(Error::AccountingIdentity { expected, found });
            }
        }
        Ok(())
    }
}
