//! Everything the loop carries from bar to bar, and the rules it goes by.

use crate::account::Account;
use crate::bar::Bars;
use crate::benchmark::Benchmark;
use crate::cost::Carry;
use crate::error::Error;
use crate::filter::Filter;
use crate::metrics::{Accumulator, Calendar};
use crate::order::Order;
use crate::position::Position;
use crate::rows::Past;
use crate::rules::{Execution, FillMode, Rules, Sizing};

/// The rules of a run with what is derived from them once.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The rules.
    pub rules: Rules,
    /// The signal filter.
    pub filter: Filter,
    /// First simulated bar.
    pub first_bar: i64,
    /// Whether decisions are written down.
    pub record_decisions: bool,
}

impl Plan {
    /// Derives the filter.
    #[must_use]
    pub fn new(rules: Rules, first_bar: i64, record_decisions: bool) -> Self {
        let filter = Filter::new(&rules.decisions, rules.execution.allow_short);
        Self { rules, filter, first_bar, record_decisions }
    }

    /// How orders become fills.
    #[must_use]
    pub fn execution(&self) -> &Execution {
        &self.rules.execution
    }

    /// Quote currency per point and unit.
    #[must_use]
    pub fn multiplier(&self) -> f64 {
        self.rules.execution.instrument.contract_multiplier
    }

    /// Whether orders execute at the close that decided them.
    #[must_use]
    pub fn fills_at_close(&self) -> bool {
        self.rules.execution.fill == FillMode::ThisClose
    }

    /// What holding `net` units over costs, if anything.
    #[must_use]
    pub fn carry(&self, net: f64) -> Option<Carry> {
        Carry::of(&self.rules.execution.financing, net)
    }

    /// The bar from whose close on a position is asked to close for having been held long enough.
    #[must_use]
    pub fn deadline(&self, position: &Position) -> Option<i64> {
        let bars = self.rules.execution.exits.max_holding_bars?;
        let ahead = i64::from(!self.fills_at_close());
        Some(position.entry_bar.saturating_add_unsigned(bars as u64) - ahead)
    }

    /// Rows before a row that sizing looks back over.
    #[must_use]
    pub fn lookback_rows(&self) -> usize {
        match self.rules.execution.sizing {
            Sizing::VolatilityTarget { window, .. } => window,
            _ => 0,
        }
    }
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
