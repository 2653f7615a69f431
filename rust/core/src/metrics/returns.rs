//! Returns from period to period: annualised figures, shape, and sums by block.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use wide::f64x8;

use crate::lanes::LANES;
use crate::metrics::calendar::{Calendar, PeriodEnd, Periods};
use crate::metrics::drawdown::MaxDrawdown;
use crate::metrics::sums::{Moments, Sum, is_zero_deviation};
use crate::metrics::undefined::{Metric, Undefined};
use crate::number::{InLanes, Number, Truth};
use crate::time::rows_before;

/// Blocks of a run, for statistics without a curve.
pub const BLOCKS: usize = 16;

/// Returns below which annual figures are undefined.
const FEWEST_RETURNS: u64 = 10;

/// Number, sum and sum of squares of the returns of one block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Block<N = f64> {
    /// Number of returns in the block.
    pub count: u64,
    /// Sum of the returns.
    pub sum: N,
    /// Sum of their squares.
    pub sum_of_squares: N,
}

/// The period that is still running.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Period<N = f64> {
    end_ns: i64,
    equity: N,
}

/// Statistics of returns, without the returns themselves; of one run, or of eight over the same periods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Returns<N = f64, C = u64> {
    calendar: Calendar,
    risk_free: N,
    initial: N,
    last_point: N,
    running: Option<Period<N>>,
    moments: Moments<N, C>,
    downside: N,
    points: Sum<N>,
    points_count: u64,
    all_positive: bool,
    drawdown: MaxDrawdown<N>,
    blocks: [Block<N>; BLOCKS],
}

/// Equity of eight runs at the last row of a period.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    /// The period, which ends at that row.
    pub period: PeriodEnd,
    /// Equity of the run in each lane.
    pub equity: f64x8,
}

impl<N: Number> Returns<N, N::Count> {
    /// Adds the equity of a row in a known period.
    #[inline]
    pub(crate) fn note(&mut self, end_ns: i64, equity: N) {
        if self.running.is_none_or(|period| period.end_ns != end_ns) {
            self.end_period();
        }
        self.running = Some(Period { end_ns, equity });
    }

    /// Ends the running period: at the end of the run, or in a copy for a partial result.
    pub fn end_period(&mut self) {
        let Some(Period { equity, .. }) = self.running.take() else {
            return;
        };
        self.points.add(equity);
        self.drawdown.mark_each(equity);
        // From the first point at or below 0 on, returns mean nothing.
        self.all_positive &= equity.is_above(N::from(0.0)).everywhere();
        if self.all_positive {
            self.add_return(equity / self.last_point - N::from(1.0));
        }
        self.last_point = equity;
        self.points_count += 1;
    }

    fn add_return(&mut self, value: N) {
        let excess = (value - self.risk_free).lower(N::from(0.0));
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
}

impl Returns<f64x8, f64x8> {
    /// Puts runs into lanes; `None` if they are not at one and the same period, or one is or was at or below 0.
    fn of_lanes(each: [&Returns; LANES]) -> Option<Self> {
        let first = each[0];
        let place = |one: &Returns| (one.calendar, one.points_count, one.running.map(|period| period.end_ns));
        let is_positive = |one: &Returns| one.all_positive && one.running.is_none_or(|period| period.equity > 0.0);
        if !each.iter().all(|one| is_positive(one) && place(one) == place(first)) {
            return None;
        }
        let number = |of: fn(&Returns) -> f64| f64x8::new(each.map(of));
        let equity = number(|one| one.running.map_or(0.0, |period| period.equity));
        let mut found = Self {
            calendar: first.calendar,
            risk_free: number(|one| one.risk_free),
            initial: number(|one| one.initial),
            last_point: number(|one| one.last_point),
            running: first.running.map(|period| Period { end_ns: period.end_ns, equity }),
            moments: Moments::default(),
            downside: number(|one| one.downside),
            points: Sum::default(),
            points_count: first.points_count,
            all_positive: true,
            drawdown: MaxDrawdown::default(),
            blocks: std::array::from_fn(|at| Block {
                count: first.blocks[at].count,
                sum: f64x8::new(each.map(|one| one.blocks[at].sum)),
                sum_of_squares: f64x8::new(each.map(|one| one.blocks[at].sum_of_squares)),
            }),
        };
        for (lane, one) in each.into_iter().enumerate() {
            found.moments.set_lane(lane, &one.moments);
            found.points.set_lane(lane, &one.points);
            found.drawdown.set_lane(lane, &one.drawdown);
        }
        Some(found)
    }

    /// Returns the run of a lane.
    fn lane(&self, lane: usize) -> Returns {
        let of = |values: f64x8| values.lane(lane);
        Returns {
            calendar: self.calendar,
            risk_free: of(self.risk_free),
            initial: of(self.initial),
            last_point: of(self.last_point),
            running: self.running.map(|Period { end_ns, equity }| Period { end_ns, equity: of(equity) }),
            moments: self.moments.lane(lane),
            downside: of(self.downside),
            points: self.points.lane(lane),
            points_count: self.points_count,
            all_positive: self.all_positive,
            drawdown: self.drawdown.lane(lane),
            blocks: self.blocks.map(|Block { count, sum, sum_of_squares }| Block {
                count,
                sum: of(sum),
                sum_of_squares: of(sum_of_squares),
            }),
        }
    }
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

    /// Adds rows whose periods are known, with the bits of `mark_many`.
    pub(crate) fn mark_known(&mut self, periods: &Periods, rows: Range<usize>, equity: impl Fn(usize) -> f64) {
        for period in periods.from(rows.start) {
            self.note(period.end_ns, equity(period.row.min(rows.end - 1)));
            if period.row + 1 >= rows.end {
                return;
            }
        }
    }

    /// Adds the points of up to eight runs, lane by lane, with the bits of `note` on each.
    pub(crate) fn note_together(each: &mut [&mut Self], points: &[Point]) {
        let last = each.len() - 1;
        let lanes = Returns::of_lanes(std::array::from_fn(|lane| &*each[lane.min(last)]));
        let is_positive = |point: &Point| point.equity.is_above(f64x8::splat(0.0)).everywhere();
        match lanes.filter(|_| points.iter().all(is_positive)) {
            Some(mut lanes) => {
                points.iter().for_each(|point| lanes.note(point.period.end_ns, point.equity));
                each.iter_mut().enumerate().for_each(|(lane, one)| **one = lanes.lane(lane));
            }
            None => {
                for (lane, one) in each.iter_mut().enumerate() {
                    points.iter().for_each(|point| one.note(point.period.end_ns, point.equity.lane(lane)));
                }
            }
        }
    }

    fn begin_period(&mut self, stamp_ns: i64, equity: f64) {
        self.end_period();
        self.running = Some(Period { end_ns: self.calendar.period_end_ns(stamp_ns), equity });
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
