//! The blocks of a call, one after the other: each way to simulate rows of them, and the threads beside the run.

use std::ops::Range;
use std::sync::Arc;

use crate::engine::bar::BarStep;
use crate::engine::fast::ahead::Ahead;
use crate::engine::fast::behind::Pace;
use crate::engine::fast::books::{Posting, Progress, Written};
use crate::engine::fast::chain::{Chain, End, Trader};
use crate::engine::fast::decisions::Positions;
use crate::engine::fast::look::{Block, Look};
use crate::engine::fast::notes::{Notes, Output, Page};
use crate::engine::fast::quiet::{QuietRows, QuietStep};
use crate::engine::leg::At;
use crate::engine::plan::Plan;
use crate::engine::state::State;
use crate::engine::trade::Trading;
use crate::error::Error;
use crate::ledger::writer::LedgerWriter;
use crate::market::rows::Rows;

/// Most rows for each round trip of a block whose fills another thread posts: with fewer trips it has little to post.
const ROWS_OF_TRIP: usize = 64;

/// The parts of a run that blocks change, and its terms.
pub(super) struct Parts<'s> {
    /// Rules of the run.
    pub plan: &'s Arc<Plan>,
    /// State of the loop.
    pub state: &'s mut State,
    /// Ledger of the run.
    pub writer: &'s mut LedgerWriter,
    /// Index of the next bar.
    pub next_bar: &'s mut u64,
    /// Digest of closes and conversion rates.
    pub marks_digest: &'s mut u64,
    /// Rows of a block.
    pub block_rows: usize,
    /// False if every bar is simulated by itself.
    pub skips: bool,
}

/// The blocks of a call, with the run that takes them.
pub(super) struct Blocks<'s, 'a> {
    run: Parts<'s>,
    ahead: &'s Ahead<'a>,
    /// True if the run ends with the last block.
    last: bool,
    /// Round trips of the last block.
    trips: usize,
    /// True while other threads have metrics and ledger.
    is_lent: bool,
    /// False once the threads beside the run have stopped to post: most likely they have no core.
    may_lend: bool,
    /// True after a fill of this block that was not certain: in the next one there may be more, and each takes the ledger
    /// back.
    was_unsure: bool,
    /// True while a position is open that may be liquidated: single bars see to it.
    is_stuck: bool,
}

impl<'s, 'a> Blocks<'s, 'a> {
    /// Simulates all blocks of a call; `last` ends the run with them.
    ///
    /// # Errors
    /// As `Simulation::feed`.
    pub fn take(run: Parts<'s>, ahead: &'s Ahead<'a>, last: bool) -> Result<(), Error> {
        let mut blocks =
            Self { run, ahead, last, trips: 0, is_lent: false, may_lend: true, was_unsure: false, is_stuck: false };
        let outcome = blocks.take_all();
        // Before an error is returned: the rows until then are part of the ledger.
        blocks.fetch_books();
        outcome
    }

    fn take_all(&mut self) -> Result<(), Error> {
        let blocks = self.ahead.blocks();
        let written = self.run.writer.ledger.rows();
        for block in 0..blocks {
            let ends = self.last && block + 1 == blocks;
            let trades = self.run.state.next_trade_id;
            self.was_unsure = false;
            let outcome = self.ahead.look(block).and_then(|look| self.take_block(&Arc::new(look), ends));
            if !self.is_lent {
                self.run.writer.end_block();
            }
            outcome?;
            if block == 0 {
                self.run.writer.expect(written, blocks - 1);
            }
            self.trips = (self.run.state.next_trade_id - trades) as usize;
            self.lend_books(blocks - block - 1);
        }
        Ok(())
    }

    /// Lends metrics and ledger to the threads beside the run, if they have much to post in blocks like the last.
    fn lend_books(&mut self, blocks_left: usize) {
        let is_dense = self.trips * ROWS_OF_TRIP >= self.run.block_rows;
        // The last block of a run needs them.
        if !self.may_lend
            || self.was_unsure
            || self.is_stuck
            || self.is_lent
            || !is_dense
            || blocks_left < 2
            || !self.ahead.has_helpers()
            || !self.ahead.can_be_noted()
        {
            return;
        }
        let metrics = self.run.state.metrics.clone();
        let writer = self.run.writer.lend();
        self.ahead.behind.lend(Output { metrics, writer });
        self.is_lent = true;
    }

    /// Has all notes posted, and takes metrics and ledger back.
    fn fetch_books(&mut self) {
        if std::mem::take(&mut self.is_lent) {
            let Output { metrics, writer } = self.ahead.behind.give_back();
            self.run.state.metrics = metrics;
            *self.run.writer = writer;
        }
    }

    /// Simulates one block. Rows before the first simulated bar only serve as history.
    fn take_block(&mut self, look: &Arc<Look<'a>>, ends: bool) -> Result<(), Error> {
        let bars = look.columns.bars;
        let half_spread = self.run.plan.execution().spread.half;
        let rows = Rows { bars, first_bar: *self.run.next_bar as i64, previous: self.run.state.previous, half_spread };
        *self.run.marks_digest = look.ranges.digest.after(*self.run.marks_digest);
        let mut index = rows.before(self.run.plan.first_bar);
        let goes_on = !ends && look.bits.is_some() && Trader::can_begin(self.run.state) && self.ahead.has_helpers();
        if !goes_on {
            self.fetch_books();
        }
        if ends {
            // They have nothing left to do, and have stopped by the time the run has.
            self.ahead.end();
        }
        if self.is_lent {
            index = self.note(look, &rows, index)?;
        } else {
            self.run.state.metrics.undefined(look.undefined);
        }
        while index < rows.len() {
            index += self.chain(look, &rows, index..rows.len() - usize::from(ends))?;
            if index < rows.len() {
                index += match self.skip(look, &rows, index, ends)? {
                    0 => self.step(look, &rows, index, ends && index + 1 == rows.len())?,
                    skipped => skipped,
                };
            }
        }
        let Parts { plan, state, next_bar, skips, .. } = &mut self.run;
        state.benchmark.take(plan, &rows, skips.then_some(&look.ranges), ends)?;
        state.remember(&bars, plan.lookback_rows());
        state.previous = rows.len().checked_sub(1).map(|index| rows.as_previous(index));
        **next_bar += rows.len() as u64;
        Ok(())
    }

    /// Simulates a block whose fills another thread posts, as long as every fill is certain; returns the next row.
    fn note(&mut self, look: &Arc<Look<'a>>, rows: &Rows<'a>, first: usize) -> Result<usize, Error> {
        let Some(bits) = &look.bits else { return Ok(first) };
        // An eighth more: notes that have to grow are copied as a whole.
        let mut notes =
            Notes::new(first, rows.len() - first, self.trips + self.trips / 8, self.run.writer.keeps_curve());
        let block = Block { plan: self.run.plan, rows: *rows, look, bits };
        let (trader, _) = Trader::of(self.run.state);
        let mut positions = Positions::none(rows.len());
        let mut chain = Chain {
            block,
            trader,
            books: &mut notes,
            positions: &mut positions,
            row: first,
            end: rows.len(),
            prefetched: 0,
        };
        let end = chain.follow();
        let row = chain.row;
        notes.finish(&block, row);
        let page = Page { notes, positions, look: Arc::clone(look), rows: *rows, chained: first..row };
        let pace = self.ahead.hand_over(page);
        self.may_lend = pace != Pace::Stopped;
        if row < rows.len() || pace != Pace::Enough {
            self.fetch_books();
            self.execute(&end, rows, row)?;
        }
        Ok(row)
    }

    /// Simulates rows and the fills between them that follow from signals alone; returns the number of rows.
    fn chain(&mut self, look: &Look<'_>, rows: &Rows<'_>, range: Range<usize>) -> Result<usize, Error> {
        let Some(bits) = look.bits.as_ref().filter(|_| !range.is_empty()) else { return Ok(0) };
        self.is_stuck &= self.run.state.position.is_some();
        if self.is_stuck || !Trader::can_begin(self.run.state) {
            return Ok(0);
        }
        let plan = Arc::clone(self.run.plan);
        let block = Block { plan: &plan, rows: *rows, look, bits };
        let mut progress = Progress::new(self.run.writer, range.start);
        let mut positions = Positions::none(rows.len());
        let mut row = range.start;
        let mut prefetched = 0;
        let outcome = loop {
            let (trader, metrics) = Trader::of(self.run.state);
            let posting = Posting { metrics, writer: self.run.writer };
            let mut books = Written { posting, progress: &mut progress };
            let positions = &mut positions;
            let mut chain = Chain { block, trader, books: &mut books, positions, row, end: range.end, prefetched };
            let end = chain.follow();
            row = chain.row;
            prefetched = chain.prefetched;
            let outcome = self.execute(&end, rows, row);
            // After a refused order the chain continues. A position that may be liquidated is left to single bars.
            if !matches!(end, End::Unsure(_)) || outcome.is_err() || self.run.state.position.is_some() {
                break outcome;
            }
        };
        let Parts { state, writer, .. } = &mut self.run;
        let posting = Posting { metrics: &mut state.metrics, writer };
        let books = Written { posting, progress: &mut progress };
        // Before an error is returned: the rows until then are part of the ledger.
        books.finish(&block, row);
        positions.decide(&block, range.start..row, self.run.writer);
        outcome.map(|()| row - range.start)
    }

    /// Executes the order that a chain was not sure of: the definition of a fill decides.
    fn execute(&mut self, end: &End, rows: &Rows<'_>, row: usize) -> Result<(), Error> {
        self.was_unsure |= !matches!(end, End::Rows);
        self.is_stuck = matches!(end, End::Stuck);
        let End::Unsure(order) = end else { return Ok(()) };
        let Parts { plan, state, writer, .. } = &mut self.run;
        let at = At { bar: rows.first_bar + row as i64, time: rows.bars.timestamp[row] };
        let mut trading = Trading { plan, state, writer, at, last: false };
        trading.execute_at_open(order, rows.bars.open[row], &rows.previous(row))?;
        self.is_stuck = self.run.state.position.is_some();
        Ok(())
    }

    /// Simulates quiet rows together; returns their number, 0 if the next row must be stepped.
    fn skip(&mut self, look: &Look<'_>, rows: &Rows<'_>, index: usize, ends: bool) -> Result<usize, Error> {
        let Parts { plan, state, writer, skips, .. } = &mut self.run;
        if !*skips {
            return Ok(0);
        }
        let Look { columns, ranges, .. } = look;
        // The last row of a run ends it, which only a step does.
        let range = index..rows.len() - usize::from(ends);
        let quiet = QuietRows::find(state, plan, columns, rows.first_bar, range);
        let together = quiet.rows + usize::from(quiet.decides);
        if together == 0 {
            return Ok(0);
        }
        let taken = QuietStep { plan, state, writer, rows, ranges, columns }.step(index..index + together);
        if quiet.decides && taken == together {
            let at = index + taken - 1;
            self.with_bar(rows, at, false, |bar| bar.act_on(columns.signals[at], columns.confidence(at)))?;
        }
        Ok(taken)
    }

    /// Simulates one row by the definition of a bar; returns 1.
    fn step(&mut self, look: &Look<'_>, rows: &Rows<'_>, index: usize, last: bool) -> Result<usize, Error> {
        let columns = &look.columns;
        self.with_bar(rows, index, last, |bar| bar.step(columns.signals[index], columns.confidence(index)))?;
        Ok(1)
    }

    fn with_bar(
        &mut self,
        rows: &Rows<'_>,
        index: usize,
        last: bool,
        act: impl FnOnce(&mut BarStep<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Parts { plan, state, writer, .. } = &mut self.run;
        let previous = rows.previous(index);
        act(&mut BarStep { plan, state, writer, rows, index, row: rows.row(index), previous, last })
    }
}
