//! A run: columns in, ledger and metrics out, whole or in chunks.

use std::ops::Range;
use std::sync::Arc;

use crate::engine::blocks::{Blocks, Parts};
use crate::engine::fast::ahead::Ahead;
use crate::engine::fast::look::Looker;
use crate::engine::plan::Plan;
use crate::engine::state::{RunSpec, RunState, State};
use crate::error::{Error, Problem};
use crate::ledger::equity::EquityTable;
use crate::ledger::schema::{DecisionCounts, EQUITY_TABLE};
use crate::ledger::tables::Ledger;
use crate::ledger::taken::Taken;
use crate::ledger::view::LedgerView;
use crate::ledger::writer::LedgerWriter;
use crate::market::bars::Bars;
use crate::market::columns::Columns;
use crate::metrics::calendar::Calendar;
use crate::metrics::report::{Closing, MetricSet};
use crate::money::position::Position;
use crate::rules::Rules;

/// Rows of a block.
///
/// The columns of a block (some 70 bytes a row, 1.1 MB) stay in the second or third cache from the first scan until the
/// benchmark has read them. Smaller blocks pay more often for what a block costs once.
const BLOCK_ROWS: usize = 16_384;

/// One run of one symbol, which can be stopped and resumed at any bar.
///
/// The owner of the columns calls `Bars::check` once, and the run does not check prices again; or it lets the run check
/// them at its first look, see `checking_prices`. The crate's page has an example.
#[derive(Debug, Clone)]
pub struct Simulation {
    plan: Arc<Plan>,
    spec: RunSpec,
    next_bar: u64,
    ended: bool,
    state: State,
    writer: LedgerWriter,
    taken: Taken,
    /// Error that every later call repeats.
    broken: Option<Error>,
    block_rows: usize,
    skips: bool,
    checks_prices: bool,
    threads: usize,
    /// Digest of closes and conversion rates that this object has seen; no part of the run's state.
    marks_digest: u64,
}

impl Simulation {
    /// Prepares a run before its first bar; `calendar` turns stamps into periods of returns.
    ///
    /// # Errors
    /// `Argument` for a capital or a timeframe that is not positive, or for rules outside their ranges.
    ///
    /// ```
    /// use ktrdr_core::{Calendar, RunSpec, Simulation};
    /// # let rules: ktrdr_core::Rules = serde_json::from_value(ktrdr_testkit::rules_json(serde_json::json!({}))).unwrap();
    ///
    /// let spec = RunSpec {
    ///     symbol: "ABC".into(), timeframe_ns: 60_000_000_000, initial_capital: -1.0, warmup_bars: 0,
    ///     record_decisions: false,
    /// };
    /// let error = Simulation::new(rules, spec, Calendar::open_ended(252.0, 60_000_000_000)).unwrap_err();
    /// assert_eq!(error.field(), Some("initial_capital"));
    /// ```
    pub fn new(rules: Rules, spec: RunSpec, calendar: Calendar) -> Result<Self, Error> {
        rules.check()?;
        require_positive("initial_capital", spec.initial_capital)?;
        require_positive("timeframe", spec.timeframe_ns as f64)?;
        let state = State::new(&rules, calendar, spec.initial_capital);
        let run = RunState { spec, rules, next_bar: 0, ended: false, state };
        Ok(Self::from_state(run, Ledger::default()))
    }

    /// Prepares a run whose calendar follows from the rules; `stamps` are those of all bars, if its length is known.
    ///
    /// # Errors
    /// As `new` and `Calendar::new`.
    pub fn over(rules: Rules, spec: RunSpec, stamps: Option<&[i64]>) -> Result<Self, Error> {
        let simulated = stamps.map(|stamps| stamps.get(spec.warmup_bars as usize..).unwrap_or_default());
        let calendar = Calendar::new(rules.metrics.periods_per_year, spec.timeframe_ns, simulated)?;
        Self::new(rules, spec, calendar)
    }

    /// Simulates bar by bar, in the order that defines a result, and never skips. Slower, with the same bits.
    #[must_use]
    pub fn stepping(mut self) -> Self {
        self.skips = false;
        self
    }

    /// Checks prices as they come by: one look at bars of which only the stamps were checked, instead of two.
    #[must_use]
    pub fn checking_prices(mut self) -> Self {
        self.checks_prices = true;
        self
    }

    /// Lets so many threads work on a call, that of the caller among them. Any number gives the same bits.
    ///
    /// The others read bars ahead, and where fills are many they write metrics and ledger behind. The caller's thread
    /// decides every fill. A short call is left to it alone.
    ///
    /// # Panics
    /// With no thread at all.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        assert!(threads > 0, "a run needs a thread");
        self.threads = threads;
        self
    }

    /// Keeps no row per bar: equity and decisions of a block are let go once the metrics and counts have them.
    ///
    /// They are most of what a run writes. Who wants them after all runs once more, with the same bits.
    #[must_use]
    pub fn without_curve(mut self) -> Self {
        self.writer = self.writer.without_curve();
        self
    }

    /// Processes blocks of so many rows. Any number gives the same bits.
    ///
    /// # Panics
    /// With no rows at all.
    #[must_use]
    pub fn with_blocks(mut self, rows: usize) -> Self {
        assert!(rows > 0, "a block needs a row");
        self.block_rows = rows;
        self
    }

    /// Continues from a state and the ledger written so far (an empty one keeps only later rows).
    #[must_use]
    pub fn from_state(run: RunState, ledger: Ledger) -> Self {
        let RunState { spec, rules, next_bar, ended, state } = run;
        let plan = Arc::new(Plan::new(rules, spec.warmup_bars as i64, spec.record_decisions));
        let writer = LedgerWriter::new(ledger);
        let broken = None;
        Self {
            plan,
            spec,
            next_bar,
            ended,
            state,
            writer,
            taken: Taken::default(),
            broken,
            block_rows: BLOCK_ROWS,
            skips: true,
            checks_prices: false,
            threads: 1,
            marks_digest: 0,
        }
    }

    /// Continues after rows of the ledger that were taken; `decisions` counts those in them.
    #[must_use]
    pub(crate) fn after(mut self, taken: Taken, decisions: DecisionCounts) -> Self {
        self.taken = taken;
        self.writer.forgotten = decisions;
        self
    }

    /// Continues by other rules. The open position keeps the levels set at its entry.
    ///
    /// `earlier` are bars before the next one, if they are at hand: a sizing that looks back over rows needs those that
    /// the run so far had no reason to keep.
    ///
    /// # Errors
    /// `Argument` for rules outside their ranges.
    pub fn fork(mut self, rules: Rules, earlier: Option<&Bars<'_>>) -> Result<Self, Error> {
        rules.check()?;
        self.plan = Arc::new(Plan::new(rules, self.spec.warmup_bars as i64, self.spec.record_decisions));
        if let Some(bars) = earlier {
            self.state.closes.clear();
            self.state.remember(bars, self.plan.lookback_rows());
        }
        Ok(self)
    }

    /// Runs over columns that hold the run from bar 0: up to, but not including, bar `until`, or to the end.
    ///
    /// # Errors
    /// As `feed`.
    pub fn run(&mut self, columns: &Columns<'_>, until: Option<usize>) -> Result<(), Error> {
        let bars = columns.bars.len();
        let stop = until.map_or(bars, |until| until.min(bars));
        let next = usize::try_from(self.next_bar).unwrap_or(usize::MAX);
        // Already at or beyond the bar asked for.
        if self.ended || (stop <= next && stop < bars) {
            return self.broken.clone().map_or(Ok(()), Err);
        }
        self.feed(&columns.rows(next.min(stop), stop), stop == bars)
    }

    /// Simulates the next bars, with the signal and confidence known at each close; `last` ends the run with them.
    ///
    /// # Errors
    /// `Argument`, `BadBar`, `Signal`, `Confidence`, `TooShort` for the input: the run stays as it was. `FillPrice`,
    /// `AccountingIdentity` for its consequences: every later call repeats them.
    pub fn feed(&mut self, columns: &Columns<'_>, last: bool) -> Result<(), Error> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        self.accept(columns, last)?;
        let first_row = self.next_bar;
        // A few KiB per call, so that a refused call can be undone.
        let state = self.state.clone();
        let written = self.writer.written();
        let Err(error) = self.take(columns, last) else { return Ok(()) };
        // Blocks check their own rows only. An error of the input comes first, in whichever block it is found, and then
        // nothing of the input has been simulated.
        if let Err(input) = self.check(columns, first_row as usize) {
            self.next_bar = first_row;
            self.state = state;
            self.writer.undo(written);
            return Err(input);
        }
        self.broken = Some(error.clone());
        Err(error)
    }

    /// Checks the input: bars first, if that is up to the run.
    fn check(&self, columns: &Columns<'_>, first_row: usize) -> Result<(), Error> {
        let bars = &columns.bars;
        if self.checks_prices {
            bars.check_prices(bars.has_sound_prices()).map_err(|error| error.in_rows_from(first_row))?;
        }
        columns.check(first_row)
    }

    fn accept(&self, columns: &Columns<'_>, last: bool) -> Result<(), Error> {
        let argument = |name, problem| Err(Error::Argument { name, problem });
        let rows = columns.bars.len();
        if self.ended {
            return argument("bars", Problem::Ended);
        }
        if last && rows == 0 {
            return argument("bars", Problem::NoLastBar);
        }
        if self.plan.execution().exits.needs_atr() && columns.bars.atr.is_none() {
            return argument("atr", Problem::NoAtr);
        }
        let bars = self.next_bar + rows as u64;
        let warmup_bars = self.spec.warmup_bars;
        if last && bars <= warmup_bars {
            return Err(Error::TooShort { warmup_bars: warmup_bars as usize, bars: bars as usize });
        }
        columns.check_lengths()
    }

    /// Simulates block by block, so that the rows one part has read are still near when the next needs them.
    fn take(&mut self, columns: &Columns<'_>, last: bool) -> Result<(), Error> {
        let rows = columns.bars.len();
        // All at once: a curve that grows in steps would be copied each time.
        self.writer.reserve_curve(rows, self.block_rows, self.plan.record_decisions);
        let looker = self.looker(columns);
        let plan = Arc::clone(&self.plan);
        let Self { state, writer, next_bar, marks_digest, block_rows, skips, threads, .. } = self;
        let run = Parts { plan: &plan, state, writer, next_bar, marks_digest, block_rows: *block_rows, skips: *skips };
        Ahead::with(looker, Arc::clone(&plan), *threads, |ahead| Blocks::take(run, ahead, last))?;
        self.ended = last;
        if last { self.state.check_accounts(self.spec.initial_capital, self.plan.execution()) } else { Ok(()) }
    }

    fn looker<'a>(&self, columns: &Columns<'a>) -> Looker<'a> {
        let chains = self.skips && self.plan.follows_signals() && columns.bars.conversion_rate.is_none();
        Looker {
            columns: *columns,
            first_row: self.next_bar as usize,
            first_simulated: self.plan.first_bar as usize,
            block_rows: self.block_rows,
            checks_prices: self.checks_prices,
            chained: chains.then_some(self.plan.filter),
        }
    }

    /// Returns every metric as of the last bar, undefined ones with their reason.
    ///
    /// `bars_held` of every trade in the ledger gives the median, which no accumulator can.
    #[must_use]
    pub fn metrics(&self, bars_held: Option<&[i64]>) -> MetricSet {
        let State { metrics, benchmark, previous, .. } = &self.state;
        let execution = self.plan.execution();
        let closing = Closing {
            timeframe_ns: self.spec.timeframe_ns,
            open_gross: self.open_gross(),
            earlier_bars_held: &self.taken.bars_held,
            bars_held,
            benchmark: benchmark.result(self.spec.initial_capital, execution, previous.as_ref(), metrics.bars()),
        };
        MetricSet::new(metrics, &closing)
    }

    /// Returns everything a snapshot must hold.
    #[must_use]
    pub fn run_state(&self) -> RunState {
        RunState {
            spec: self.spec.clone(),
            rules: self.plan.rules.clone(),
            next_bar: self.next_bar,
            ended: self.ended,
            state: self.state.clone(),
        }
    }

    /// Returns the terms of the run.
    #[must_use]
    pub fn spec(&self) -> &RunSpec {
        &self.spec
    }

    /// Returns the rules of the run.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.plan.rules
    }

    /// Returns the index of the next bar.
    #[must_use]
    pub fn next_bar(&self) -> u64 {
        self.next_bar
    }

    /// Returns the stamp of the last bar, ns UTC; `None` before the first.
    #[must_use]
    pub fn last_ns(&self) -> Option<i64> {
        self.state.previous.map(|previous| previous.time)
    }

    /// Returns true if the last bar has been simulated.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Returns a digest of the closes and conversion rates that this object has looked at: the same ones, fed in the same
    /// pieces, give the same number. Those of a refused call count too.
    #[must_use]
    pub fn marks_digest(&self) -> u64 {
        self.marks_digest
    }

    /// Returns the equity at the last mark.
    #[must_use]
    pub fn equity(&self) -> f64 {
        self.state.metrics.equity()
    }

    /// Returns the open position; `None` when flat.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        self.state.position.as_ref()
    }

    /// Returns the gross profit of the open position at the last mark, account currency.
    #[must_use]
    pub fn open_gross(&self) -> f64 {
        self.state.open_gross(self.plan.execution())
    }

    /// Returns the tables written so far, without the rows that were taken.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.writer.ledger
    }

    /// Returns how often each decision was made, in the order of `Decision::NAMES`.
    #[must_use]
    pub fn decision_counts(&self) -> DecisionCounts {
        self.writer.decision_counts()
    }

    /// Returns the rows written so far by their numbers, and the counts of all.
    #[must_use]
    pub fn view(&self) -> LedgerView<'_> {
        LedgerView { taken: &self.taken, ledger: &self.writer.ledger }
    }

    /// Returns the facts about the rows that were taken, and how often each decision was made in them.
    pub(crate) fn taken(&self) -> (&Taken, DecisionCounts) {
        (&self.taken, self.writer.forgotten)
    }

    /// Lets all rows of the ledger go, and keeps what metrics and later rows need of them.
    ///
    /// Their memory serves later rows. Until then nothing is written to it: columns of a run that has ended may be lent.
    pub(crate) fn let_go(&mut self) {
        self.taken.add(&self.writer.ledger);
        self.writer.forget_all();
    }

    /// Returns cash, signed quantity and drawdown of some rows of the equity table, `[3][n_rows]`.
    ///
    /// `bars` begin with the bar of the first of these rows. Money is in account currency, drawdown a share of the
    /// highest equity so far.
    ///
    /// # Errors
    /// `Argument` for rows that were taken.
    pub fn equity_columns(&self, rows: Range<usize>, bars: &Bars<'_>) -> Result<[Vec<f64>; 3], Error> {
        let first = self.view().place_of(EQUITY_TABLE, rows.start)?;
        let table = EquityTable {
            view: self.view(),
            first_bar: self.spec.warmup_bars as usize + rows.start - first,
            initial_capital: self.spec.initial_capital,
            multiplier: self.plan.multiplier(),
        };
        Ok(table.columns(first..first + rows.len(), bars))
    }
}

fn require_positive(name: &'static str, found: f64) -> Result<(), Error> {
    if found.is_finite() && found > 0.0 {
        return Ok(());
    }
    Err(Error::Argument { name, problem: Problem::NotPositive { found } })
}
