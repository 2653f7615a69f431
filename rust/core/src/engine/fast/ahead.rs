//! Threads beside a run: they look at blocks before it comes to them, and post its notes behind it.
//!
//! A first look is bound by memory, and two cores read more of it than one. The run waits for no look of another thread:
//! it takes a block that nobody has taken, and looks by itself at one that another thread has taken but not finished.
//! Beside other work that thread may not get a core; then no thread is given more blocks. Looks that have
//! begun are waited for when the run ends, and so is a page of notes that a thread is posting.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::engine::fast::behind::{Behind, Pace};
use crate::engine::fast::look::{Look, Looker};
use crate::engine::fast::notes::Page;
use crate::engine::plan::Plan;
use crate::error::Error;

/// Fewest blocks for each thread beside the run: with fewer, the run is through before that thread has started.
const LEAST_BLOCKS: usize = 8;

/// Blocks ahead of the run, for each thread beside it: their rows are still in a cache when the run needs them.
///
/// Threads that have come so far sleep until half of them are used. Waking them costs the run some microseconds.
const BLOCKS_AHEAD: usize = 8;

/// The blocks of a call, looked at by several threads.
pub(crate) struct Ahead<'a> {
    looker: Looker<'a>,
    /// Looks that the run has not taken.
    looks: Vec<Mutex<Option<Result<Look<'a>, Error>>>>,
    progress: Mutex<Progress>,
    /// Told when there is room to look further ahead, or when the run ends.
    moved: Condvar,
    /// Blocks ahead of the run that may be looked at.
    blocks_ahead: usize,
    /// Notes that are posted behind the run.
    pub behind: Behind<'a>,
}

/// The progress of the run and of the threads beside it.
#[derive(Debug, Default)]
struct Progress {
    /// First block that no thread has taken.
    next: usize,
    /// Block that the run is at.
    at: usize,
    /// True while a thread sleeps until the run comes nearer.
    waiting: bool,
    /// True when the other threads shall look at no more blocks.
    ended: bool,
}

impl<'a> Ahead<'a> {
    /// Calls `run` with the blocks of a call, at which up to `threads` threads look, that of the run among them.
    ///
    /// The others also post the notes of the run.
    pub fn with<T>(looker: Looker<'a>, plan: Arc<Plan>, threads: usize, run: impl FnOnce(&Self) -> T) -> T {
        let blocks = looker.blocks();
        let others = (threads - 1).min(blocks / LEAST_BLOCKS);
        let looks = (0..blocks).map(|_| Mutex::new(None)).collect();
        let blocks_ahead = BLOCKS_AHEAD * others;
        let behind = Behind::new(plan);
        let ahead = Self { looker, looks, progress: Mutex::default(), moved: Condvar::new(), blocks_ahead, behind };
        if others == 0 {
            return run(&ahead);
        }
        thread::scope(|scope| {
            // Whatever ends the run, the others end with it.
            let _ending = Ending(&ahead);
            for _ in 0..others {
                // A system that gives no more threads is no reason to stop: the run looks at the blocks itself.
                let _ = thread::Builder::new().name("ktrdr-helper".into()).spawn_scoped(scope, || ahead.look_ahead());
            }
            run(&ahead)
        })
    }

    /// Returns what a look at a block finds; the run asks for each block once, in their order.
    ///
    /// # Errors
    /// As `Looker::look`.
    pub fn look(&self, block: usize) -> Result<Look<'a>, Error> {
        self.come_to(block);
        loop {
            if let Some(found) = lock(&self.looks[block]).take() {
                return found;
            }
            match self.take_next() {
                Some(next) if next == block => return self.looker.look(block),
                // By then the thread that has taken this block has most likely finished it.
                Some(later) => self.keep(later),
                // No block is left to take now, and this one is not finished: most likely its thread has no core. At the end
                // the run would wait for what that thread took next, so all of them stop, and post no more notes either.
                None => {
                    self.end();
                    return self.looker.look(block);
                }
            }
        }
    }

    /// Returns the number of blocks.
    pub fn blocks(&self) -> usize {
        self.looks.len()
    }

    /// Returns true if there are threads beside the run that have not been ended.
    pub fn has_helpers(&self) -> bool {
        self.blocks_ahead > 0 && !self.progress().ended
    }

    /// Returns true if chains follow the signals, and no fill holds signals back: notes hold nothing else.
    pub fn can_be_noted(&self) -> bool {
        self.looker.chained.is_some_and(|filter| !filter.separates())
    }

    /// Hands notes over to the other threads; returns how they keep up with the run.
    pub fn hand_over(&self, page: Page<'a>) -> Pace {
        let pace = self.behind.add(page);
        // One that sleeps has looked as far ahead as it may.
        let mut progress = self.progress();
        if progress.waiting {
            progress.waiting = false;
            self.moved.notify_all();
        }
        pace
    }

    /// Ends the other threads.
    pub fn end(&self) {
        self.progress().ended = true;
        self.moved.notify_all();
    }

    /// Says where the run is, and wakes the other threads if there is room ahead of it.
    fn come_to(&self, block: usize) {
        let mut progress = self.progress();
        progress.at = block;
        if progress.waiting && self.room(&progress) * 2 >= self.blocks_ahead {
            progress.waiting = false;
            self.moved.notify_all();
        }
    }

    /// Posts notes and looks at blocks until the run ends.
    fn look_ahead(&self) {
        while !self.progress().ended {
            // Notes first: the run can look at a block itself, but notes are posted in their order.
            if self.behind.post_next() {
                continue;
            }
            match self.take_next() {
                Some(next) => self.keep(next),
                None => self.sleep(),
            }
        }
    }

    fn sleep(&self) {
        let mut progress = self.progress();
        // Handed over after this thread has asked for it, and before it was known to sleep.
        if self.behind.has_work() {
            return;
        }
        progress.waiting = true;
        let awake = self.moved.wait_while(progress, |progress| progress.waiting && !progress.ended);
        drop(awake.unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes the next block for a thread, unless none is left or it is too far ahead of the run.
    fn take_next(&self) -> Option<usize> {
        let mut progress = self.progress();
        if self.room(&progress) == 0 {
            return None;
        }
        progress.next += 1;
        Some(progress.next - 1)
    }

    /// Returns the number of blocks that may be taken until the run comes nearer.
    fn room(&self, progress: &Progress) -> usize {
        self.looks.len().min(progress.at + 1 + self.blocks_ahead).saturating_sub(progress.next)
    }

    fn keep(&self, block: usize) {
        let found = self.looker.look(block);
        *lock(&self.looks[block]) = Some(found);
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        lock(&self.progress)
    }
}

/// Ends the threads beside a run when the run ends.
struct Ending<'a, 'b>(&'a Ahead<'b>);

impl Drop for Ending<'_, '_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Locks what a thread that panicked has left whole: values are put in their place at once.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use super::Ahead;
    use crate::engine::fast::look::Looker;
    use crate::engine::plan::Plan;
    use crate::error::Error;
    use crate::market::bars::Bars;
    use crate::market::columns::Columns;

    const ROWS: usize = 3_000;

    fn plan() -> Arc<Plan> {
        let rules = serde_json::from_value(ktrdr_testkit::rules_json(serde_json::json!({}))).expect("sound rules");
        Arc::new(Plan::new(rules, 0, false))
    }

    /// Calls `see` with a looker at blocks of 30 rows, of which one row may have a signal that is none.
    fn with_looker<T>(broken: Option<usize>, see: impl FnOnce(Looker<'_>) -> T) -> T {
        let timestamp: Vec<i64> = (0..ROWS as i64).collect();
        let close: Vec<f64> = (0..ROWS).map(|row| 100.0 + (row * 37 % 101) as f64).collect();
        let bars = Bars::new(&timestamp, &close, &close, &close, &close);
        let signals: Vec<i8> = (0..ROWS).map(|row| if Some(row) == broken { 9 } else { 0 }).collect();
        let columns = Columns { bars, signals: &signals, confidence: None };
        see(Looker { columns, first_row: 0, first_simulated: 0, block_rows: 30, checks_prices: true, chained: None })
    }

    /// Slow and fast at blocks by turns, so that each side is now and then behind the other.
    fn dawdle(block: usize) {
        if block % 7 < 2 {
            thread::sleep(Duration::from_micros(200));
        }
    }

    #[test]
    fn the_run_gets_every_look_in_order_whoever_was_faster() {
        for threads in 1..=4 {
            let firsts = with_looker(None, |looker| {
                Ahead::with(looker, plan(), threads, |ahead| {
                    let first = |block| ahead.look(block).expect("sound").columns.bars.timestamp[0];
                    (0..100).inspect(|&block| dawdle(block)).map(first).collect::<Vec<_>>()
                })
            });
            assert_eq!(firsts, (0..100).map(|block| block * 30).collect::<Vec<_>>(), "{threads}");
        }
    }

    #[test]
    fn an_error_comes_with_its_block() {
        for threads in 1..=3 {
            let (sound, error) = with_looker(Some(1_234), |looker| {
                Ahead::with(looker, plan(), threads, |ahead| {
                    let sound = (0..41).inspect(|&block| dawdle(block)).all(|block| ahead.look(block).is_ok());
                    (sound, ahead.look(41).expect_err("a signal"))
                })
            });
            assert_eq!((sound, error), (true, Error::Signal { row: 1_234, found: 9 }), "{threads}");
        }
    }

    /// The other threads wait for the run; nothing may leave them waiting.
    #[test]
    fn a_run_that_ends_early_ends_the_threads_beside_it() {
        for blocks in [0, 1, 5] {
            let panics = AssertUnwindSafe(|| {
                with_looker(None, |looker| {
                    Ahead::with(looker, plan(), 3, |ahead| {
                        (0..blocks).for_each(|block| drop(ahead.look(block)));
                        thread::sleep(Duration::from_millis(2));
                        assert!(blocks != 5, "as an error of the run would");
                    });
                });
            });
            assert_eq!(catch_unwind(panics).is_err(), blocks == 5);
        }
    }
}
