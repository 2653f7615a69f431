//! The books of a chain: what its fills leave in metrics and ledger.
//!
//! Nothing in here decides a fill. So the chain can write its books as it goes, or note what it has done and let another
//! thread write them: the same functions write in the same order, and the bits are the same.

use std::ops::Range;

use crate::engine::fast::curve::{Held, Marks, Points, Span};
use crate::engine::fast::look::Block;
use crate::engine::fast::ranges::MinMax;
use crate::engine::leg::{At, Leg};
use crate::engine::plan::Plan;
use crate::ledger::schema::{Fill, Trade};
use crate::ledger::writer::LedgerWriter;
use crate::metrics::accumulator::{Accumulator, FillCosts};
use crate::orders::matching::{Levels, Reason};
use crate::signals::filter::Decision;

/// A round trip whose fills follow from two signals; all that its books need, so that they read no column of bars.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoundTrip {
    /// Bar at whose open it begins.
    pub entry_at: At,
    /// Bar at whose open it ends.
    pub exit_at: At,
    /// Fill that opens the position.
    pub entry: Leg,
    /// Fill that closes it.
    pub exit: Leg,
    /// Number of the round trip.
    pub trade_id: i64,
    /// Lowest and highest price between the fills.
    pub range: MinMax,
    /// Profit on fill prices.
    pub gross_pnl: f64,
    /// Confidences of entry and exit.
    pub confidences: [Option<f32>; 2],
}

/// The books of a chain, told of its rows in their order.
pub(crate) trait Books {
    /// Adds rows without a position up to `row`.
    fn flat(&mut self, block: &Block<'_>, row: usize, balance: f64, last_fill_ns: Option<i64>);

    /// Adds rows at which a position is held; returns their lowest and highest price.
    fn hold(&mut self, block: &Block<'_>, held: Held<'_>) -> MinMax;

    /// Adds a fill with its costs.
    fn fill(&mut self, costs: &FillCosts, fill: Fill);

    /// Adds a round trip whose fills have been added.
    fn trade(&mut self, trade: Trade);

    /// Adds a round trip with its fills; the rows at which it is held have been added.
    fn trip(&mut self, block: &Block<'_>, trip: &RoundTrip);
}

/// Metrics and ledger that fills are posted to.
pub(crate) struct Posting<'a> {
    /// Metrics of the run.
    pub metrics: &'a mut Accumulator,
    /// Ledger of the run.
    pub writer: &'a mut LedgerWriter,
}

impl Posting<'_> {
    /// Posts a fill with its costs.
    pub fn fill(&mut self, costs: &FillCosts, fill: Fill) {
        self.metrics.fill(*costs);
        self.writer.fill(fill);
    }

    /// Posts a round trip whose fills have been posted.
    #[inline(always)]
    pub fn trade(&mut self, trade: Trade) {
        self.metrics.trade(&trade);
        self.writer.trade(trade);
    }

    /// Posts a round trip with its fills, as `Trading` does.
    #[inline(always)]
    pub fn trip(&mut self, plan: &Plan, trip: &RoundTrip) {
        let RoundTrip { entry_at, exit_at, entry, exit, trade_id, range, gross_pnl, confidences } = *trip;
        let rules = plan.execution();
        let [entry_costs, exit_costs] = [entry, exit].map(|leg| leg.costs(rules));
        // In the order of single bars: sums of money keep the bits of their order.
        self.metrics.fill_twice([entry_costs, exit_costs]);
        self.writer.fill(entry.row(entry_at, trade_id, Reason::Signal, &entry_costs));
        let fill = exit.row(exit_at, trade_id, Reason::Signal, &exit_costs);
        self.writer.fill(fill);
        // These rules set no levels, and where equity is liquidated is no part of a round trip.
        let mut position = entry.position(entry_at, trade_id, confidences[0], &entry_costs, Levels::NONE, None);
        // Of the bar of the exit the position has seen the open, and nothing else.
        for price in [range.0, range.1, exit.priced.reference] {
            position.note_price(price);
        }
        self.trade(exit.trade(rules, &mut position, &fill, gross_pnl, confidences[1]));
    }
}

impl Points for Posting<'_> {
    fn equity(&mut self) -> &mut Vec<f64> {
        &mut self.writer.ledger.equity
    }

    fn keeps_curve(&self) -> bool {
        self.writer.keeps_curve()
    }

    fn span(&mut self, block: &Block<'_>, span: Span) {
        span.add_to(self.metrics, block, &self.writer.ledger.equity);
    }
}

/// The rows of a chain that its books have.
pub(crate) struct Progress {
    /// First row of the chain.
    first: usize,
    /// Decisions written before the chain.
    decided: usize,
    marks: Marks,
}

impl Progress {
    /// Starts at row `first` of a block.
    pub fn new(writer: &LedgerWriter, first: usize) -> Self {
        let decided = writer.ledger.decisions.code.len();
        Self { first, decided, marks: Marks::new(first, writer.ledger.equity.len()) }
    }
}

/// Books that are written at once.
pub(crate) struct Written<'a> {
    /// Metrics and ledger of the run.
    pub posting: Posting<'a>,
    /// Rows that they have.
    pub progress: &'a mut Progress,
}

impl Books for Written<'_> {
    #[inline(always)]
    fn flat(&mut self, block: &Block<'_>, row: usize, balance: f64, last_fill_ns: Option<i64>) {
        self.judge(block, self.progress.marks.row..row, 0, last_fill_ns);
        self.progress.marks.flat(&mut self.posting, block, row, balance);
    }

    #[inline(always)]
    fn hold(&mut self, block: &Block<'_>, held: Held<'_>) -> MinMax {
        self.judge(block, held.rows.clone(), if held.net > 0.0 { 1 } else { -1 }, held.last_fill_ns);
        self.progress.marks.hold(&mut self.posting, block, held)
    }

    fn fill(&mut self, costs: &FillCosts, fill: Fill) {
        self.posting.fill(costs, fill);
    }

    fn trade(&mut self, trade: Trade) {
        self.posting.trade(trade);
    }

    #[inline(always)]
    fn trip(&mut self, block: &Block<'_>, trip: &RoundTrip) {
        self.posting.trip(block.plan, trip);
    }
}

impl Written<'_> {
    /// Adds everything that is added once for all rows of a chain, which ends at row `end`.
    pub fn finish(mut self, block: &Block<'_>, end: usize) {
        self.progress.marks.add_points(&mut self.posting, block, end);
        if block.plan.record_decisions {
            self.posting.writer.take_signals(&block.look.columns.rows(self.progress.first, end));
        }
    }

    /// Writes the decisions on rows where a fill can hold signals back; the order at the last of them is one.
    #[inline]
    fn judge(&mut self, block: &Block<'_>, rows: Range<usize>, direction: i8, last_fill_ns: Option<i64>) {
        if block.plan.record_decisions && block.plan.filter.separates() {
            self.judge_each(block, rows, direction, last_fill_ns);
        }
    }

    fn judge_each(&mut self, block: &Block<'_>, rows: Range<usize>, direction: i8, last_fill_ns: Option<i64>) {
        let Block { plan, look, bits, .. } = block;
        let codes = &mut self.posting.writer.ledger.decisions.code;
        let Progress { first, decided, .. } = *self.progress;
        // A row without a signal or an undefined confidence has this code, whatever the position.
        codes.resize(decided + rows.end - first, Decision::Hold as u8);
        bits.each_noted(rows, |row| {
            let stamp_ns = block.rows.bars.timestamp[row];
            let signal = look.columns.signals[row];
            let confidence = look.columns.confidence(row);
            let verdict = plan.filter.judge(signal, confidence, stamp_ns, last_fill_ns, direction);
            codes[decided + row - first] = verdict.decision() as u8;
        });
    }
}
