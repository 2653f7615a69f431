//! Filters between a signal and an order: the part of a decision that needs the open position.

use wide::i8x32;

use crate::market::columns::Columns;
use crate::rules::Decisions;
use crate::time;

/// The fate of a bar's signal.
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
    /// The last fill was too recent.
    Separation,
    /// The position already has that direction, or there is none that the signal closes.
    Position,
    /// Shorts may not be opened.
    Short,
    /// The position was held long enough: a close was placed.
    MaxHolding,
}

impl Decision {
    /// Name of every decision, in the order of the discriminants.
    pub const NAMES: [&'static str; 8] =
        ["traded", "hold", "undefined", "threshold", "separation", "position", "short", "max_holding"];

    /// Returns the name of the decision.
    ///
    /// ```
    /// assert_eq!(ktrdr_core::Decision::MaxHolding.name(), "max_holding");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// A value that no signal has; a comparison with it is never true.
const NO_SIGNAL: i8 = i8::MIN;

/// Signals that `first_candidate` looks at in one step: one AVX2 register of bytes.
const SIGNALS_PER_STEP: usize = 32;

/// The filters, with the threshold rounded to `f32` and the separation in whole nanoseconds.
///
/// ```
/// use ktrdr_core::{Decision, DecisionRules, Filter};
///
/// let rules: DecisionRules = serde_json::from_str(r#"{"confidence_threshold": 0.6, "position_awareness": true,
///     "allow_short_from_flat": false, "filters": {"min_signal_separation": 4}}"#).expect("every key");
/// let filter = Filter::new(&rules, true);
/// // Confidence 0.7 at stamp 0, no fill yet, flat: a BUY is ordered, a SELL would open a short.
/// assert!(filter.judge(1, 0.7, 0, None, 0).is_order());
/// assert_eq!(filter.judge(-1, 0.7, 0, None, 0).decision(), Decision::Short);
/// assert_eq!(filter.judge(1, 0.5, 0, None, 0).decision(), Decision::Threshold);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Filter {
    threshold: f32,
    separation_ns: i64,
    position_awareness: bool,
    may_short_from_flat: bool,
}

/// The answer of the filters to one signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No order, with the reason.
    Pass(Decision),
    /// An order in the direction of the open position: recorded as rejected, nothing is placed.
    AlreadyInPosition,
    /// An order is to be placed.
    Order,
}

impl Verdict {
    /// Returns true if an order is to be placed.
    #[must_use]
    pub fn is_order(self) -> bool {
        self == Self::Order
    }

    /// Returns the decision that is recorded for this verdict.
    #[must_use]
    pub fn decision(self) -> Decision {
        match self {
            Self::Order => Decision::Traded,
            Self::Pass(decision) => decision,
            Self::AlreadyInPosition => Decision::Position,
        }
    }
}

impl Filter {
    /// Prepares the filters of a run.
    #[must_use]
    pub fn new(rules: &Decisions, allow_short: bool) -> Self {
        Self {
            // Rounded once: every comparison is between `f32`, as confidences are.
            threshold: rules.confidence_threshold as f32,
            separation_ns: time::hours_to_ns(rules.filters.min_signal_separation),
            position_awareness: rules.position_awareness,
            may_short_from_flat: rules.allow_short_from_flat && allow_short,
        }
    }

    /// Returns the first stamp that is not too soon after the last fill; `None` if no stamp is.
    #[must_use]
    pub(crate) fn free_from_ns(&self, last_fill_ns: Option<i64>) -> Option<i64> {
        // Saturating: a long separation must not wrap into the past.
        last_fill_ns.filter(|_| self.separates()).map(|last| last.saturating_add(self.separation_ns))
    }

    /// Finds the first row that `judge` could let pass at some time.
    ///
    /// Conservative: a row it names may still be held back, a row before it never passes.
    #[must_use]
    pub(crate) fn first_candidate(&self, signals: &[i8], confidence: Option<&[f32]>, position: i8) -> Option<usize> {
        let orders = self.orders(position);
        let splats = orders.map(i8x32::splat);
        // Confidences are read only where a signal matters.
        let is_confident = |row: usize| self.is_confident(confidence.map_or(1.0, |column| column[row]));
        let (steps, rest) = signals.as_chunks::<SIGNALS_PER_STEP>();
        for (step, first) in steps.iter().zip((0..).step_by(SIGNALS_PER_STEP)) {
            let step = i8x32::new(*step);
            // The cheapest test of a whole register first: most bars have no signal.
            if step.simd_eq(i8x32::ZERO).all() {
                continue;
            }
            // A bit for each row, so that the first one is found without a branch for each row before it.
            let matters = splats.iter().fold(i8x32::ZERO, |any, &order| any | step.simd_eq(order));
            let mut left = matters.to_bitmask();
            while left != 0 {
                let row = first + left.trailing_zeros() as usize;
                if is_confident(row) {
                    return Some(row);
                }
                left &= left - 1;
            }
        }
        let first = signals.len() - rest.len();
        (first..signals.len()).find(|&row| orders.contains(&signals[row]) && is_confident(row))
    }

    /// Returns the signals that `judge` could let pass at a position of that direction; the others are `NO_SIGNAL`.
    pub(crate) fn orders(&self, position: i8) -> [i8; 6] {
        let buy = if !self.position_awareness || position != 1 { 1 } else { NO_SIGNAL };
        let sell = if self.sells_matter(position) { -1 } else { NO_SIGNAL };
        // The entry of a side that does not matter is no signal either: the product saturates.
        let [enter_long, enter_short] = [buy, sell].map(|side| side.saturating_mul(Columns::ENTER_LONG));
        let [close, close_any] =
            if position == 0 { [NO_SIGNAL; 2] } else { [Columns::CLOSE_LONG * position, Columns::CLOSE_ANY] };
        [buy, sell, enter_long, enter_short, close, close_any]
    }

    /// Returns true if a confidence reaches the threshold; one that is undefined does not.
    pub(crate) fn is_confident(&self, confidence: f32) -> bool {
        confidence >= self.threshold
    }

    /// Returns the threshold that confidences are compared with.
    pub(crate) fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Returns the code of the decision on each confident signal, from `ENTER_SHORT` on, that no fill holds back.
    pub(crate) fn codes(&self, position: i8) -> [u8; 8] {
        std::array::from_fn(|place| {
            let signal = Columns::ENTER_SHORT + place as i8;
            self.judge(signal, 1.0, 0, None, position).decision() as u8
        })
    }

    /// Returns true if a signal has to wait after a fill.
    pub(crate) fn separates(&self) -> bool {
        self.separation_ns > 0
    }

    /// Returns true if a SELL may do something to a position of that direction.
    fn sells_matter(&self, position: i8) -> bool {
        match position {
            0 => self.may_short_from_flat,
            -1 => !self.position_awareness,
            _ => true,
        }
    }

    /// Judges `signal` at a bar stamped `stamp_ns`; `position` is the direction of the open position, 0 flat.
    #[must_use]
    pub fn judge(
        &self,
        signal: i8,
        confidence: f32,
        stamp_ns: i64,
        last_fill_ns: Option<i64>,
        position: i8,
    ) -> Verdict {
        // The first check that holds names the reason, so their order is part of the ledger.
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
        if matches!(signal, Columns::CLOSE_LONG | Columns::CLOSE_SHORT | Columns::CLOSE_ANY) {
            let closes = position != 0 && (signal == Columns::CLOSE_ANY || signal == Columns::CLOSE_LONG * position);
            return if closes { Verdict::Order } else { Verdict::Pass(Decision::Position) };
        }
        let side = signal.signum();
        if self.position_awareness && side == position {
            return Verdict::Pass(Decision::Position);
        }
        if side < 0 && position == 0 && !self.may_short_from_flat {
            return Verdict::Pass(Decision::Short);
        }
        if side == position { Verdict::AlreadyInPosition } else { Verdict::Order }
    }
}
