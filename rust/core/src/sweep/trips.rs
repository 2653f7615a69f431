//! Round trips that follow from signals alone: found once, and walked by every scenario of their route.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::engine::bar::against;
use crate::engine::fast::ranges::MinMax;
use crate::engine::plan::Plan;
use crate::market::rows::{Quote, Rows};
use crate::orders::order::Order;
use crate::rules::OnOpposite;
use crate::signals::filter::Filter;
use crate::sweep::candidates::{Candidates, Cursor, kinds_that_matter};
use crate::sweep::market::Market;
use crate::sweep::scenario::Scenario;
use crate::time::rows_before;

/// Round trips of fewer bars are counted in an array: there are many of them.
const SHORT_BARS: usize = 256;

/// The rules that decide rows and quotes of fills where nothing but signals places orders.
///
/// Sizes and costs are not among them: they decide money only. The threshold comes first, so that scenarios in the order
/// of their routes share candidates too.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) struct Route {
    filter: Filter,
    half_spread: f64,
    opposite_reverses: bool,
    allow_short: bool,
    follows_signals: bool,
}

impl Route {
    /// Returns the route of a scenario.
    pub fn of(plan: &Plan) -> Self {
        let execution = plan.execution();
        Self {
            filter: plan.filter,
            half_spread: execution.spread.half,
            opposite_reverses: execution.on_opposite == OnOpposite::Reverse,
            allow_short: execution.allow_short,
            follows_signals: plan.follows_signals(),
        }
    }

    /// Returns the threshold, which decides on the candidates.
    pub fn threshold(&self) -> f32 {
        self.filter.threshold()
    }
}

/// A round trip whose rows are known, with what every scenario needs of them.
#[derive(Debug)]
pub(super) struct Trip {
    /// Order that opens it.
    pub opening: Order,
    /// Row at whose open it begins.
    pub entry_row: usize,
    /// Row at whose open it ends.
    pub exit_row: usize,
    /// Stamp of that row, ns UTC.
    pub exit_ns: i64,
    /// Quote of the entry.
    pub entry: Quote,
    /// Quote of the exit.
    pub exit: Quote,
    /// Lowest and highest close while it is held.
    pub closes: MinMax,
    /// Lowest and highest price while it is held.
    pub prices: MinMax,
    /// True if a period of returns ends at one of its rows, or of those between the round trip before and this one.
    pub ends_period: bool,
    trough: OnceCell<Trough>,
}

/// The worst close of a round trip.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trough {
    /// First row with it.
    pub row: usize,
    /// Worst close of the rows before.
    pub before: Option<f64>,
}

impl Trip {
    /// Returns the worst of the closes, found when it is first asked for.
    pub fn trough(&self, closes: &[f64]) -> Trough {
        *self.trough.get_or_init(|| {
            let held = &closes[self.entry_row..self.exit_row];
            let is_long = self.opening.side() > 0;
            let worst = if is_long { self.closes.0 } else { self.closes.1 };
            let first = held.iter().position(|&close| close == worst).unwrap_or(0);
            let worse = |one: f64, other: f64| if (one < other) == is_long { one } else { other };
            Trough { row: self.entry_row + first, before: held[..first].iter().copied().reduce(worse) }
        })
    }
}

/// The round trips of a route, in order.
#[derive(Debug, Default)]
pub(super) struct Trips {
    /// Those that end before the last row.
    pub trips: Vec<Trip>,
    /// Bars held of each of them.
    pub bars_held: Vec<i64>,
    lengths: OnceCell<BTreeMap<i64, u64>>,
    /// The order that reverses the last of them into a position that does not.
    pub reversal: Option<Order>,
}

impl Trips {
    /// Finds the round trips of a route, of which `plan` is one scenario.
    ///
    /// There are none where a position may have another cause or another end than signals, or a conversion rate.
    pub fn find(&mut self, market: &Market<'_>, candidates: &Candidates, plan: &Plan) {
        self.trips.clear();
        self.bars_held.clear();
        self.lengths.take();
        self.reversal = None;
        if plan.follows_signals() && market.columns.bars.conversion_rate.is_none() {
            let kinds = [-1, 0, 1].map(|direction| kinds_that_matter(&plan.filter, direction));
            let rows = market.rows(plan);
            // At once, since memory that grows is copied and cleared again. A round trip mostly takes two signals.
            self.trips.reserve(candidates.len() / 2);
            self.bars_held.reserve(candidates.len() / 2);
            Search { market, candidates, plan, rows, cursor: Cursor::default(), kinds }.run(self);
        }
    }

    /// Returns the number of round trips by their bars held, counted when it is first asked for.
    pub fn lengths(&self) -> &BTreeMap<i64, u64> {
        self.lengths.get_or_init(|| {
            let mut short = [0; SHORT_BARS];
            let mut found = BTreeMap::new();
            for &bars in &self.bars_held {
                match short.get_mut(bars as usize) {
                    Some(count) => *count += 1,
                    None => *found.entry(bars).or_default() += 1,
                }
            }
            found.extend((0..).zip(short).filter(|&(_, count)| count > 0));
            found
        })
    }

    /// Returns the order that is due at the open of a row before round trip `next`: one that reverses the trip before.
    pub fn due(&self, next: usize, row: usize) -> Option<&Order> {
        match self.trips.get(next) {
            Some(trip) => (trip.entry_row == row).then_some(&trip.opening),
            None => self.reversal.as_ref(),
        }
    }

    /// Returns the number of the round trip that a scenario would simulate next; `None` if it would fill at other rows.
    pub fn meeting(&self, scenario: &Scenario<'_>) -> Option<usize> {
        let Scenario { plan, state, row, .. } = scenario;
        let next = self.trips.partition_point(|trip| trip.entry_row <= *row);
        let before = next.checked_sub(1).map(|before| &self.trips[before]);
        let is_flat = state.position.is_none() && state.pending.is_none();
        let flat_too = before.is_none_or(|before| before.exit_row <= *row);
        // A filter that asks for the last fill has to find the same one.
        let same_past = !plan.filter.separates() || state.last_fill_ns == before.map(|before| before.exit_ns);
        (next < self.trips.len() && is_flat && flat_too && same_past).then_some(next)
    }
}

/// The search for the round trips of a route.
struct Search<'a> {
    market: &'a Market<'a>,
    candidates: &'a Candidates,
    plan: &'a Plan,
    rows: Rows<'a>,
    cursor: Cursor,
    kinds: [u8; 3],
}

impl Search<'_> {
    /// Goes from one flat row to the next.
    fn run(mut self, found: &mut Trips) {
        let first = self.market.spec.warmup_bars as usize;
        let mut row = first;
        let mut last_fill_ns = None;
        while let Some(decided) = self.next_decision(0, row, last_fill_ns) {
            let mut order = Some(self.order(decided, 0));
            row = decided + 1;
            while let Some(opening) = order {
                let flat_from = found.trips.last().map_or(first, |before| before.exit_row);
                let Some((trip, closing)) = self.trip(opening, flat_from, row) else {
                    // Only a reversal opens at the row that ends another.
                    let reverses = found.trips.last().is_some_and(|last| last.exit_row == row);
                    found.reversal = reverses.then_some(opening);
                    return;
                };
                row = trip.exit_row;
                last_fill_ns = Some(trip.exit_ns);
                found.bars_held.push((trip.exit_row - trip.entry_row) as i64);
                found.trips.push(trip);
                order = Some(closing).filter(|order| order.reverses(self.plan.execution()));
            }
        }
    }

    /// Returns the round trip that an order opens at a row, and the order that ends it; `flat_from` is the first row after the
    /// round trip before.
    fn trip(&mut self, opening: Order, flat_from: usize, entry_row: usize) -> Option<(Trip, Order)> {
        let stamps = self.rows.bars.timestamp;
        let direction = opening.side();
        let decided = self.next_decision(direction, entry_row, Some(stamps[entry_row]))?;
        let exit_row = decided + 1;
        let ranges = &self.market.ranges;
        let trip = Trip {
            opening,
            entry_row,
            exit_row,
            exit_ns: stamps[exit_row],
            entry: self.quote(entry_row),
            exit: self.quote(exit_row),
            closes: ranges.closes(entry_row..exit_row),
            prices: ranges.range(entry_row..exit_row),
            ends_period: self.market.periods.from(flat_from)[0].row < exit_row,
            trough: OnceCell::new(),
        };
        Some((trip, self.order(decided, direction)))
    }

    /// Finds the first row from `from` on that places an order; its fill comes before the last row.
    fn next_decision(&mut self, direction: i8, from: usize, last_fill_ns: Option<i64>) -> Option<usize> {
        // The last row ends the run, which only a step does.
        let last = self.rows.len() - 1;
        let stamps = &self.rows.bars.timestamp[from..last];
        let held_back = self.plan.filter.free_from_ns(last_fill_ns).map_or(0, |ns| rows_before(stamps, ns));
        let kinds = self.kinds[(direction + 1) as usize];
        self.candidates.next(&mut self.cursor, from + held_back, kinds).filter(|row| row + 1 < last)
    }

    /// Returns the order that a row places at a position of that direction.
    fn order(&self, row: usize, direction: i8) -> Order {
        let Market { columns, .. } = self.market;
        let signal = against(columns.signals[row], direction);
        // Neither a level nor the size of these rules asks for ATR or volatility.
        Order { signal, confidence: Some(columns.confidence(row)), atr: f64::NAN, sigma: None }
    }

    fn quote(&self, row: usize) -> Quote {
        Quote::at_open(self.rows.bars.open[row], &self.rows.previous(row))
    }
}
