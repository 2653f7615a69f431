//! The part that all scenarios of a sweep share: bars, extremes of closes, signals by row, ends of periods.

use crate::engine::fast::ranges::BlockRanges;
use crate::engine::plan::Plan;
use crate::engine::simulation::Simulation;
use crate::engine::state::RunSpec;
use crate::error::{Error, Problem};
use crate::market::columns::Columns;
use crate::market::rows::Rows;
use crate::metrics::calendar::{Calendar, Periods};
use crate::sweep::candidates::SignalRows;

/// Bars and signals that scenarios are tried on, looked through once.
///
/// The owner of the columns calls `Bars::check` once; a market does not check prices again.
#[derive(Debug)]
pub(super) struct Market<'a> {
    pub(super) columns: Columns<'a>,
    pub(super) spec: RunSpec,
    pub(super) calendar: Calendar,
    pub(super) ranges: BlockRanges<'a>,
    pub(super) periods: Periods,
    pub(super) signals: SignalRows,
    pub(super) undefined: u64,
}

impl<'a> Market<'a> {
    /// Looks through bars and signals; the calendar is that of a run over them by the rules of `run`.
    ///
    /// # Errors
    /// `Argument`, `Signal`, `Confidence` or `TooShort`, as a run over these columns.
    pub fn new(run: &Simulation, columns: Columns<'a>) -> Result<Self, Error> {
        let spec = run.spec().clone();
        columns.check_lengths()?;
        let rows = columns.bars.len();
        let first = spec.warmup_bars as usize;
        if rows <= first {
            return Err(Error::TooShort { warmup_bars: first, bars: rows });
        }
        let ranges = BlockRanges::scan(&columns, 0, false)?;
        let simulated = &columns.bars.timestamp[first..];
        let calendar = Calendar::of_run(run.rules().metrics.periods_per_year, spec.timeframe_ns, simulated);
        let periods = Periods::of(&calendar, columns.bars.timestamp);
        let signals = SignalRows::of(&columns, first);
        let undefined = columns.rows(first, rows).undefined();
        Ok(Self { columns, spec, calendar, ranges, periods, signals, undefined })
    }

    /// Returns all rows as a scenario sees them.
    pub fn rows(&self, plan: &Plan) -> Rows<'a> {
        Rows { bars: self.columns.bars, first_bar: 0, previous: None, half_spread: plan.execution().spread.half }
    }

    /// Checks that a scenario can be traded.
    ///
    /// # Errors
    /// `Argument`, as a run by these rules.
    pub fn check(&self, plan: &Plan) -> Result<(), Error> {
        plan.rules.check()?;
        if plan.execution().exits.needs_atr() && self.columns.bars.atr.is_none() {
            return Err(Error::Argument { name: "atr", problem: Problem::NoAtr });
        }
        Ok(())
    }
}
