//! Many scenarios on all cores, those of one threshold together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::error::{Error, Problem};
use crate::metrics::report::MetricSet;
use crate::rules::Rules;
use crate::signals::filter::Filter;
use crate::sweep::candidates::Candidates;
use crate::sweep::market::Market;
use crate::sweep::scenario::{Scenario, Scratch};

/// Scenarios that a thread takes at a time: few enough to spread the last of them, enough to share candidates.
const TAKEN_AT_ONCE: usize = 16;

/// Metrics of a scenario, or the reason why its rules cannot be traded.
pub(super) type Outcome = Result<MetricSet, Error>;

impl Market<'_> {
    /// Runs scenarios on so many threads; returns the metrics of each, or the error that a run of its own would give.
    ///
    /// Neither the number of threads nor the scenarios beside it change the bits of a scenario.
    ///
    /// # Panics
    /// With no thread at all.
    #[must_use]
    pub(super) fn run(&self, scenarios: &[Rules], threads: usize) -> Vec<Outcome> {
        assert!(threads > 0, "a sweep needs a thread");
        let filters: Vec<Filter> =
            scenarios.iter().map(|rules| Filter::new(&rules.decisions, rules.execution.allow_short)).collect();
        let mut order: Vec<usize> = (0..scenarios.len()).collect();
        order.sort_by(|&one, &other| filters[one].threshold().total_cmp(&filters[other].threshold()));
        let next = AtomicUsize::new(0);
        let work = || self.take_turns(scenarios, &filters, &order, &next);
        let mut found: Vec<Option<Outcome>> = (0..scenarios.len()).map(|_| None).collect();
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads.min(scenarios.len())).map(|_| scope.spawn(work)).collect();
            let mut done = work();
            for other in others {
                done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            done.into_iter().for_each(|(at, outcome)| found[at] = Some(outcome));
        });
        found.into_iter().flatten().collect()
    }

    /// Runs a few scenarios after the other until none is left.
    fn take_turns(
        &self,
        scenarios: &[Rules],
        filters: &[Filter],
        order: &[usize],
        next: &AtomicUsize,
    ) -> Vec<(usize, Outcome)> {
        let mut scratch = Scratch::default();
        let mut candidates = Candidates::default();
        let mut threshold = f32::NAN;
        let mut done = Vec::new();
        loop {
            let first = next.fetch_add(TAKEN_AT_ONCE, Ordering::Relaxed);
            let Some(turn) = order.get(first..order.len().min(first + TAKEN_AT_ONCE)).filter(|turn| !turn.is_empty())
            else {
                return done;
            };
            for &at in turn {
                if filters[at].threshold() != threshold {
                    threshold = filters[at].threshold();
                    self.signals.passing(&filters[at], &mut candidates);
                }
                done.push((at, self.scenario(&scenarios[at], &candidates, &mut scratch)));
            }
        }
    }

    fn scenario(&self, rules: &Rules, candidates: &Candidates, scratch: &mut Scratch) -> Outcome {
        rules.check()?;
        if rules.execution.exits.needs_atr() && self.columns.bars.atr.is_none() {
            return Err(Error::Argument { name: "atr", problem: Problem::NoAtr });
        }
        Scenario::new(self, candidates, rules, scratch).run()
    }
}
