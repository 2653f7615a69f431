//! The rules of a run, with what is derived from them once.

use crate::money::holding::Holding;
use crate::money::position::Position;
use crate::rules::sizing::Sizing;
use crate::rules::{Execution, FillMode, Rules};
use crate::signals::filter::Filter;

/// The rules of a run, with what is derived from them once.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Rules of the run.
    pub rules: Rules,
    /// Filters between signals and orders.
    pub filter: Filter,
    /// Index of the first simulated bar.
    pub first_bar: i64,
    /// True if decisions are written to the ledger.
    pub record_decisions: bool,
}

impl Plan {
    /// Derives the filters from the rules.
    #[must_use]
    pub fn new(rules: Rules, first_bar: i64, record_decisions: bool) -> Self {
        let filter = Filter::new(&rules.decisions, rules.execution.allow_short);
        Self { rules, filter, first_bar, record_decisions }
    }

    /// Returns the rules that make fills of orders.
    #[must_use]
    pub fn execution(&self) -> &Execution {
        &self.rules.execution
    }

    /// Returns quote currency per point and unit.
    #[must_use]
    pub fn multiplier(&self) -> f64 {
        self.rules.execution.instrument.contract_multiplier
    }

    /// Returns true if orders execute at the close that decided them.
    #[must_use]
    pub fn fills_at_close(&self) -> bool {
        self.rules.execution.fill == FillMode::ThisClose
    }

    /// Returns true if nothing but signals places orders, at the next open, and a fill needs nothing but its quote: a
    /// position has neither charges nor levels. A borrowed one can still be liquidated.
    #[must_use]
    pub fn follows_signals(&self) -> bool {
        let Rules { execution, decisions, .. } = &self.rules;
        let exits = &execution.exits;
        let charges = execution.financing.long_rate != 0.0 || execution.financing.short_rate != 0.0;
        let at_opens = execution.fill == FillMode::NextOpen;
        let looks_back = matches!(execution.sizing, Sizing::VolatilityTarget { .. });
        // Without awareness of the position each signal in its direction is a rejected order.
        let signals_alone = decisions.position_awareness && exits.max_holding_bars.is_none();
        at_opens && signals_alone && !exits.sets_levels() && !charges && !looks_back
    }

    /// Returns `net` open units with their financing rate.
    #[inline]
    pub fn holding(&self, net: f64) -> Holding {
        Holding::new(&self.rules.execution, net)
    }

    /// Returns the bar at whose close a position is first asked to close for its age.
    #[must_use]
    pub fn deadline(&self, position: &Position) -> Option<i64> {
        let bars = self.rules.execution.exits.max_holding_bars?;
        // An order that waits for the next open must be placed one bar earlier.
        let ahead = i64::from(!self.fills_at_close());
        Some(position.entry_bar.saturating_add_unsigned(bars as u64) - ahead)
    }

    /// Returns the number of rows before a row that sizing looks back over.
    #[must_use]
    pub fn lookback_rows(&self) -> usize {
        match self.rules.execution.sizing {
            Sizing::VolatilityTarget { window, .. } => window,
            _ => 0,
        }
    }
}
