//! The simulation core of ktrdr: signals become positions, fills, costs, profit and loss, metrics and snapshots.
//!
//! No Python, no I/O, no clock, no randomness. Sums are `f64` in a fixed order of operations: the same inputs give the
//! same bits, whether a run is whole, in chunks or resumed from a snapshot.
//!
//! # The order of a bar
//!
//! 1. Financing since the last bar is charged.
//! 2. The pending order executes at this bar's open.
//! 3. Exits inside the bar: stop, target, trailing stop, liquidation.
//! 4. The signal passes the filters, or the longest holding asks for a close: an order is placed. `Columns::ENTER_LONG`
//!    and its like are signals that always reverse, or only close.
//! 5. With `this_close` the order executes at this close; otherwise it is pending.
//! 6. On the last bar a pending order is rejected, and an open position may be closed.
//! 7. Equity is marked at the close.
//! 8. Trailing levels move, to act from the next bar on.
//!
//! # Five bars
//!
//! A buy at the first close is filled at the second open, a sell at the third close at the fourth open.
//!
//! ```
//! use ktrdr_core::{Bars, Calendar, Columns, Rules, RunSpec, Simulation};
//!
//! let rules: Rules = serde_json::from_str(r#"{
//!     "execution": {
//!         "fill": "next_open", "sizing": {"kind": "fixed_quantity", "quantity": 10},
//!         "commission": {"rate": 0, "per_unit": 0, "per_fill": 1, "minimum": 0},
//!         "slippage": {"rate": 0}, "spread": {"half": 0},
//!         "financing": {"long_rate": 0, "short_rate": 0, "day_count": 365},
//!         "exits": {"stop_loss": null, "take_profit": null, "trailing_stop": null, "trail_on": "close",
//!                   "max_holding_bars": null, "atr_period": 14},
//!         "intrabar": "pessimistic", "on_opposite": "close", "allow_short": true,
//!         "margin": {"max_leverage": 1, "maintenance": 0.5},
//!         "instrument": {"tick_size": null, "lot_size": 1, "contract_multiplier": 1}, "close_at_end": true
//!     },
//!     "decisions": {"confidence_threshold": 0, "position_awareness": true, "allow_short_from_flat": false,
//!                   "filters": {"min_signal_separation": 0}},
//!     "metrics": {"periods_per_year": 252, "risk_free_rate": 0}
//! }"#).expect("every key");
//!
//! const DAY_NS: i64 = 86_400_000_000_000;
//! let stamps = [0, 1, 2, 3, 4].map(|day| day * DAY_NS);
//! let prices = [100.0, 101.0, 103.0, 104.0, 102.0];
//! let bars = Bars::new(&stamps, &prices, &prices, &prices, &prices);
//! bars.check(None)?;
//! let spec = RunSpec {
//!     symbol: "ABC".into(), timeframe_ns: DAY_NS, initial_capital: 10_000.0, warmup_bars: 0, record_decisions: false,
//! };
//! let mut simulation = Simulation::new(rules, spec, Calendar::of_run(Some(252.0), DAY_NS, &stamps))?;
//! simulation.run(&Columns { bars, signals: &[1, 0, -1, 0, 0], confidence: None }, None)?;
//!
//! let ledger = simulation.ledger();
//! assert_eq!(ledger.fills.price, [101.0, 104.0]);
//! // 10 units earn 3 each; two fills cost 1 each.
//! assert_eq!(ledger.trades.net_pnl, [28.0]);
//! assert_eq!(ledger.equity, [10_000.0, 9_999.0, 10_019.0, 10_028.0, 10_028.0]);
//! # Ok::<(), ktrdr_core::Error>(())
//! ```
//!
//! # Rooms
//!
//! A room uses only the rooms above it in this list.
//!
//! * `rules`: the rules of a run and their ranges
//! * `market`: bars, rows, signals beside them
//! * `money`: account, holding, position, costs, sizing
//! * `signals`, `orders`: decisions, orders, levels, prices
//! * `ledger`: the schema of the tables, the tables, their hashes
//! * `metrics`: accumulators and their report
//! * `engine`: one bar, the run, and its fast path
//! * `snapshot`: the state as bytes
//! * `sweep`: many scenarios over the same bars
//! * `features`: fuzzy memberships, apart from all others
#![forbid(unsafe_code)]

mod engine;
mod error;
mod features;
mod lanes;
mod ledger;
mod market;
mod metrics;
mod money;
mod number;
mod orders;
mod rules;
mod signals;
mod snapshot;
mod sweep;
mod time;

pub use engine::simulation::Simulation;
pub use engine::state::RunSpec;
pub use error::{Error, Problem};
pub use features::membership::{DegreeColumn, Membership, fill as fill_memberships};
pub use ledger::column::{ColumnMut, ColumnRef};
pub use ledger::hash::{Content, PAGE_ROWS, identity, result as result_hash};
pub use ledger::schema::LEDGER_SCHEMA;
pub use ledger::tables::Ledger;
pub use market::audit::{Field, Rule};
pub use market::bars::Bars;
pub use market::columns::Columns;
pub use market::spacing::Spacing;
pub use metrics::calendar::Calendar;
pub use metrics::catalog::METRICS;
pub use metrics::report::MetricSet;
pub use metrics::undefined::Undefined;
pub use orders::matching::Reason;
pub use orders::order::RejectionReason;
pub use rules::{Decisions as DecisionRules, Rules};
pub use signals::filter::{Decision, Filter};
pub use signals::scores::{classify, regress};
pub use snapshot::container::{Header, open as open_snapshot, seal as seal_snapshot};
pub use snapshot::saved::{SEMANTICS, Saved};
pub use snapshot::v1::Parts;
pub use snapshot::v2::SnapshotV2;
pub use sweep::table::sweep;
