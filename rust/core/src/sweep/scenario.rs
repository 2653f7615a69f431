//! One scenario of a sweep, from event to event.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::engine::bar::BarStep;
use crate::engine::fast::curve::HeldCurve;
use crate::engine::fast::hold;
use crate::engine::leg::At;
use crate::engine::plan::Plan;
use crate::engine::state::State;
use crate::engine::trade::Trading;
use crate::error::Error;
use crate::lanes::LANES;
use crate::ledger::schema::TABLES;
use crate::ledger::writer::LedgerWriter;
use crate::market::rows::{Row, Rows};
use crate::metrics::report::{Closing, MetricSet};
use crate::money::holding::Holding;
use crate::orders::order::Order;
use crate::sweep::benchmarks::Benchmarks;
use crate::sweep::candidates::{Candidates, Cursor, kinds_that_matter};
use crate::sweep::market::Market;
use crate::time::rows_before;

/// Rows of a held position that are scanned together, where charges or a trailing stop need a look at each.
const SCAN_ROWS: usize = 4_096;

/// Rows of the parts whose extremes the market knows.
const PART_ROWS: usize = 64;

/// Round trips after which the journal is emptied: it stays in the first cache.
const JOURNAL_ROWS: usize = 48;

/// Metrics of a scenario, or the reason why its rules cannot be traded.
pub(super) type Outcome = Result<MetricSet, Error>;

/// A scenario under way.
pub(super) struct Scenario<'a> {
    pub(super) market: &'a Market<'a>,
    pub(super) plan: &'a Plan,
    pub(super) state: State,
    /// The next row: everything before it has been simulated.
    pub(super) row: usize,
    /// Bars held of the round trips so far, but for those that the route counts.
    pub(super) bars_held: Vec<i64>,
    candidates: &'a Candidates,
    pub(super) rows: Rows<'a>,
    cursor: Cursor,
    /// Kinds of signals that matter when short, flat and long.
    kinds: [u8; 3],
}

impl<'a> Scenario<'a> {
    /// Prepares a scenario before its first bar; `candidates` are those of its threshold.
    pub fn new(market: &'a Market<'a>, candidates: &'a Candidates, plan: &'a Plan) -> Self {
        let spec = &market.spec;
        let mut state = State::new(&plan.rules, market.calendar, spec.initial_capital);
        state.metrics.undefined(market.undefined);
        Self {
            market,
            plan,
            state,
            row: spec.warmup_bars as usize,
            bars_held: Vec::new(),
            candidates,
            rows: market.rows(plan),
            cursor: Cursor::default(),
            kinds: [-1, 0, 1].map(|direction| kinds_that_matter(&plan.filter, direction)),
        }
    }

    /// Simulates rows from event to event, to the end or until it may stop.
    ///
    /// # Errors
    /// As `Simulation::feed`, for consequences of the rules.
    pub fn proceed(&mut self, journal: &mut LedgerWriter, may_stop: impl Fn(&Self) -> bool) -> Result<(), Error> {
        let mut outcome = Ok(());
        while outcome.is_ok() && self.row < self.rows.len() && !may_stop(self) {
            outcome = self.event(journal);
            if journal.journal_bars_held().len() >= JOURNAL_ROWS {
                self.empty(journal);
            }
        }
        // After an error too: the next scenario uses the same journal.
        self.empty(journal);
        outcome
    }

    /// Executes an order at the open of the next row, of which nothing else is simulated.
    ///
    /// # Errors
    /// `FillPrice`, as in single bars.
    pub fn execute(&mut self, order: &Order, journal: &mut LedgerWriter) -> Result<(), Error> {
        let row = self.row;
        let Row { open, time, bar, .. } = self.rows.row(row);
        let at = At { bar, time };
        let mut trading = Trading { plan: self.plan, state: &mut self.state, writer: journal, at, last: false };
        trading.execute_at_open(order, open, &self.rows.previous(row))
    }

    /// Ends the run after its last row; returns every metric. `earlier` counts round trips that are not in `bars_held`, by
    /// their bars held.
    ///
    /// # Errors
    /// As `Simulation::feed`, for consequences of the rules.
    pub fn end(mut self, benchmarks: &mut Benchmarks, earlier: &BTreeMap<i64, u64>) -> Outcome {
        self.state.benchmark = benchmarks.of(self.market, self.plan)?;
        self.state.previous = Some(self.rows.as_previous(self.rows.len() - 1));
        self.state.check_accounts(self.market.spec.initial_capital, self.plan.execution())?;
        Ok(self.metrics(earlier))
    }

    fn metrics(&self, earlier_bars_held: &BTreeMap<i64, u64>) -> MetricSet {
        let State { metrics, benchmark, previous, .. } = &self.state;
        let execution = self.plan.execution();
        let spec = &self.market.spec;
        let closing = Closing {
            timeframe_ns: spec.timeframe_ns,
            open_gross: self.state.open_gross(execution),
            earlier_bars_held,
            bars_held: Some(&self.bars_held),
            benchmark: benchmark.result(spec.initial_capital, execution, previous.as_ref(), metrics.bars()),
        };
        MetricSet::new(metrics, &closing)
    }

    /// Simulates the rows up to the next event, or those of the event.
    fn event(&mut self, journal: &mut LedgerWriter) -> Result<(), Error> {
        self.row += match self.skip(self.row, journal)? {
            0 => self.step(self.row, journal)?,
            skipped => skipped,
        };
        Ok(())
    }

    /// Simulates rows together at which no order is pending and none is placed; returns their number.
    ///
    /// If the row after them decides an order that waits for the next open, it is taken with them.
    fn skip(&mut self, index: usize, journal: &mut LedgerWriter) -> Result<usize, Error> {
        if self.state.pending.is_some() {
            return Ok(0);
        }
        // The last row ends the run, which only a step does.
        let last = self.rows.len() - 1;
        let deadline = self.state.position.as_ref().and_then(|position| self.plan.deadline(position));
        let until = deadline.map_or(last, |bar| last.min(usize::try_from(bar).unwrap_or(0)));
        if until <= index {
            return Ok(0);
        }
        let found = self.next_candidate(index..until);
        let decides = found.is_some() && !self.plan.fills_at_close();
        let together = found.map_or(until - index, |row| row - index) + usize::from(decides);
        let taken = self.quiet(index..index + together, journal);
        if let Some(row) = found.filter(|_| decides && taken == together) {
            let signal = self.market.columns.signals[row];
            let confidence = self.market.columns.confidence(row);
            self.with_bar(row, journal, |bar| bar.act_on(signal, confidence))?;
        }
        Ok(taken)
    }

    /// Finds the first row that may place an order.
    fn next_candidate(&mut self, range: Range<usize>) -> Option<usize> {
        let stamps = &self.rows.bars.timestamp[range.clone()];
        let held_back = self.plan.filter.free_from_ns(self.state.last_fill_ns).map_or(0, |ns| rows_before(stamps, ns));
        let kinds = self.kinds[(self.state.direction() + 1) as usize];
        let found = self.candidates.next(&mut self.cursor, range.start + held_back, kinds)?;
        (found < range.end).then_some(found)
    }

    fn step(&mut self, index: usize, journal: &mut LedgerWriter) -> Result<usize, Error> {
        let signal = self.market.columns.signals[index];
        let confidence = self.market.columns.confidence(index);
        self.with_bar(index, journal, |bar| bar.step(signal, confidence))?;
        Ok(1)
    }

    fn with_bar(
        &mut self,
        index: usize,
        journal: &mut LedgerWriter,
        act: impl FnOnce(&mut BarStep<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        act(&mut BarStep {
            plan: self.plan,
            state: &mut self.state,
            writer: journal,
            rows: &self.rows,
            index,
            row: self.rows.row(index),
            previous: self.rows.previous(index),
            last: index + 1 == self.rows.len(),
        })
    }

    /// Simulates quiet rows up to the first one at which a level may be touched; returns their number.
    fn quiet(&mut self, range: Range<usize>, journal: &mut LedgerWriter) -> usize {
        let Market { columns, periods, .. } = self.market;
        let stamps = columns.bars.timestamp;
        let account = self.state.account;
        let Some(position) = &self.state.position else {
            self.state.metrics.mark_cash(range.clone(), stamps, periods, account.balance);
            return range.len();
        };
        let holding = self.plan.holding(position.net());
        let bars = &columns.bars;
        let moves = holding.is_charged() || position.trailing.is_some();
        if moves || bars.conversion_rate.is_some() || (position.target.is_some() && bars.half_spread.is_some()) {
            return self.scan(range, journal);
        }
        let taken = if position.has_levels() { self.untouched(&holding, range.clone()) } else { range.len() };
        let curve = HeldCurve::of(&self.rows, &self.market.ranges, holding, account);
        self.state.metrics.mark_curve(range.start..range.start + taken, stamps, periods, &curve);
        taken
    }

    /// Simulates quiet rows of a position that changes from row to row, with a look at each.
    fn scan(&mut self, range: Range<usize>, journal: &mut LedgerWriter) -> usize {
        let mut row = range.start;
        while row < range.end {
            let part = row..range.end.min(row + SCAN_ROWS);
            let equity = &mut journal.ledger.equity;
            equity.clear();
            let taken = hold::scan(self.plan, &mut self.state, &self.rows, equity, part.clone());
            let stamps = &self.rows.bars.timestamp[row..row + taken];
            self.state.metrics.mark_many(row as i64, stamps, equity, taken);
            row += taken;
            if taken < part.len() {
                break;
            }
        }
        row - range.start
    }

    /// Counts the rows before the first one at which a level may be touched.
    fn untouched(&self, holding: &Holding, range: Range<usize>) -> usize {
        let Some(position) = &self.state.position else { return 0 };
        let is_untouched = |rows: Range<usize>| {
            let prices = self.market.ranges.range(rows);
            hold::is_untouched(position, holding, &self.state.account, self.rows.half_spread, prices)
        };
        let mut row = range.start;
        // From wide to narrow: parts whose extremes are known, then lanes, then rows.
        let stops = |row: usize| [PART_ROWS, LANES, 1].map(|width| range.end.min((row / width + 1) * width));
        while row < range.end {
            let Some(stop) = stops(row).into_iter().find(|&stop| is_untouched(row..stop)) else { break };
            row = stop;
        }
        row - range.start
    }

    /// Keeps of the journal what a metric needs.
    fn empty(&mut self, journal: &mut LedgerWriter) {
        // A full journal is posted by itself: many rejections can fill it before the round trips are counted.
        self.bars_held.extend(&journal.ledger.trades.bars_held);
        self.bars_held.extend(journal.journal_bars_held());
        journal.forget();
        journal.ledger.truncate([0; TABLES]);
    }
}
