//! Everything the loop carries from bar to bar, and what it is carried by.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::bar::Bars;
use crate::benchmark::Benchmark;
use crate::error::Error;
use crate::fill::Quote;
use crate::filter::Filter;
use crate::metrics::{Accumulator, Calendar};
use crate::order::Order;
use crate::position::Position;
use crate::rules::{Execution, FillMode, Rules, Sizing};

/// One row of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Index from the first bar ever fed.
    pub bar: i64,
    /// Bar open, ns UTC.
    pub time: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Half spread as of the close.
    pub half_spread: f64,
    /// ATR as of the close, NaN without a column.
    pub atr: f64,
    /// Account currency per unit of quote currency, as of the close.
    pub rate: f64,
}

impl Row {
    /// Row `index` of the bars, which is bar `bar` of the run; `half_spread` stands in for a missing column.
    #[must_use]
    pub fn of(bars: &Bars<'_>, index: usize, bar: i64, half_spread: f64) -> Self {
        Self {
            bar,
            time: bars.timestamp[index],
            open: bars.open[index],
            high: bars.high[index],
            low: bars.low[index],
            close: bars.close[index],
            half_spread: bars.half_spread.map_or(half_spread, |column| column[index]),
            atr: bars.atr.map_or(f64::NAN, |column| column[index]),
            rate: bars.conversion_rate.map_or(1.0, |column| column[index]),
        }
    }

    /// What the next row may know of this one.
    #[must_use]
    pub fn past(&self) -> Past {
        Past {
            time: self.time,
            range: self.high - self.low,
            close: self.close,
            half_spread: self.half_spread,
            rate: self.rate,
        }
    }

    /// What a fill at this row's open is priced from: of spread, range and rate only the past ones are known.
    #[must_use]
    pub fn at_open(&self, past: &Past) -> Quote {
        Quote { reference: self.open, half_spread: past.half_spread, range: past.range, rate: past.rate }
    }

    /// What a fill at this row's close is priced from: spread and rate are this row's own.
    #[must_use]
    pub fn at_close(&self, past: &Past) -> Quote {
        Quote { reference: self.close, half_spread: self.half_spread, range: past.range, rate: self.rate }
    }
}

/// What a row leaves to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// Its bar's open, ns UTC.
    pub time: i64,
    /// Its high less its low.
    pub range: f64,
    /// Its last price.
    pub close: f64,
    /// Its half spread.
    pub half_spread: f64,
    /// Its conversion rate.
    pub rate: f64,
}

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

    /// Rows that sizing looks back over.
    #[must_use]
    pub fn lookback_rows(&self) -> usize {
        match self.rules.execution.sizing {
            Sizing::VolatilityTarget { window, .. } => window + 1,
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
    /// Largest absolute equity at any mark.
    pub largest_equity: f64,
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
            largest_equity: initial_capital,
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
        let tolerance = 1e-9 * self.largest_equity.max(initial_capital).max(1.0);
        for (expected, found) in accounts {
            let agree = (expected - found).abs() <= tolerance;
            if !agree {
                return Err(Error::AccountingIdentity { expected, found });
            }
        }
        Ok(())
    }
}
