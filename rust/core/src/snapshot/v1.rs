//! The payload of schema version 1, frozen.
//!
//! The fields of a state are listed here once more: a new field of the live state does not compile until it has a place
//! here. Leaves (rules, positions, accumulators) are plain values of other modules. A test holds bytes of this
//! version, so a leaf that changes shape must leave its old shape here.

use serde::{Deserialize, Serialize};

use crate::engine::benchmark::Benchmark;
use crate::engine::state::{RunSpec, RunState, State};
use crate::ledger::hash::Hash;
use crate::market::rows::PreviousBar;
use crate::metrics::accumulator::Accumulator;
use crate::money::account::Account;
use crate::money::position::Position;
use crate::orders::order::Order;
use crate::rules::Rules;
use crate::snapshot::check::check;
use crate::snapshot::container::Payload;

/// Named hashes of a run's inputs, so that a refusal can name the part that differs.
pub type Parts = Vec<(String, Hash)>;

/// The state of a run between two bars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotV1 {
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
}

/// The part of a state that belongs to one symbol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct BookV1 {
    symbol: String,
    quote_cash: f64,
    position: Option<Position>,
    pending: Option<Order>,
    last_fill_ns: Option<i64>,
    past: Option<PreviousBar>,
    closes: Option<ClosesV1>,
    benchmark: Benchmark,
}

/// Stamps and closes of the last rows.
///
/// They are most of a snapshot, so stamps are stored as steps in their largest common unit: whole bars are short numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ClosesV1 {
    first_ns: i64,
    unit_ns: u64,
    steps: Vec<u64>,
    closes: Vec<f64>,
}

impl ClosesV1 {
    fn of(rows: &[(i64, f64)]) -> Option<Self> {
        let &(first_ns, _) = rows.first()?;
        let steps_ns = || rows.windows(2).map(|pair| pair[1].0.abs_diff(pair[0].0));
        let unit_ns = steps_ns().fold(0, common_divisor).max(1);
        let steps = steps_ns().map(|step_ns| step_ns / unit_ns).collect();
        Some(Self { first_ns, unit_ns, steps, closes: rows.iter().map(|row| row.1).collect() })
    }

    fn rows(self) -> Vec<(i64, f64)> {
        let mut stamp = self.first_ns;
        let stamps = std::iter::once(0).chain(self.steps).map(|step| {
            stamp = stamp.saturating_add_unsigned(step.saturating_mul(self.unit_ns));
            stamp
        });
        stamps.zip(self.closes).collect()
    }
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

impl SnapshotV1 {
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
            metrics: self.metrics,
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
        let even = |closes: &ClosesV1| closes.closes.len() == closes.steps.len() + 1;
        if !self.books.iter().all(|book| book.closes.as_ref().is_none_or(even)) {
            return Err("stamps and closes differ in number");
        }
        let (run, _) = self.clone().into_state().ok_or("not exactly one symbol")?;
        check(&run)
    }
}

impl Payload for SnapshotV1 {
    const SCHEMA: u16 = 1;

    fn bar(&self) -> u64 {
        self.next_bar
    }

    fn check(&self) -> Result<(), &'static str> {
        Self::check(self)
    }
}
