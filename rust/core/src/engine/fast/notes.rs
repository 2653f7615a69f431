//! Notes of what a chain has done in a block: its books can be written later, and by another thread.

use std::ops::Range;
use std::sync::Arc;

use crate::engine::fast::books::{Books, Posting, RoundTrip};
use crate::engine::fast::curve::{Held, Marks, Points, Span};
use crate::engine::fast::decisions::Positions;
use crate::engine::fast::look::{Block, Look};
use crate::engine::fast::ranges::MinMax;
use crate::engine::plan::Plan;
use crate::ledger::schema::{Fill, Trade};
use crate::ledger::writer::LedgerWriter;
use crate::market::rows::Rows;
use crate::metrics::accumulator::{Accumulator, FillCosts};

/// Metrics and ledger of a run, which one thread at a time writes.
#[derive(Debug)]
pub(crate) struct Output {
    /// Metrics of the run.
    pub metrics: Accumulator,
    /// Ledger of the run.
    pub writer: LedgerWriter,
}

/// Notes of one chain in one block.
#[derive(Debug)]
pub(crate) struct Notes {
    marks: Marks,
    curve: NotedCurve,
    /// Notes before the first round trip.
    before: Vec<Note>,
    trips: Vec<RoundTrip>,
    /// Notes after the last one.
    after: Vec<Note>,
}

/// A note beside whole round trips, at one of the ends of a block.
#[derive(Debug)]
enum Note {
    Fill(FillCosts, Fill),
    Trade(Trade),
}

/// Equity of the rows of a chain, and how the metrics get it.
#[derive(Debug)]
struct NotedCurve {
    equity: Vec<f64>,
    spans: Vec<Span>,
    /// True if the ledger keeps the equity of each row.
    is_kept: bool,
}

impl Points for NotedCurve {
    fn equity(&mut self) -> &mut Vec<f64> {
        &mut self.equity
    }

    fn keeps_curve(&self) -> bool {
        self.is_kept
    }

    fn span(&mut self, _: &Block<'_>, span: Span) {
        self.spans.push(span);
    }
}

impl Notes {
    /// Starts at row `first` of a block of so many rows, and expects so many round trips.
    pub fn new(first: usize, rows: usize, trips: usize, keeps_curve: bool) -> Self {
        // Room for all at once: a column that grows is copied.
        let curve = NotedCurve { equity: Vec::with_capacity(rows), spans: Vec::new(), is_kept: keeps_curve };
        let trips = Vec::with_capacity(trips);
        Self { marks: Marks::new(first, 0), curve, before: Vec::new(), trips, after: Vec::new() }
    }

    /// Ends the notes at row `end`.
    pub fn finish(&mut self, block: &Block<'_>, end: usize) {
        self.marks.add_points(&mut self.curve, block, end);
    }

    fn note(&mut self, note: Note) {
        if self.trips.is_empty() { self.before.push(note) } else { self.after.push(note) }
    }

    /// Posts all notes in their order.
    fn post(self, block: &Block<'_>, posting: &mut Posting<'_>) {
        // In the order of the rows, which is the order of single bars.
        self.before.into_iter().for_each(|note| note.post(posting));
        self.trips.iter().for_each(|trip| posting.trip(block.plan, trip));
        self.after.into_iter().for_each(|note| note.post(posting));
        // No sum of fills depends on equity, so all of it may come after them.
        let NotedCurve { equity, spans, is_kept } = self.curve;
        spans.into_iter().for_each(|span| span.add_to(posting.metrics, block, &equity));
        if is_kept {
            posting.writer.ledger.equity.extend_from_slice(&equity);
        }
    }
}

impl Note {
    fn post(self, posting: &mut Posting<'_>) {
        match self {
            Self::Fill(costs, fill) => posting.fill(&costs, fill),
            Self::Trade(trade) => posting.trade(trade),
        }
    }
}

impl Books for Notes {
    #[inline(always)]
    fn flat(&mut self, block: &Block<'_>, row: usize, balance: f64, _: Option<i64>) {
        self.marks.flat(&mut self.curve, block, row, balance);
    }

    #[inline(always)]
    fn hold(&mut self, block: &Block<'_>, held: Held<'_>) -> MinMax {
        self.marks.hold(&mut self.curve, block, held)
    }

    fn fill(&mut self, costs: &FillCosts, fill: Fill) {
        self.note(Note::Fill(*costs, fill));
    }

    fn trade(&mut self, trade: Trade) {
        self.note(Note::Trade(trade));
    }

    #[inline(always)]
    fn trip(&mut self, _: &Block<'_>, trip: &RoundTrip) {
        self.trips.push(*trip);
    }
}

/// Notes of a block, with all that is needed to post them.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    /// Notes of the chain.
    pub notes: Notes,
    /// Positions at the rows of the chain.
    pub positions: Positions,
    /// All that the columns of the block tell.
    pub look: Arc<Look<'a>>,
    /// Rows of the block.
    pub rows: Rows<'a>,
    /// Rows of the chain.
    pub chained: Range<usize>,
}

impl Page<'_> {
    /// Posts the notes to metrics and ledger.
    pub fn post(self, plan: &Plan, output: &mut Output) {
        let Self { notes, positions, look, rows, chained } = self;
        let Some(bits) = &look.bits else { return };
        let block = Block { plan, rows, look: &look, bits };
        let Output { metrics, writer } = output;
        metrics.undefined(look.undefined);
        notes.post(&block, &mut Posting { metrics, writer });
        if plan.record_decisions {
            writer.take_signals(&look.columns.rows(chained.start, chained.end));
        }
        positions.decide(&block, chained, writer);
        writer.end_block();
    }
}
