//! Equity of rows whose money depends on the close alone, and its way to the metrics.

use std::ops::Range;

use prefetch_index::prefetch_index;

use crate::engine::fast::look::Block;
use crate::engine::fast::ranges::{BlockRanges, MinMax};
use crate::lanes::{Extremes, LANES};
use crate::ledger::writer::ROWS_AHEAD;
use crate::market::rows::Rows;
use crate::metrics::accumulator::Accumulator;
use crate::metrics::curve::Curve;
use crate::money::account::Account;
use crate::money::holding::Holding;

/// Rows from which on a plain loop is faster than eight rows at a time.
const LONG_ROWS: usize = 64;

/// The equity of a position whose money depends on the close alone, by the bars of a run.
pub(crate) struct HeldCurve<'a> {
    /// Bar of the run that is row 0 of the block.
    first_bar: usize,
    /// Closes of the block.
    pub closes: &'a [f64],
    /// Extremes of its prices.
    ranges: &'a BlockRanges<'a>,
    /// Units of the position.
    holding: Holding,
    /// Account that holds them.
    account: Account,
}

impl<'a> HeldCurve<'a> {
    /// Returns the equity of an account with so many units over the rows of a block.
    #[inline]
    pub fn of(rows: &Rows<'a>, ranges: &'a BlockRanges<'a>, holding: Holding, account: Account) -> Self {
        Self { first_bar: rows.first_bar as usize, closes: rows.bars.close, ranges, holding, account }
    }

    /// Returns the equity at a close.
    #[inline]
    pub fn at(&self, close: f64) -> f64 {
        self.holding.equity(&self.account, close, 1.0)
    }

    /// Returns the lowest and the highest equity at closes between two.
    #[inline]
    pub fn between(&self, (low, high): MinMax) -> MinMax {
        // Equity rises with the close, or falls with it, also after rounding: its extremes are those of the closes.
        let one = self.at(low);
        let other = self.at(high);
        (one.min(other), one.max(other))
    }
}

impl Curve for HeldCurve<'_> {
    fn equity(&self, bar: usize) -> f64 {
        self.at(self.closes[bar - self.first_bar])
    }

    fn extremes(&self, bars: Range<usize>) -> MinMax {
        self.between(self.ranges.closes(bars.start - self.first_bar..bars.end - self.first_bar))
    }
}

/// Rows at which nothing but the mark of open units changes.
pub(crate) struct Held<'a> {
    /// Rows at which they are held.
    pub rows: Range<usize>,
    /// Signed number of units.
    pub net: f64,
    /// Account that holds them.
    pub account: &'a Account,
    /// Stamp of the last fill before the rows, ns UTC.
    pub last_fill_ns: Option<i64>,
}

/// Rows of a chain whose equity the metrics get together.
#[derive(Debug, Clone)]
pub(crate) enum Span {
    /// Rows whose equity is written, its places, and how many of the rows have a position.
    Points { rows: Range<usize>, points: Range<usize>, held: usize },
    /// Rows without a position.
    Flat { rows: Range<usize>, balance: f64 },
    /// Rows at which an account holds `net` units.
    Held { rows: Range<usize>, net: f64, account: Account },
}

impl Span {
    /// Adds the equity of the rows to metrics; `equity` holds what is written of it.
    pub fn add_to(self, metrics: &mut Accumulator, block: &Block<'_>, equity: &[f64]) {
        let stamps = &block.rows.bars.timestamp;
        match self {
            Self::Points { rows, points, held } => {
                metrics.mark_many(block.bar_of(rows.start), &stamps[rows], &equity[points], held);
            }
            Self::Flat { rows, balance } => metrics.mark_flat(block.bar_of(rows.start), &stamps[rows], balance),
            Self::Held { rows, net, account } => {
                let curve = HeldCurve::of(&block.rows, &block.look.ranges, block.plan.holding(net), account);
                metrics.mark_held(block.bar_of(rows.start), &stamps[rows], &curve);
            }
        }
    }
}

/// The place that takes the equity of a chain.
pub(crate) trait Points {
    /// Returns the column that equity is written to.
    fn equity(&mut self) -> &mut Vec<f64>;

    /// Returns true if it keeps the equity of each row.
    fn keeps_curve(&self) -> bool;

    /// Takes rows for the metrics.
    fn span(&mut self, block: &Block<'_>, span: Span);
}

/// The rows of a chain whose equity is known.
#[derive(Debug)]
pub(crate) struct Marks {
    /// Next row to be marked.
    pub row: usize,
    /// First row that the metrics do not have.
    new_row: usize,
    /// Place of its equity.
    new_point: usize,
    /// Rows with an open position among those that they do not have.
    held: usize,
}

impl Marks {
    /// Starts at row `first` of a block; its equity comes behind so many points.
    pub fn new(first: usize, points: usize) -> Self {
        Self { row: first, new_row: first, new_point: points, held: 0 }
    }

    /// Marks rows without a position up to `row`.
    #[inline(always)]
    pub fn flat(&mut self, into: &mut impl Points, block: &Block<'_>, row: usize, balance: f64) {
        let rows = self.row..row;
        self.row = row;
        if leaves_out(into, &rows) {
            // Returns and drawdown take rows in their order.
            self.add_points(into, block, rows.start);
            self.new_row = rows.end;
            into.span(block, Span::Flat { rows, balance });
            return;
        }
        let equity = into.equity();
        let end = equity.len() + rows.len();
        // A plain fill writes whole pages faster than any loop of lanes.
        if rows.len() >= LONG_ROWS {
            equity.resize(end, balance);
            return;
        }
        // Whole lanes, cut where the rows end: a loop over so few rows would end each time where nobody expects it.
        while equity.len() < end {
            prefetch_index(&equity[..], equity.len() + ROWS_AHEAD);
            equity.extend_from_slice(&[balance; LANES]);
        }
        equity.truncate(end);
    }

    /// Marks rows at which a position is held; returns the lowest and the highest price of them.
    #[inline(always)]
    pub fn hold(&mut self, into: &mut impl Points, block: &Block<'_>, held: Held<'_>) -> MinMax {
        let Held { rows, net, account, .. } = held;
        self.row = rows.end;
        if leaves_out(into, &rows) {
            self.add_points(into, block, rows.start);
            self.new_row = rows.end;
            into.span(block, Span::Held { rows: rows.clone(), net, account: *account });
            return block.look.ranges.range(rows);
        }
        self.held += rows.len();
        write(into.equity(), block, &block.plan.holding(net), account, rows)
    }

    /// Adds the equity that was written of rows up to `end` to the metrics, all of it at once.
    pub fn add_points(&mut self, into: &mut impl Points, block: &Block<'_>, end: usize) {
        let Self { new_row, new_point, held, .. } = *self;
        self.new_row = end;
        self.new_point = into.equity().len();
        self.held = 0;
        into.span(block, Span::Points { rows: new_row..end, points: new_point..self.new_point, held });
    }
}

/// Returns true for rows whose equity is not written: nobody keeps it, and its extremes are known.
fn leaves_out(into: &impl Points, rows: &Range<usize>) -> bool {
    rows.len() >= LONG_ROWS && !into.keeps_curve()
}

/// Writes the equity of rows at which a position is held; returns the lowest and the highest price of them.
#[inline(always)]
fn write(equity: &mut Vec<f64>, block: &Block<'_>, holding: &Holding, account: &Account, rows: Range<usize>) -> MinMax {
    let bars = &block.rows.bars;
    let at = |close: f64| holding.equity(account, close, 1.0);
    if rows.len() >= LONG_ROWS || rows.start + rows.len().next_multiple_of(LANES) > bars.len() {
        equity.extend(bars.close[rows.clone()].iter().map(|&close| at(close)));
        return block.look.ranges.range(rows);
    }
    // As in `flat`; the lanes behind the rows count neither as equity nor as extremes.
    let end = equity.len() + rows.len();
    let [lows, highs, closes] = [bars.low, bars.high, bars.close].map(|column| column[rows.start..].as_chunks().0);
    let mut extremes = Extremes::none();
    for (step, ((lows, highs), closes)) in lows.iter().zip(highs).zip(closes).enumerate() {
        prefetch_index(&equity[..], equity.len() + ROWS_AHEAD);
        equity.extend_from_slice(&closes.map(at));
        extremes.add_first(rows.len() - step * LANES, lows, highs);
        if equity.len() >= end {
            break;
        }
    }
    equity.truncate(end);
    extremes.min_max()
}
