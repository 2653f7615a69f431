//! The rules a run goes by, with what is derived from them once.

use crate::money::costs::Carry;
use crate::money::position::Position;
use crate::rules::{Execution, FillMode, Rules, Sizing};
use crate::signals::filter::Filter;

/// The rules of a run with what is derived from them once.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The rules.
    pub rules: Rules,
    /// The signal filter.
    pub filter: Filter,
    /// First simulated bar.
    pub first_bar: i64,
    /// Whether decisions are written down.
    pub record_decisions: bool,
}

impl Plan {
    /// Derives the filter.
    #[must_use]
    pub fn new(rules: Rules, first_bar: i64, record_decisions: bool) -> Self {
        let filter = Filter::new(&rules.decisions, rules.execution.allow_short);
        Self { rules, filter, first_bar, record_decisions }
    }

    /// How orders become fills.
    #[must_use]
    pub fn execution(&self) -> &Execution {
        &self.rules.execution
    }

    /// Quote currency per point and unit.
    #[must_use]
    pub fn multiplier(&self) -> f64 {
        self.rules.execution.instrument.contract_multiplier
    }

    /// Whether orders execute at the close that decided them.
    #[must_use]
    pub fn fills_at_close(&self) -> bool {
        self.rules.execution.fill == FillMode::ThisClose
    }

    /// What holding `net` units over costs, if anything.
    #[must_use]
    pub fn carry(&self, net: f64) -> Option<Carry> {
        Carry::of(&self.rules.execution.financing, net)
    }

    /// The bar from whose close on a position is asked to close for having been held long enough.
    #[must_use]
    pub fn deadline(&self, position: &Position) -> Option<i64> {
        let bars = self.rules.execution.exits.max_holding_bars?;
        let ahead = i64::from(!self.fills_at_close());
        Some(position.entry_bar.saturating_add_unsigned(bars as u64) - ahead)
    }

    /// Rows before a row that sizing looks back over.
    #[must_use]
    pub fn lookback_rows(&self) -> usize {
        match self.rules.execution.sizing {
            Sizing::VolatilityTarget { window, .. } => window,
            _ => 0,
        }
    }

    /// Whether a position has a level that a bar may touch, or a charge.
    pub(crate) fn guards(&self, position: &Position) -> bool {
        let levels = position.stop.is_some() || position.target.is_some() || position.trailing.is_some();
        levels || position.requirement.is_some() || self.carry(position.net()).is_some()
    }
}
