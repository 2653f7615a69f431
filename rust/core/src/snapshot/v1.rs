//! The payload of schema version 1, frozen; `v2` reads it.
//!
//! Leaves (rules, positions, accumulators) are plain values of other modules. A test holds bytes of this version, so a
//! leaf that changes shape must leave its old shape here.

use serde::{Deserialize, Serialize};

use crate::engine::benchmark::Benchmark;
use crate::ledger::hash::Hash;
use crate::market::rows::PreviousBar;
use crate::metrics::accumulator::Accumulator;
use crate::money::position::Position;
use crate::orders::order::Order;
use crate::rules::Rules;

/// Named hashes of a run's inputs, so that a refusal can name the part that differs.
pub type Parts = Vec<(String, Hash)>;

/// The state of a run between two bars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SnapshotV1 {
    pub(super) parts: Parts,
    pub(super) rules: Rules,
    pub(super) timeframe_ns: i64,
    pub(super) initial_capital: f64,
    pub(super) warmup_bars: u64,
    pub(super) record_decisions: bool,
    pub(super) next_bar: u64,
    pub(super) ended: bool,
    pub(super) cash: f64,
    pub(super) next_trade_id: i64,
    pub(super) metrics: Accumulator,
    /// One entry per symbol, by name.
    pub(super) books: Vec<BookV1>,
}

/// The part of a state that belongs to one symbol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct BookV1 {
    pub(super) symbol: String,
    pub(super) quote_cash: f64,
    pub(super) position: Option<Position>,
    pub(super) pending: Option<Order>,
    pub(super) last_fill_ns: Option<i64>,
    pub(super) past: Option<PreviousBar>,
    pub(super) closes: Option<ClosesV1>,
    pub(super) benchmark: Benchmark,
}

/// Stamps and closes of the last rows.
///
/// They are most of a snapshot, so stamps are stored as steps in their largest common unit: whole bars are short numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ClosesV1 {
    first_ns: i64,
    unit_ns: u64,
    steps: Vec<u64>,
    closes: Vec<f64>,
}

impl ClosesV1 {
    pub(super) fn of(rows: &[(i64, f64)]) -> Option<Self> {
        let &(first_ns, _) = rows.first()?;
        let steps_ns = || rows.windows(2).map(|pair| pair[1].0.abs_diff(pair[0].0));
        let unit_ns = steps_ns().fold(0, common_divisor).max(1);
        let steps = steps_ns().map(|step_ns| step_ns / unit_ns).collect();
        Some(Self { first_ns, unit_ns, steps, closes: rows.iter().map(|row| row.1).collect() })
    }

    pub(super) fn rows(self) -> Vec<(i64, f64)> {
        let mut stamp = self.first_ns;
        let stamps = std::iter::once(0).chain(self.steps).map(|step| {
            stamp = stamp.saturating_add_unsigned(step.saturating_mul(self.unit_ns));
            stamp
        });
        stamps.zip(self.closes).collect()
    }

    /// Returns true if there is one step less than closes.
    pub(super) fn is_even(&self) -> bool {
        self.closes.len() == self.steps.len() + 1
    }
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}
