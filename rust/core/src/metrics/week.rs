//! The rule for Sundays: known before a run, or judged by its days so far.

use serde::{Deserialize, Serialize};

use crate::metrics::calendar::{Calendar, Weekend};
use crate::metrics::returns::Returns;

/// The rule for Sundays of a run; version 1 of the snapshot does not hold it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Week {
    /// True if a Sunday belongs to the Monday after it.
    pub sundays_join: bool,
    /// Days so far with the returns by the other rule, in a run of unknown length.
    pub open: Option<OpenWeek>,
}

/// A run of unknown length, whose days so far may yet change what a Sunday is.
///
/// Its returns are kept both ways. The report takes those that the days so far call for, so that a run that is fed bar by
/// bar reports what one run over the same bars does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenWeek {
    weekend: Weekend,
    /// Returns with every Sunday apart from its Monday.
    apart: Returns,
}

impl OpenWeek {
    /// Starts before the first bar of a run; `None` where its calendar is known.
    pub(super) fn new(initial_capital: f64, calendar: Calendar, risk_free_rate: f64) -> Option<Self> {
        let apart = calendar.with_sundays(false);
        (calendar.periods.is_none() && calendar.sundays_join)
            .then(|| Self { weekend: Weekend::default(), apart: Returns::new(initial_capital, apart, risk_free_rate) })
    }

    /// Adds the equity of a bar.
    // Kept out of the loop: of a run of known length there is no such week.
    #[inline(never)]
    pub(super) fn mark(&mut self, stamp_ns: i64, equity: f64) {
        self.weekend.add(&[stamp_ns]);
        self.apart.mark(stamp_ns, equity);
    }

    /// Adds many bars, as `Returns::mark_many`.
    #[inline(never)]
    pub(super) fn mark_many(&mut self, stamps: &[i64], equity: impl Fn(usize) -> f64) {
        self.weekend.add(stamps);
        self.apart.mark_many(stamps, equity);
    }

    /// Returns the returns in which a Sunday is a period of its own, if the days so far call for them.
    pub(super) fn returns(&self) -> Option<&Returns> {
        (!self.weekend.opens_on_sundays()).then_some(&self.apart)
    }
}
