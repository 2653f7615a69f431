//! From a raw signal to an order, or the reason why not: the filters that need the open position.

use crate::rules::Decisions;

/// What became of a bar's signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Decision {
    /// An order was placed.
    Traded,
    /// The signal was HOLD.
    Hold,
    /// The confidence is undefined.
    Undefined,
    /// The confidence lies below the threshold.
    Threshold,
    /// Too soon after the last fill.
    Separation,
    /// The position already stands in that direction.
    Position,
    /// Shorts may not be opened.
    Short,
    /// Held long enough: a close was placed.
    MaxHolding,
}

impl Decision {
    /// Every decision's name, in the order of the discriminants.
    pub const NAMES: [&'static str; 8] =
        ["traded", "hold", "undefined", "threshold", "separation", "position", "short", "max_holding"];
}

/// The filters with their rounded bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filter {
    threshold: f32,
    separation_ns: i64,
    position_awareness: bool,
    may_short_from_flat: bool,
}

/// What the filter says to one signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No order, for that reason.
    Pass(Decision),
    /// An order in the direction of the open position: recorded as refused, nothing is placed.
    AlreadyInPosition,
    /// An order.
    Order,
}

impl Filter {
    /// Threshold rounded to f32 and hours to whole nanoseconds, once.
    #[must_use]
    pub fn new(rules: &Decisions, allow_short: bool) -> Self {
        Self {
            threshold: rules.confidence_threshold as f32,
            separation_ns: libm::round(rules.filters.min_signal_separation * 3.6e12) as i64,
            position_awareness: rules.position_awareness,
            may_short_from_flat: rules.allow_short_from_flat && allow_short,
        }
    }

    /// The verdict on `signal` at a bar stamped `stamp_ns`, with the direction of the open position (0 flat).
    #[must_use]
    pub fn judge(
        &self,
        signal: i8,
        confidence: f32,
        stamp_ns: i64,
        last_fill_ns: Option<i64>,
        position: i8,
    ) -> Verdict {
        if confidence.is_nan() {
            return Verdict::Pass(Decision::Undefined);
        }
        if signal == 0 {
            return Verdict::Pass(Decision::Hold);
        }
        if confidence < self.threshold {
            return Verdict::Pass(Decision::Threshold);
        }
        if last_fill_ns.is_some_and(|last| stamp_ns.saturating_sub(last) < self.separation_ns) {
            return Verdict::Pass(Decision::Separation);
        }
        if self.position_awareness && signal == position {
            return Verdict::Pass(Decision::Position);
        }
        if signal < 0 && position == 0 && !self.may_short_from_flat {
            return Verdict::Pass(Decision::Short);
        }
        if signal == position { Verdict::AlreadyInPosition } else { Verdict::Order }
    }
}
