//! The payload of schema version 2, frozen: version 1 with what decides the periods of a run.
//!
//! The fields of a state are listed here once more: a new field of the live state does not compile until it has a place
//! here. Leaves (rules, positions, accumulators) are plain values of other modules. A test holds bytes of this
//! version, so a leaf that changes shape must leave its old shape here.

use serde::{Deserialize, Serialize};

use crate::engine::state::{RunSpec, RunState, State};
use crate::error::Error;
use crate::metrics::accumulator::Accumulator;
use crate::metrics::calendar::Calendar;
use crate::metrics::week::Week;
use crate::money::account::Account;
use crate::rules::Rules;
use crate::snapshot::check::check;
use crate::snapshot::container::{Payload, decode};
use crate::snapshot::v1::{BookV1, ClosesV1, Parts, SnapshotV1};

/// The state of a run between two bars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotV2 {
    parts: Parts,
    rules: Rules,
    timeframe_ns: i64,
    initial_capital: f64,
    warmup_bars: u64,
    record_decisions: bool,
    next_bar: u64,
    ended: bool,
    cash: f64,
    next_trade_id: i64,
    metrics: Accumulator,
    /// One entry per symbol, by name.
    books: Vec<BookV1>,
    week: Week,
}

impl From<SnapshotV1> for SnapshotV2 {
    fn from(old: SnapshotV1) -> Self {
        let SnapshotV1 {
            parts,
            rules,
            timeframe_ns,
            initial_capital,
            warmup_bars,
            record_decisions,
            next_bar,
            ended,
            cash,
            next_trade_id,
            metrics,
            books,
        } = old;
        // Version 1 added every Sunday to its Monday unless a year had 365 periods.
        let periods_per_year = metrics.calendar().periods_per_year();
        let sundays_join = Calendar::open_ended(periods_per_year, timeframe_ns).sundays_join();
        Self {
            parts,
            rules,
            timeframe_ns,
            initial_capital,
            warmup_bars,
            record_decisions,
            next_bar,
            ended,
            cash,
            next_trade_id,
            metrics,
            books,
            week: Week { sundays_join, open: None },
        }
    }
}

impl SnapshotV2 {
    /// Takes a state apart without leaving anything out: no pattern here has `..`.
    #[must_use]
    pub fn of(run: RunState, parts: Parts) -> Self {
        let RunState { spec, rules, next_bar, ended, state } = run;
        let RunSpec { symbol, timeframe_ns, initial_capital, warmup_bars, record_decisions } = spec;
        let State {
            account: Account { balance, quote_cash },
            position,
            pending,
            last_fill_ns,
            previous,
            closes,
            next_trade_id,
            metrics,
            benchmark,
        } = state;
        let closes = ClosesV1::of(&closes);
        let book = BookV1 { symbol, quote_cash, position, pending, last_fill_ns, past: previous, closes, benchmark };
        Self {
            parts,
            rules,
            timeframe_ns,
            initial_capital,
            warmup_bars,
            record_decisions,
            next_bar,
            ended,
            cash: balance,
            next_trade_id,
            week: metrics.week(),
            metrics,
            books: vec![book],
        }
    }

    /// Puts the state together again, with the hashes of the run's inputs; `None` unless there is one symbol.
    #[must_use]
    pub fn into_state(self) -> Option<(RunState, Parts)> {
        let [book]: [BookV1; 1] = self.books.try_into().ok()?;
        let BookV1 { symbol, quote_cash, position, pending, last_fill_ns, past, closes, benchmark } = book;
        let state = State {
            account: Account { balance: self.cash, quote_cash },
            position,
            pending,
            last_fill_ns,
            previous: past,
            closes: closes.map(ClosesV1::rows).unwrap_or_default(),
            next_trade_id: self.next_trade_id,
            metrics: self.metrics.with_week(self.week),
            benchmark,
        };
        let spec = RunSpec {
            symbol,
            timeframe_ns: self.timeframe_ns,
            initial_capital: self.initial_capital,
            warmup_bars: self.warmup_bars,
            record_decisions: self.record_decisions,
        };
        let run = RunState { spec, rules: self.rules, next_bar: self.next_bar, ended: self.ended, state };
        Some((run, self.parts))
    }

    /// Checks that some run can have reached this state.
    ///
    /// # Errors
    /// The fact that cannot be.
    pub fn check(&self) -> Result<(), &'static str> {
        if !self.books.iter().all(|book| book.closes.as_ref().is_none_or(ClosesV1::is_even)) {
            return Err("stamps and closes differ in number");
        }
        let (run, _) = self.clone().into_state().ok_or("not exactly one symbol")?;
        check(&run)
    }
}

impl Payload for SnapshotV2 {
    const SCHEMA: u16 = 2;

    fn bar(&self) -> u64 {
        self.next_bar
    }

    fn check(&self) -> Result<(), &'static str> {
        Self::check(self)
    }

    fn decode(schema: u16, payload: &[u8]) -> Result<Self, Error> {
        if schema < Self::SCHEMA { decode::<SnapshotV1>(payload).map(Self::from) } else { decode(payload) }
    }
}
