//! Pages of notes that are posted behind the run, by whichever thread is free.
//!
//! Metrics and ledger are lent for that time. One thread at a time has them, and takes the pages in their order.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::engine::fast::notes::{Output, Page};
use crate::engine::plan::Plan;

/// Pages that may wait: beyond that the run posts them itself.
const MOST_PAGES: usize = 8;

/// The speed of other threads beside that of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// The pages that wait are not too many.
    Enough,
    /// Too many wait, though other threads post.
    Slow,
    /// Too many wait, and hardly any was posted: most likely the other threads have no core.
    Stopped,
}

/// Metrics and ledger on loan, and the pages that nobody has posted to them.
#[derive(Debug)]
pub(crate) struct Behind<'a> {
    plan: Arc<Plan>,
    queue: Mutex<Queue<'a>>,
    /// Told when a page is posted.
    posted: Condvar,
}

#[derive(Debug, Default)]
struct Queue<'a> {
    pages: VecDeque<Page<'a>>,
    /// Metrics and ledger, unless the run has them or a thread posts to them.
    output: Option<Box<Output>>,
    /// Pages posted since no more than half of those that may wait were waiting.
    posted_lately: usize,
}

impl<'a> Behind<'a> {
    /// Starts without a page.
    pub fn new(plan: Arc<Plan>) -> Self {
        Self { plan, queue: Mutex::default(), posted: Condvar::new() }
    }

    /// Takes metrics and ledger on loan.
    pub fn lend(&self, output: Output) {
        self.queue().output = Some(Box::new(output));
    }

    /// Adds a page; returns how other threads keep up.
    pub fn add(&self, page: Page<'a>) -> Pace {
        let mut queue = self.queue();
        queue.pages.push_back(page);
        if queue.pages.len() <= MOST_PAGES / 2 {
            queue.posted_lately = 0;
        }
        if queue.pages.len() <= MOST_PAGES {
            Pace::Enough
        } else if queue.posted_lately >= MOST_PAGES / 2 {
            Pace::Slow
        } else {
            Pace::Stopped
        }
    }

    /// Returns true if a page waits and nobody is posting.
    pub fn has_work(&self) -> bool {
        let queue = self.queue();
        queue.output.is_some() && !queue.pages.is_empty()
    }

    /// Posts the next page; returns false if there is none, or if another thread is posting.
    ///
    /// # Panics
    /// As the page does. Metrics and ledger come back even then, so that nobody waits for them.
    pub fn post_next(&self) -> bool {
        let mut queue = self.queue();
        if queue.pages.is_empty() {
            return false;
        }
        let Some(mut output) = queue.output.take() else { return false };
        let page = queue.pages.pop_front().expect("a page waits");
        // Others may add pages meanwhile.
        drop(queue);
        let posted = catch_unwind(AssertUnwindSafe(|| page.post(&self.plan, &mut output)));
        let mut queue = self.queue();
        queue.output = Some(output);
        queue.posted_lately += 1;
        drop(queue);
        self.posted.notify_all();
        // The end of this thread's scope tells the caller.
        if let Err(panic) = posted {
            resume_unwind(panic);
        }
        true
    }

    /// Posts all pages and gives metrics and ledger back.
    pub fn give_back(&self) -> Output {
        loop {
            let mut queue = self.queue();
            if queue.pages.is_empty()
                && let Some(output) = queue.output.take()
            {
                return *output;
            }
            drop(queue);
            // Pages that nobody has begun need not wait for another thread.
            if !self.post_next() {
                self.wait();
            }
        }
    }

    /// Waits while another thread is posting.
    fn wait(&self) {
        let done = self.posted.wait_while(self.queue(), |queue| queue.output.is_none());
        drop(done.unwrap_or_else(PoisonError::into_inner));
    }

    fn queue(&self) -> MutexGuard<'_, Queue<'a>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;
    use std::sync::Arc;
    use std::thread;

    use super::{Behind, MOST_PAGES, Pace};
    use crate::engine::fast::decisions::Positions;
    use crate::engine::fast::look::Looker;
    use crate::engine::fast::notes::{Notes, Output, Page};
    use crate::engine::plan::Plan;
    use crate::ledger::tables::Ledger;
    use crate::ledger::writer::LedgerWriter;
    use crate::market::bars::Bars;
    use crate::market::columns::Columns;
    use crate::market::rows::Rows;
    use crate::metrics::accumulator::Accumulator;
    use crate::metrics::calendar::Calendar;

    const STAMPS: [i64; 2] = [0, 60_000_000_000];
    const PRICES: [f64; 2] = [100.0, 100.0];

    fn bars() -> Bars<'static> {
        Bars::new(&STAMPS, &PRICES, &PRICES, &PRICES, &PRICES)
    }

    fn lent() -> Behind<'static> {
        let rules = serde_json::from_value(ktrdr_testkit::rules_json(serde_json::json!({}))).expect("sound rules");
        let behind = Behind::new(Arc::new(Plan::new(rules, 0, true)));
        let metrics = Accumulator::new(1e5, Calendar::open_ended(252.0, 60_000_000_000), 0.0);
        behind.lend(Output { metrics, writer: LedgerWriter::new(Ledger::default()) });
        behind
    }

    /// Notes of a block of two rows, which claim to be those of `chained`.
    fn page(behind: &Behind<'_>, chained: Range<usize>) -> Page<'static> {
        let bars = bars();
        let columns = Columns { bars, signals: &[0, 0], confidence: None };
        let chained_by = Some(behind.plan.filter);
        let looker = Looker {
            columns,
            first_row: 0,
            first_simulated: 0,
            block_rows: 2,
            checks_prices: false,
            chained: chained_by,
        };
        let look = Arc::new(looker.look(0).expect("sound columns"));
        let rows = Rows { bars, first_bar: 0, previous: None, half_spread: 0.0 };
        Page { notes: Notes::new(0, 2, 0, true), positions: Positions::none(2), look, rows, chained }
    }

    /// A page of more rows than its block is a fault of ours. It must end the call and not leave it waiting.
    #[test]
    fn a_page_that_cannot_be_posted_leaves_nobody_waiting() {
        let behind = lent();
        let _ = behind.add(page(&behind, 0..3));
        let posted = thread::scope(|scope| scope.spawn(|| behind.post_next()).join());
        assert!(posted.is_err());
        behind.give_back();
    }

    #[test]
    fn threads_that_post_too_slowly_differ_from_those_that_do_not_post() {
        for posted in [0, MOST_PAGES / 2 - 1, MOST_PAGES / 2, 3 * MOST_PAGES] {
            let behind = lent();
            let mut paces = Vec::new();
            for added in 0..=MOST_PAGES + posted {
                paces.push(behind.add(page(&behind, 0..2)));
                // Once more pages wait than half of those that may, one is posted for each that is added.
                if added >= MOST_PAGES / 2 && added < MOST_PAGES / 2 + posted {
                    assert!(behind.post_next());
                }
            }
            let last = paces.pop();
            assert!(paces.iter().all(|&pace| pace == Pace::Enough), "{posted} {paces:?}");
            assert_eq!(last, Some(if posted < MOST_PAGES / 2 { Pace::Stopped } else { Pace::Slow }), "{posted}");
            assert_eq!(behind.give_back().writer.ledger.decisions.code.len(), 2 * (MOST_PAGES + posted + 1));
        }
    }
}
