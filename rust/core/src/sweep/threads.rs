//! Many scenarios on all cores, those of one threshold together.

use std::cmp::Ordering;
use std::slice::Chunks;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::engine::plan::Plan;
use crate::rules::Rules;
use crate::sweep::candidates::Candidates;
use crate::sweep::group;
use crate::sweep::market::Market;
use crate::sweep::table::{Row, SweepTable};
use crate::sweep::trips::{Route, Trips};
use crate::sweep::walk::Scratch;

/// Scenarios of one route that a thread takes at a time: few enough to spread the last of them, and whole groups.
const TAKEN_AT_ONCE: usize = 16;

impl Market<'_> {
    /// Runs scenarios on so many threads; returns a row for each of them, in their order.
    ///
    /// Neither the number of threads nor the scenarios beside it change the bits of a scenario.
    ///
    /// # Panics
    /// With no thread at all.
    #[must_use]
    pub(super) fn run(&self, scenarios: Vec<Rules>, threads: usize) -> SweepTable {
        assert!(threads > 0, "a sweep needs a thread");
        let first_bar = self.spec.warmup_bars as i64;
        let plans: Vec<Plan> = scenarios.into_iter().map(|rules| Plan::new(rules, first_bar, false)).collect();
        let routes: Vec<Route> = plans.iter().map(Route::of).collect();
        let mut order: Vec<usize> = (0..plans.len()).collect();
        // No rule is NaN: JSON has none.
        order.sort_by(|&one, &other| routes[one].partial_cmp(&routes[other]).unwrap_or(Ordering::Equal));
        let same_routes = order.chunk_by(|&one, &other| routes[one] == routes[other]);
        let turns: Vec<Turns<'_>> = same_routes.map(|route| Turns::of(routes[route[0]], route)).collect();
        let begun = AtomicUsize::new(0);
        let mut found = SweepTable::of(plans.len());
        let rows: Vec<Mutex<Row<'_>>> = found.rows().map(Mutex::new).collect();
        let work = || self.take_turns(&plans, &turns, &begun, &rows);
        thread::scope(|scope| {
            // A system that gives no more threads is no reason to stop: those that run take all turns.
            let spawned = (1..threads.min(plans.len())).map(|_| thread::Builder::new().spawn_scoped(scope, work));
            let others: Vec<_> = spawned.flatten().collect();
            work();
            for other in others {
                other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            }
        });
        drop(rows);
        found
    }

    /// Runs a few scenarios after the other until none is left, and writes their rows.
    fn take_turns(&self, plans: &[Plan], turns: &[Turns<'_>], begun: &AtomicUsize, rows: &[Mutex<Row<'_>>]) {
        let mut path = Path::default();
        let mut scratch = Scratch::default();
        let mut take_all = |route: &Turns<'_>| {
            while let Some(turn) = route.take() {
                path.take(self, route.route, &plans[turn[0]]);
                let plans: Vec<&Plan> = turn.iter().map(|&at| &plans[at]).collect();
                let found = group::together(self, &path.candidates, &path.trips, &plans, &mut scratch);
                turn.iter().zip(found).for_each(|(&at, outcome)| {
                    // Nobody else asks for this row.
                    rows[at].lock().unwrap_or_else(PoisonError::into_inner).write(outcome);
                });
            }
        };
        // A route that nobody has begun comes first: each thread that takes a turn of it has to find its round trips.
        while let Some(route) = turns.get(begun.fetch_add(1, Relaxed)) {
            take_all(route);
        }
        turns.iter().for_each(take_all);
    }
}

/// The scenarios of one route, of which threads take a few at a time.
struct Turns<'a> {
    route: Route,
    turns: Chunks<'a, usize>,
    next: AtomicUsize,
}

impl<'a> Turns<'a> {
    fn of(route: Route, scenarios: &'a [usize]) -> Self {
        Self { route, turns: scenarios.chunks(TAKEN_AT_ONCE), next: AtomicUsize::new(0) }
    }

    /// Returns scenarios that nobody has taken, until there are none.
    fn take(&self) -> Option<&'a [usize]> {
        self.turns.clone().nth(self.next.fetch_add(1, Relaxed))
    }
}

/// The part that scenarios of one route share.
#[derive(Debug, Default)]
struct Path {
    route: Option<Route>,
    candidates: Candidates,
    trips: Trips,
}

impl Path {
    /// Takes a route, of which `plan` is one scenario.
    fn take(&mut self, market: &Market<'_>, route: Route, plan: &Plan) {
        if self.route == Some(route) {
            return;
        }
        if self.route.is_none_or(|before| before.threshold() != route.threshold()) {
            market.signals.passing(&plan.filter, &mut self.candidates);
        }
        self.trips.find(market, &self.candidates, plan);
        self.route = Some(route);
    }
}
