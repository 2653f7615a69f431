//! Returns from period to period: annualised figures, shape, and sums by block.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::metrics::calendar::{Calendar, Periods};
use crate::metrics::drawdown::MaxDrawdown;
use crate::metrics::sums::{Moments, Sum, is_zero_deviation};
use crate::metrics::undefined::{Metric, Undefined};
use crate::time::rows_before;

/// Blocks of a run, for statistics without a curve.
pub const BLOCKS: usize = 16;

/// Returns below which annual figures are undefined.
const FEWEST_RETURNS: u64 = 10;

/// Number, sum and sum of squares of the returns of one block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Number of returns in the block.
    pub count: u64,
    /// Sum of the returns.
    pub sum: f64,
    /// Sum of their squares.
    pub sum_of_squares: f64,
}

/// The period that is still running.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Period {
    end_ns: i64,
    equity: f64,
}

/// Statistics of returns, without the returns themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Returns {
    calendar: Calendar,
    risk_free: f64,
    initial: f64,
    last_point: f64,
    running: Option<Period>,
    moments: Moments,
    downside: f64,
    points: Sum,
    points_count: u64,
    all_positive: bool,
    drawdown: MaxDrawdown,
    blocks: [Block; BLOCKS],
}

impl Returns {
    /// Starts before the first period; `risk_free_rate` is annual.
    #[must_use]
    pub fn new(initial_capital: f64, calendar: Calendar, risk_free_rate: f64) -> Self {
        Self {
            calendar,
            risk_free: libm::pow(1.0 + risk_free_rate, 1.0 / calendar.periods_per_year) - 1.0,
            initial: initial_capital,
            last_point: initial_capital,
            running: None,
            moments: Moments::default(),
            downside: 0.0,
            points: Sum::default(),
            points_count: 0,
            all_positive: initial_capital > 0.0,
            drawdown: MaxDrawdown::new(initial_capital),
            blocks: [Block::default(); BLOCKS],
        }
    }

    /// Returns the rule by which bars become periods.
    #[must_use]
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Sets whether a Sunday belongs to the Monday after it.
    pub(super) fn set_sundays(&mut self, join: bool) {
        self.calendar = self.calendar.with_sundays(join);
    }

    /// Adds the equity of a bar.
    #[inline]
    pub fn mark(&mut self, stamp_ns: i64, equity: f64) {
        match &mut self.running {
            Some(period) if stamp_ns < period.end_ns => period.equity = equity,
            _ => self.begin_period(stamp_ns, equity),
        }
    }

    /// Adds many bars; `equity(i)` is that of `stamps[i]`, and is asked for the last bar of each period only.
    #[inline]
    pub fn mark_many(&mut self, stamps: &[i64], equity: impl Fn(usize) -> f64) {
        let mut row = 0;
        if let Some(period) = &mut self.running {
            row = rows_before(stamps, period.end_ns);
            if row > 0 {
                period.equity = equity(row - 1);
            }
        }
        while row < stamps.len() {
            let rows = rows_before(&stamps[row..], self.calendar.period_end_ns(stamps[row]));
            self.begin_period(stamps[row], equity(row + rows - 1));
            row += rows;
        }
    }

    /// Adds rows whose periods are known, with the bits of `mark_many`; `stamp_ns` is the stamp of the first of them.
    pub(crate) fn mark_known(
        &mut self,
        periods: &Periods,
        rows: Range<usize>,
        stamp_ns: i64,
        equity: impl Fn(usize) -> f64,
    ) {
        let mut begun = self.running.is_some_and(|period| stamp_ns < period.end_ns);
        for period in periods.from(rows.start) {
            let value = equity(period.row.min(rows.end - 1));
            if !begun {
                self.end_period();
            }
            self.running = Some(Period { end_ns: period.end_ns, equity: value });
            begun = false;
            if period.row + 1 >= rows.end {
                return;
            }
        }
    }

    fn begin_period(&mut self, stamp_ns: i64, equity: f64) {
        self.end_period();
        self.running = Some(Period { end_ns: self.calendar.period_end_ns(stamp_ns), equity });
    }

    /// Ends the running period: at the end of the run, or in a copy for a partial result.
    pub fn end_period(&mut self) {
        let Some(Period { equity, .. }) = self.running.take() else {
            return;
        };
        self.points.add(equity);
        self.drawdown.mark(equity);
        // From the first point at or below 0 on, returns mean nothing.
        self.all_positive &= equity > 0.0;
        if self.all_positive {
            self.add_return(equity / self.last_point - 1.0);
        }
        self.last_point = equity;
        self.points_count += 1;
    }

    fn add_return(&mut self, value: f64) {
        let excess = (value - self.risk_free).min(0.0);
        self.moments.add(value);
        self.downside += excess * excess;
        // A run of unknown length, or longer than announced, has no blocks.
        let Some(periods) = self.calendar.periods.filter(|&periods| self.points_count < periods) else {
            return;
        };
        // In integers: day k of n belongs to block floor(16 k / n).
        let block = &mut self.blocks[(BLOCKS as u64 * self.points_count / periods) as usize];
        block.count += 1;
        block.sum += value;
        block.sum_of_squares += value * value;
    }

    /// Returns the number of returns.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.points_count
    }

    /// Returns the mean of the points after initial capital; `None` if it is not above 0.
    #[must_use]
    pub fn mean_point(&self) -> Option<f64> {
        Some(self.points.value() / self.points_count as f64).filter(|&mean| mean > 0.0)
    }

    /// Returns the largest drawdown on the points, a fraction.
    #[must_use]
    pub fn max_drawdown(&self) -> f64 {
        self.drawdown.worst()
    }

    /// Returns the sums by block.
    ///
    /// `None` unless the run has the length it was announced with, 16 returns, and no point at or below 0.
    #[must_use]
    pub fn blocks(&self) -> Option<[Block; BLOCKS]> {
        let complete = self.calendar.periods == Some(self.points_count);
        (complete && self.points_count >= BLOCKS as u64 && self.all_positive).then_some(self.blocks)
    }

    /// Checks that annual figures mean anything.
    ///
    /// # Errors
    /// `TooFewReturns` or `EquityNotPositive`.
    pub fn usable(&self) -> Result<(), Undefined> {
        if self.points_count < FEWEST_RETURNS {
            return Err(Undefined::TooFewReturns);
        }
        if self.all_positive { Ok(()) } else { Err(Undefined::EquityNotPositive) }
    }

    /// Returns `(final / initial)^(A / n) - 1`.
    pub(super) fn ann_return(&self) -> Metric {
        self.usable()?;
        let power = self.calendar.periods_per_year / self.points_count as f64;
        Ok(libm::pow(self.last_point / self.initial, power) - 1.0)
    }

    /// Returns the annual standard deviation.
    pub(super) fn volatility(&self) -> Metric {
        self.usable()?;
        Ok(self.moments.deviation() * self.calendar.periods_per_year.sqrt())
    }

    /// Returns the annual mean excess return over the annual deviation.
    pub(super) fn sharpe(&self) -> Metric {
        self.varies()?;
        let excess = self.moments.mean() - self.risk_free;
        Ok(excess / self.moments.deviation() * self.calendar.periods_per_year.sqrt())
    }

    /// Returns the annual mean excess return over the root mean square shortfall, taken over all returns.
    pub(super) fn sortino(&self) -> Metric {
        self.usable()?;
        let downside = (self.downside / self.points_count as f64).sqrt();
        if is_zero_deviation(downside, self.moments.mean()) {
            return Err(Undefined::ZeroDownside);
        }
        let excess = self.moments.mean() - self.risk_free;
        Ok(excess / downside * self.calendar.periods_per_year.sqrt())
    }

    /// Returns the population skew.
    pub(super) fn skew(&self) -> Metric {
        self.varies().map(|()| self.moments.skew())
    }

    /// Returns the population kurtosis; 3 is normal.
    pub(super) fn kurtosis(&self) -> Metric {
        self.varies().map(|()| self.moments.kurtosis())
    }

    fn varies(&self) -> Result<(), Undefined> {
        self.usable()?;
        let flat = is_zero_deviation(self.moments.deviation(), self.moments.mean());
        if flat { Err(Undefined::ZeroVolatility) } else { Ok(()) }
    }
}
