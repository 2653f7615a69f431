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

/// What no signal is.
const NEVER: i8 = i8::MIN;
/// Signals that are looked at together.
const LANES: usize = 32;

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
            separation_ns: (rules.filters.min_signal_separation * 3.6e12).round() as i64,
            position_awareness: rules.position_awareness,
            may_short_from_flat: rules.allow_short_from_flat && allow_short,
        }
    }

    /// The first stamp that is not too soon after the last fill.
    #[must_use]
    pub fn free_from_ns(&self, last_fill_ns: Option<i64>) -> Option<i64> {
        last_fill_ns.map(|last| last.saturating_add(self.separation_ns))
    }

    /// The first row whose signal and confidence `judge` could let pass, whatever the time.
    #[must_use]
    pub fn first_candidate(&self, signals: &[i8], confidence: Option<&[f32]>, position: i8) -> Option<usize> {
        let buy = if !self.position_awareness || position != 1 { 1 } else { NEVER };
        let sell = if self.sells_matter(position) { -1 } else { NEVER };
        let matters = |signal: i8| (signal == buy) | (signal == sell);
        let confident = |row: usize| confidence.map_or(1.0, |column| column[row]) >= self.threshold;
        let mut row = 0;
        while row < signals.len() {
            let part = &signals[row..signals.len().min(row + LANES)];
            if part.iter().fold(false, |any, &signal| any | matters(signal)) {
                let found = part.iter().zip(row..).find(|&(&signal, row)| matters(signal) && confident(row));
                if let Some((_, row)) = found {
                    return Some(row);
                }
            }
            row += LANES;
        }
        None
    }

    fn sells_matter(&self, position: i8) -> bool {
        match position {
            0 => self.may_short_from_flat,
            -1 => !self.position_awareness,
            _ => true,
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
