//! Buy and hold beside scenarios: one and the same for all that execute alike, whatever decides their orders.

use crate::engine::benchmark::Benchmark;
use crate::engine::plan::Plan;
use crate::error::Error;
use crate::rules::Execution;
use crate::sweep::market::Market;

/// Rules of execution whose benchmark is kept: more than most grids try, few enough to look through.
const KEPT: usize = 128;

/// The benchmarks that a thread has found last.
#[derive(Debug, Default)]
pub(super) struct Benchmarks {
    found: Vec<(Execution, Benchmark)>,
    /// Place of the next one, in turn.
    next: usize,
}

impl Benchmarks {
    /// Returns the benchmark of a scenario after the last row.
    ///
    /// # Errors
    /// `FillPrice`, as in a run by these rules.
    pub fn of(&mut self, market: &Market<'_>, plan: &Plan) -> Result<Benchmark, Error> {
        let execution = plan.execution();
        if let Some((_, found)) = self.found.iter().find(|(known, _)| known == execution) {
            return Ok(found.clone());
        }
        let mut benchmark = Benchmark::new(market.spec.initial_capital);
        benchmark.take(plan, &market.rows(plan), Some(&market.ranges), true)?;
        let kept = (execution.clone(), benchmark.clone());
        match self.found.get_mut(self.next) {
            Some(place) => *place = kept,
            None => self.found.push(kept),
        }
        self.next = (self.next + 1) % KEPT;
        Ok(benchmark)
    }
}
