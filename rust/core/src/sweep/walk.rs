//! One of the scenarios of a route, from round trip to round trip.
//!
//! All of them fill at the same rows, so they share the search for these rows, the prices there, and the branches that
//! a processor has to guess. Their money does not mix: `group` computes that of eight scenarios at once, and calls a
//! `Walker` where one of them goes by itself.

use std::collections::BTreeMap;

use crate::engine::fast::curve::HeldCurve;
use crate::engine::fast::hold;
use crate::engine::leg::{At, Leg};
use crate::engine::plan::Plan;
use crate::error::Error;
use crate::ledger::writer::LedgerWriter;
use crate::market::rows::Rows;
use crate::metrics::curve::Curve;
use crate::money::account::Account;
use crate::money::holding::Holding;
use crate::orders::matching::{Levels, Reason};
use crate::rules::Execution;
use crate::sweep::benchmarks::Benchmarks;
use crate::sweep::candidates::Candidates;
use crate::sweep::market::Market;
use crate::sweep::scenario::{Outcome, Scenario};
use crate::sweep::trip_curve::TripCurve;
use crate::sweep::trips::{Trip, Trips};

/// Number of no round trip.
const NEVER: usize = usize::MAX;

/// Memory that a thread uses for one scenario after the other.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Journal of the events that are simulated one by one.
    pub(super) journal: LedgerWriter,
    benchmarks: Benchmarks,
}

/// A scenario on its way.
pub(super) struct Walker<'a> {
    pub(super) scenario: Scenario<'a>,
    /// Round trip that it simulates next.
    pub(super) next: usize,
    /// Round trips that have been counted.
    counted: usize,
    /// True if they are all round trips of the route, which counts their bars held for all its scenarios.
    walked_all: bool,
    /// Rows that have been counted.
    counted_rows: usize,
    error: Option<Error>,
}

/// The fills of a round trip, and what is held between them.
struct Fills {
    entry: Leg,
    exit: Leg,
    levels: Levels,
    requirement: Option<f64>,
    holding: Holding,
    /// Account between the fills.
    account: Account,
}

/// The position of a round trip.
pub(super) struct Held<'a> {
    pub trip: &'a Trip,
    pub holding: Holding,
    /// Account between the fills.
    pub account: Account,
}

impl Held<'_> {
    /// Returns the equity of its rows.
    fn curve<'a>(&'a self, rows: &Rows<'a>, market: &'a Market<'_>) -> TripCurve<'a> {
        TripCurve { held: HeldCurve::of(rows, &market.ranges, self.holding, self.account), trip: self.trip }
    }
}

impl<'a> Walker<'a> {
    /// Begins before the first round trip.
    pub(super) fn new(market: &'a Market<'a>, candidates: &'a Candidates, plan: &'a Plan) -> Self {
        let error = market.check(plan).err();
        let next = if error.is_none() { 0 } else { NEVER };
        let scenario = Scenario::new(market, candidates, plan);
        let counted_rows = scenario.row;
        Self { scenario, next, counted: 0, walked_all: false, counted_rows, error }
    }

    /// Returns the rules that make its fills.
    pub(super) fn execution(&self) -> &'a Execution {
        self.scenario.plan.execution()
    }

    /// Simulates a round trip if it has come to it.
    pub(super) fn step(&mut self, at: usize, trips: &Trips, journal: &mut LedgerWriter) {
        // One that had to leave the others waits here until they meet again.
        if self.next == at && !self.take(&trips.trips[at]) {
            self.leave(trips, journal);
        }
    }

    /// Simulates a round trip; false, and nothing is changed, if its fills are not certain.
    #[inline(always)]
    fn take(&mut self, trip: &Trip) -> bool {
        let Some(fills) = self.fills(trip) else { return false };
        let held = Held { trip, holding: fills.holding, account: fills.account };
        self.mark_drawdown(&held);
        if trip.ends_period {
            self.mark_returns(&held);
        }
        self.book(trip, fills);
        self.scenario.row = trip.exit_row;
        self.next += 1;
        true
    }

    /// Returns the fills, unless the position might be liquidated between them, or one of them is refused.
    #[inline(always)]
    fn fills(&self, trip: &Trip) -> Option<Fills> {
        let Scenario { plan, state, .. } = &self.scenario;
        let rules = plan.execution();
        let mut account = state.account;
        let equity = account.balance;
        let direction = trip.opening.side();
        let opening = Leg::opening(rules, &trip.opening, &trip.entry, equity, trip.entry_row as i64);
        let Ok(Ok((entry, levels))) = opening else { return None };
        let exit = Leg::closing(rules, direction, entry.quantity, &trip.exit, trip.exit_row as i64).ok()?;
        entry.pay(rules, &mut account);
        let requirement = entry.requirement(rules, equity);
        let holding = plan.holding(f64::from(direction) * entry.quantity);
        let Account { balance, quote_cash } = account;
        let is_certain =
            hold::is_far_from_liquidation(requirement, &holding, quote_cash, &[balance], &[1.0], trip.prices);
        is_certain.then_some(Fills { entry, exit, levels, requirement, holding, account })
    }

    /// Adds the equity of the rows before the entry, and of those between the fills, to the drawdown.
    ///
    /// Most round trips do not change it: their equity lies between the peak and the worst fall.
    #[inline(always)]
    pub(super) fn mark_drawdown(&mut self, held: &Held<'_>) {
        let Scenario { market, rows, state, row, .. } = &mut self.scenario;
        let balance = state.account.balance;
        let flat = *row..held.trip.entry_row;
        let curve = held.curve(rows, market);
        let (low, high) = curve.extremes(curve.rows());
        let beside = if flat.is_empty() { low } else { balance };
        let (drawdown, _) = state.metrics.curve_mut();
        if !drawdown.passes(flat.start as i64, low.min(beside), high.max(beside)) {
            drawdown.mark_flat(flat.start as i64, flat.len(), balance);
            drawdown.mark_curve(curve.rows(), &curve);
        }
    }

    /// Adds that equity to the returns, where a period ends.
    ///
    /// What a period that has not ended is worth is asked again before it ends.
    fn mark_returns(&mut self, held: &Held<'_>) {
        let Scenario { market, rows, state, row, .. } = &mut self.scenario;
        let balance = state.account.balance;
        let flat = *row..held.trip.entry_row;
        let curve = held.curve(rows, market);
        let (_, returns) = state.metrics.curve_mut();
        if !flat.is_empty() {
            returns.mark_known(&market.periods, flat, |_| balance);
        }
        returns.mark_known(&market.periods, curve.rows(), |row| curve.equity(row));
    }

    /// Books both fills and the round trip, as `Trading` does, but for the ledger.
    #[inline(always)]
    fn book(&mut self, trip: &Trip, fills: Fills) {
        let Fills { entry, exit, levels, requirement, mut account, .. } = fills;
        let Scenario { plan, state, .. } = &mut self.scenario;
        let rules = plan.execution();
        exit.pay(rules, &mut account);
        let gross_pnl = account.settle(exit.priced.rate);
        let [entry_costs, exit_costs] = [entry, exit].map(|leg| leg.costs(rules));
        state.metrics.fill_twice([entry_costs, exit_costs]);
        // Neither position nor fill is kept: of both only what the sums of trades take is computed.
        let [entry_at, exit_at] = [trip.entry_row, trip.exit_row].map(|row| At { bar: row as i64, time: trip.exit_ns });
        let mut position = entry.position(entry_at, 0, None, &entry_costs, levels, requirement);
        let fill = exit.row(exit_at, 0, Reason::Signal, &exit_costs);
        state.metrics.trade(&exit.trade(rules, &mut position, &fill, gross_pnl, None));
        state.account = account;
        state.last_fill_ns = Some(trip.exit_ns);
    }

    /// Simulates by events from a round trip that is not certain up to one that may be, or to the end.
    #[cold]
    fn leave(&mut self, trips: &Trips, journal: &mut LedgerWriter) {
        self.count(trips);
        let Self { scenario, next, .. } = self;
        let due = trips.due(*next, scenario.row).map_or(Ok(()), |order| scenario.execute(order, journal));
        let left = *next;
        let outcome = due.and_then(|()| scenario.proceed(journal, |scenario| trips.meeting(scenario) > Some(left)));
        self.error = outcome.err();
        self.next = trips.meeting(&self.scenario).filter(|_| self.error.is_none()).unwrap_or(NEVER);
        self.counted = self.next;
        self.counted_rows = self.scenario.row;
    }

    /// Counts what all round trips since the last count have in common with those of the other scenarios.
    fn count(&mut self, trips: &Trips) {
        let Scenario { market, state, row, bars_held, .. } = &mut self.scenario;
        let walked = &trips.bars_held[self.counted..self.next];
        self.walked_all = walked.len() == trips.trips.len();
        if !self.walked_all {
            bars_held.extend_from_slice(walked);
        }
        let held: i64 = walked.iter().sum();
        state.metrics.count_bars(&market.columns.bars.timestamp[self.counted_rows..*row], held as usize);
    }

    pub(super) fn end(mut self, trips: &Trips, scratch: &mut Scratch) -> Outcome {
        if self.next == trips.trips.len() {
            self.leave(trips, &mut scratch.journal);
        }
        let none = BTreeMap::new();
        let earlier = if self.walked_all { trips.lengths() } else { &none };
        self.error.map_or_else(|| self.scenario.end(&mut scratch.benchmarks, earlier), Err)
    }
}
