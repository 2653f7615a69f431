//! A run: columns in, ledger and metrics out, whole or in chunks.

use crate::engine::bar::Turn;
use crate::engine::fast::quiet::{Quiet, Stretch, quiet_rows};
use crate::engine::fast::ranges::Survey;
use crate::engine::plan::Plan;
use crate::engine::state::{Desk, RunSpec, State};
use crate::error::Error;
use crate::ledger::tables::Ledger;
use crate::ledger::writer::Book;
use crate::market::bars::Bars;
use crate::market::columns::Columns;
use crate::market::rows::Rows;
use crate::metrics::accumulator::{Closing, MetricSet};
use crate::metrics::calendar::Calendar;
use crate::rules::Rules;

/// Rows of a block: what is read of them stays in the second level cache until the last part has used it.
const BLOCK_ROWS: usize = 16_384;

/// One run of one symbol, which can be stopped at any bar.
///
/// Bars are taken as sound: the owner of the columns asks `Bars::check` once.
#[derive(Debug, Clone)]
pub struct Simulation {
    plan: Plan,
    spec: RunSpec,
    next_bar: u64,
    ended: bool,
    desk: Desk,
    book: Book,
    broken: Option<Error>,
    block_rows: usize,
    skips: bool,
}

impl Simulation {
    /// A run before its first bar; `calendar` says how stamps become daily points.
    ///
    /// # Errors
    /// `Argument` for a capital or a timeframe that is not positive.
    pub fn new(rules: Rules, spec: RunSpec, calendar: Calendar) -> Result<Self, Error> {
        if !(spec.initial_capital.is_finite() && spec.initial_capital > 0.0) {
            let problem = format!("must be finite and above 0, found {}", spec.initial_capital);
            return Err(Error::Argument { name: "initial_capital", problem });
        }
        if spec.timeframe_ns <= 0 {
            let problem = format!("must be above 0 ns, found {}", spec.timeframe_ns);
            return Err(Error::Argument { name: "timeframe", problem });
        }
        let desk = Desk::new(&rules, calendar, spec.initial_capital);
        let state = State { spec, rules, next_bar: 0, ended: false, desk };
        Ok(Self::resume(state, Ledger::default()))
    }

    /// Writes into a ledger that was used before, whose rows are forgotten.
    #[must_use]
    pub fn writing_into(mut self, mut ledger: Ledger) -> Self {
        ledger.clear();
        self.book = Book::of(ledger);
        self
    }

    /// Takes every bar by itself, in the order that defines a bar; the result is the same to the last bit, only later.
    #[must_use]
    pub fn stepping(mut self) -> Self {
        self.skips = false;
        self
    }

    /// Takes so many rows together; any number gives the same result.
    ///
    /// # Panics
    /// With no rows at all.
    #[must_use]
    pub fn with_blocks(mut self, rows: usize) -> Self {
        assert!(rows > 0, "a block needs a row");
        self.block_rows = rows;
        self
    }

    /// Continues from a state and the ledger written so far (an empty one keeps only what comes).
    #[must_use]
    pub fn resume(state: State, ledger: Ledger) -> Self {
        let State { spec, rules, next_bar, ended, desk } = state;
        let plan = Plan::new(rules, spec.warmup_bars as i64, spec.record_decisions);
        Self {
            plan,
            spec,
            next_bar,
            ended,
            desk,
            book: Book::of(ledger),
            broken: None,
            block_rows: BLOCK_ROWS,
            skips: true,
        }
    }

    /// Continues by other rules: the open position keeps the levels set at its entry.
    ///
    /// `earlier` are bars before the next one, where they are at hand: a sizing that looks back over rows
    /// needs those the run so far had no reason to keep.
    #[must_use]
    pub fn fork(state: State, ledger: Ledger, rules: Rules, earlier: Option<&Bars<'_>>) -> Self {
        let mut fork = Self::resume(State { rules, ..state }, ledger);
        let rows = fork.plan.lookback_rows();
        if let Some(bars) = earlier {
            fork.desk.closes.clear();
            fork.desk.remember(bars, rows);
        }
        fork
    }

    /// Goes on over columns that hold the run from bar 0: up to, not including, bar `until`, or to the end.
    ///
    /// # Errors
    /// As `feed`.
    pub fn run(&mut self, columns: &Columns<'_>, until: Option<usize>) -> Result<(), Error> {
        let bars = columns.bars.len();
        let stop = until.map_or(bars, |until| until.min(bars));
        let next = usize::try_from(self.next_bar).unwrap_or(usize::MAX);
        if self.ended || (stop <= next && stop < bars) {
            return self.broken.clone().map_or(Ok(()), Err);
        }
        self.feed(&columns.rows(next.min(stop), stop), stop == bars)
    }

    /// Takes the next bars, with the signal and confidence known at each one's close; `last` ends the run with them.
    ///
    /// # Errors
    /// `Argument`, `Signal`, `Confidence`, `TooShort` for what was given: the run is left as it was. `FillPrice`,
    /// `AccountingIdentity` for what came of it: every later call repeats them.
    pub fn feed(&mut self, columns: &Columns<'_>, last: bool) -> Result<(), Error> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        self.accept(columns, last)?;
        let (first_row, desk, written) = (self.next_bar, self.desk.clone(), self.book.ledger.rows());
        let Err(error) = self.take(columns, last) else { return Ok(()) };
        // What was given comes first, in whichever block it stands: then nothing of it has been taken.
        if let Err(input) = columns.count_undefined(first_row as usize) {
            (self.next_bar, self.desk) = (first_row, desk);
            self.book.ledger.truncate(written);
            return Err(input);
        }
        self.broken = Some(error.clone());
        Err(error)
    }

    fn accept(&self, columns: &Columns<'_>, last: bool) -> Result<(), Error> {
        let argument = |name, problem: &str| Err(Error::Argument { name, problem: problem.into() });
        let rows = columns.bars.len();
        if self.ended {
            return argument("bars", "the run has taken its last bar");
        }
        if last && rows == 0 {
            return argument("bars", "the last bars are none: ask for a partial result instead");
        }
        if self.plan.execution().exits.needs_atr() && columns.bars.atr.is_none() {
            return argument("atr", "an exit level is in ATR, but the bars have no column atr");
        }
        let (bars, warmup_bars) = (self.next_bar + rows as u64, self.spec.warmup_bars);
        if last && bars <= warmup_bars {
            return Err(Error::TooShort { warmup_bars: warmup_bars as usize, bars: bars as usize });
        }
        columns.check_lengths()
    }

    /// In blocks, so that what one part has read is still near when the next needs it.
    fn take(&mut self, columns: &Columns<'_>, last: bool) -> Result<(), Error> {
        let rows = columns.bars.len();
        self.book.ledger.equity.reserve(rows);
        for start in (0..rows).step_by(self.block_rows) {
            let stop = rows.min(start + self.block_rows);
            let outcome = self.take_block(&columns.rows(start, stop), last && stop == rows);
            self.book.post();
            outcome?;
        }
        self.ended = last;
        if last { self.desk.check_accounts(self.spec.initial_capital, self.plan.multiplier()) } else { Ok(()) }
    }

    /// Rows before the first simulated bar only serve as history.
    fn take_block(&mut self, columns: &Columns<'_>, last: bool) -> Result<(), Error> {
        let (bars, first_bar) = (columns.bars, self.next_bar as i64);
        let half_spread = self.plan.execution().spread.half;
        let rows = Rows { bars, first_bar, before: self.desk.past, half_spread };
        let end = rows.len();
        let mut index = rows.before(self.plan.first_bar);
        let survey = Survey::of(columns, self.next_bar as usize)?;
        let in_history = columns.rows(0, index).count_undefined(self.next_bar as usize)?;
        self.desk.metrics.undefined(survey.undefined - in_history);
        while index < end {
            let range = index..end - usize::from(last);
            let quiet = if self.skips {
                quiet_rows(&self.desk, &self.plan, columns, first_bar, range)
            } else {
                Quiet::default()
            };
            let together = quiet.rows + usize::from(quiet.decides);
            let (plan, desk, book) = (&self.plan, &mut self.desk, &mut self.book);
            let stretch = Stretch { plan, desk, book, rows: &rows, survey: &survey, columns };
            let taken = if together > 0 { stretch.take(index..index + together) } else { 0 };
            if taken == 0 {
                self.take_row(columns, &rows, index, last && index + 1 == end)?;
            } else if quiet.decides && taken == together {
                let at = index + taken - 1;
                self.turn(&rows, at, false, |turn| turn.act_on(columns.signals[at], columns.confidence(at)))?;
            }
            index += taken.max(1);
        }
        let known = self.skips.then_some(&survey);
        self.desk.benchmark.take(&self.plan, &rows, known, last)?;
        self.desk.remember(&bars, self.plan.lookback_rows());
        self.desk.past = end.checked_sub(1).map(|index| rows.leaves(index));
        self.next_bar += end as u64;
        Ok(())
    }

    fn take_row(&mut self, columns: &Columns<'_>, rows: &Rows<'_>, index: usize, last: bool) -> Result<(), Error> {
        self.turn(rows, index, last, |turn| turn.take(columns.signals[index], columns.confidence(index)))
    }

    fn turn(
        &mut self,
        rows: &Rows<'_>,
        index: usize,
        last: bool,
        act: impl FnOnce(&mut Turn<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (plan, desk, book) = (&self.plan, &mut self.desk, &mut self.book);
        let (row, past) = (rows.row(index), rows.past(index));
        act(&mut Turn { plan, desk, book, rows, index, row: &row, past: &past, last })
    }

    /// Every metric by name, sorted, undefined ones with their reason; of a run that goes on, as of its last bar.
    ///
    /// `bars_held` of every closed trade gives the median, which no accumulator can.
    #[must_use]
    pub fn metrics(&self, bars_held: Option<&[i64]>) -> MetricSet {
        let (desk, multiplier) = (&self.desk, self.plan.multiplier());
        let (initial_capital, bars) = (self.spec.initial_capital, desk.metrics.bars());
        desk.metrics.finish(&Closing {
            timeframe_ns: self.spec.timeframe_ns,
            open_gross: desk.open_gross(multiplier),
            bars_held,
            benchmark: desk.benchmark.result(initial_capital, multiplier, desk.past.as_ref(), bars),
        })
    }

    /// What a snapshot must hold.
    #[must_use]
    pub fn state(&self) -> State {
        State {
            spec: self.spec.clone(),
            rules: self.plan.rules.clone(),
            next_bar: self.next_bar,
            ended: self.ended,
            desk: self.desk.clone(),
        }
    }

    /// What the loop carries: account, position, pending order.
    #[must_use]
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// What the run was told before its first bar.
    #[must_use]
    pub fn spec(&self) -> &RunSpec {
        &self.spec
    }

    /// What it trades by.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.plan.rules
    }

    /// Index of the next bar.
    #[must_use]
    pub fn next_bar(&self) -> u64 {
        self.next_bar
    }

    /// Whether the last bar has been taken.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// What has been written down so far.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.book.ledger
    }

    /// Hands out what has been written down and goes on with an empty ledger.
    pub fn take_ledger(&mut self) -> Ledger {
        std::mem::take(&mut self.book.ledger)
    }
}
