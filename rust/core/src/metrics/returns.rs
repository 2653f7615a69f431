//! Returns from period to period: annualised figures, shape, and sums by block.

use serde::{Deserialize, Serialize};

use crate::metrics::calendar::{Calendar, rows_before};
use crate::metrics::drawdown::Fall;
use crate::metrics::sums::{Moments, Sum, is_zero_deviation};

/// Blocks of a run for statistics without a curve.
pub const BLOCKS: usize = 16;
/// Fewer returns than this tell nothing about a year.
const FEWEST: u64 = 10;

/// Number, sum and sum of squares of the returns of one block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Number of returns.
    pub count: u64,
    /// Their sum.
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

/// Everything returns are asked for, without the returns themselves.
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
    drawdown: Fall,
    blocks: [Block; BLOCKS],
}

impl Returns {
    /// No period yet; `risk_free_rate` is annual.
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
            drawdown: Fall::new(initial_capital),
            blocks: [Block::default(); BLOCKS],
        }
    }

    /// What a period is here.
    #[must_use]
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// One more bar.
    #[inline]
    pub fn mark(&mut self, stamp_ns: i64, equity: f64) {
        match &mut self.running {
            Some(period) if stamp_ns < period.end_ns => period.equity = equity,
            _ => self.roll(stamp_ns, equity),
        }
    }

    /// Many more bars: `equity(i)` is that of `stamps[i]`, asked for the last bar of each period only.
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
            self.roll(stamps[row], equity(row + rows - 1));
            row += rows;
        }
    }

    fn roll(&mut self, stamp_ns: i64, equity: f64) {
        self.end_period();
        self.running = Some(Period { end_ns: self.calendar.period_end_ns(stamp_ns), equity });
    }

    /// Takes the running period for ended: at the end of the run, or in a copy for a partial result.
    pub fn end_period(&mut self) {
        let Some(Period { equity, .. }) = self.running.take() else {
            return;
        };
        self.points.add(equity);
        self.drawdown.mark(equity);
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
        let Some(periods) = self.calendar.periods.filter(|&periods| self.points_count < periods) else {
            return;
        };
        let block = &mut self.blocks[(BLOCKS as u64 * self.points_count / periods) as usize];
        block.count += 1;
        block.sum += value;
        block.sum_of_squares += value * value;
    }

    /// Number of returns.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.points_count
    }

    /// Mean of the points after initial capital; `None` where it is not above 0.
    #[must_use]
    pub fn mean_point(&self) -> Option<f64> {
        Some(self.points.value() / self.points_count as f64).filter(|&mean| mean > 0.0)
    }

    /// Largest drawdown on the points, a fraction.
    #[must_use]
    pub fn max_drawdown(&self) -> f64 {
        self.drawdown.worst()
    }

    /// Sums by block; `None` unless the run has the length it was announced with, 16 returns, and no
    /// point at or below 0.
    #[must_use]
    pub fn blocks(&self) -> Option<[Block; BLOCKS]> {
        let complete = self.calendar.periods == Some(self.points_count);
        (complete && self.points_count >= BLOCKS as u64 && self.all_positive).then_some(self.blocks)
    }

    /// Whether annual figures mean anything.
    ///
    /// # Errors
    /// The reason why not.
    pub fn usable(&self) -> Result<(), &'static str> {
        if self.points_count < FEWEST {
            return Err("too_few_returns");
        }
        if self.all_positive { Ok(()) } else { Err("equity_not_positive") }
    }

    /// `(final / initial)^(A / n) - 1`.
    ///
    /// # Errors
    /// The reason why it is undefined; the same holds for the methods below.
    pub fn ann_return(&self) -> Result<f64, &'static str> {
        self.usable()?;
        let power = self.calendar.periods_per_year / self.points_count as f64;
        Ok(libm::pow(self.last_point / self.initial, power) - 1.0)
    }

    /// Annual standard deviation.
    ///
    /// # Errors
    /// See `ann_return`.
    pub fn volatility(&self) -> Result<f64, &'static str> {
        self.usable()?;
        Ok(self.moments.deviation() * self.calendar.periods_per_year.sqrt())
    }

    /// Annual mean excess return over annual deviation.
    ///
    /// # Errors
    /// See `ann_return`.
    pub fn sharpe(&self) -> Result<f64, &'static str> {
        self.varies()?;
        let excess = self.moments.mean() - self.risk_free;
        Ok(excess / self.moments.deviation() * self.calendar.periods_per_year.sqrt())
    }

    /// The same over the root mean square of the shortfalls, taken over all returns.
    ///
    /// # Errors
    /// See `ann_return`.
    pub fn sortino(&self) -> Result<f64, &'static str> {
        self.usable()?;
        let downside = (self.downside / self.points_count as f64).sqrt();
        if is_zero_deviation(downside, self.moments.mean()) {
            return Err("zero_downside");
        }
        let excess = self.moments.mean() - self.risk_free;
        Ok(excess / downside * self.calendar.periods_per_year.sqrt())
    }

    /// Population skew.
    ///
    /// # Errors
    /// See `ann_return`.
    pub fn skew(&self) -> Result<f64, &'static str> {
        self.varies().map(|()| self.moments.skew())
    }

    /// Population kurtosis, raw.
    ///
    /// # Errors
    /// See `ann_return`.
    pub fn kurtosis(&self) -> Result<f64, &'static str> {
        self.varies().map(|()| self.moments.kurtosis())
    }

    fn varies(&self) -> Result<(), &'static str> {
        self.usable()?;
        let flat = is_zero_deviation(self.moments.deviation(), self.moments.mean());
        if flat { Err("zero_volatility") } else { Ok(()) }
    }
}
