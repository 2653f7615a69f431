//! Sizing: the quantity an order wants, in whole lots, within what the margin allows.

use crate::money::costs;
use crate::number::{Number, Truth};
use crate::rules::Execution;
use crate::rules::costs::Commission;
use crate::rules::sizing::Sizing;
use crate::time;

/// Factor on equity within which an excess counts as rounding.
pub const ROUNDING: f64 = 1.0 + 1e-12;

/// The values that sizing needs at the moment of the opening fill.
#[derive(Debug, Clone, Copy)]
pub struct SizingInput<N = f64> {
    /// Equity; the account is flat, so this is the balance too.
    pub equity: N,
    /// Account currency per unit at the reference price.
    pub unit_value: N,
    /// Account currency per unit at the fill price.
    pub unit_cost: N,
    /// Annual volatility at the decision bar, if the sizing needs it and enough rows were known.
    pub sigma: Option<f64>,
}

/// The quantity of an order, or the reason why there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SizingOutcome {
    /// A quantity in whole lots.
    Quantity(f64),
    /// The volatility is undefined or zero.
    Volatility,
    /// The quantity wanted is less than one lot.
    BelowLot(f64),
    /// The margin does not allow the quantity wanted.
    Margin(f64),
}

/// Sizes an opening order.
#[must_use]
#[inline(always)]
pub fn size(rules: &Execution, input: &SizingInput) -> SizingOutcome {
    let Some(wanted) = wanted(rules, input) else {
        return SizingOutcome::Volatility;
    };
    // Lots before margin: what the margin allows is a count of whole lots too.
    let lot = rules.instrument.lot_size;
    let lots = whole_lots(wanted / lot);
    if lots < 1.0 || input.equity <= 0.0 {
        return SizingOutcome::BelowLot(wanted);
    }
    if is_acceptable(rules, input, lots * lot) {
        return SizingOutcome::Quantity(lots * lot);
    }
    match largest_acceptable(rules, input, lots) {
        Some(fewer) if shrinks(rules) => SizingOutcome::Quantity(fewer * lot),
        _ => SizingOutcome::Margin(wanted),
    }
}

/// Returns the quantity that `size` gives, and where that is certain: where the quantity wanted is acceptable, or the first
/// look at the limit finds the largest that is.
#[inline(always)]
pub(crate) fn size_at_once<N: Number>(rules: &Execution<N>, input: &SizingInput<N>) -> (N, N::Is) {
    let Some(wanted) = wanted(rules, input) else { return (N::from(0.0), N::Is::of(false)) };
    let lot = rules.instrument.lot_size;
    let lots = whole_lots(wanted / lot);
    let is_lot = lots.is_at_least(N::from(1.0)) & input.equity.is_above(N::from(0.0));
    let is_whole = is_lot & is_acceptable(rules, input, lots * lot);
    if is_whole.everywhere() || !shrinks(rules) {
        return (lots * lot, is_whole);
    }
    let near = limit(rules, input).whole_below();
    let is_shrunk = is_lot & is_largest(rules, input, near, lots);
    // A processor need not wait for the answer if it guesses this branch.
    if is_whole.nowhere() {
        return (near * lot, is_shrunk);
    }
    (N::pick(is_whole, lots, near) * lot, is_whole | is_shrunk)
}

/// Returns true if margin may shrink an order: a fixed size is filled as asked for, or not at all.
fn shrinks<N: Number>(rules: &Execution<N>) -> bool {
    !matches!(rules.sizing, Sizing::FixedQuantity(_) | Sizing::FixedNotional(_))
}

/// Returns the unrounded quantity that the rule asks for; `None` without a usable volatility.
#[inline]
fn wanted<N: Number>(rules: &Execution<N>, input: &SizingInput<N>) -> Option<N> {
    let spent_per_unit = input.unit_value * (N::from(1.0) + rules.commission.rate);
    Some(match rules.sizing {
        // One formula while the account is flat. The two differ once a second symbol is open.
        Sizing::CashFraction(fraction) | Sizing::EquityFraction(fraction) => fraction * input.equity / spent_per_unit,
        Sizing::FixedQuantity(quantity) => quantity,
        Sizing::FixedNotional(notional) => notional / input.unit_value,
        Sizing::VolatilityTarget { annual, .. } => {
            let sigma = input.sigma.filter(|sigma| sigma.is_finite() && *sigma > 0.0)?;
            // Cut at the limit here: shrinking would find the same, lot by lot.
            (annual / N::from(sigma)).lower(rules.margin.max_leverage) * input.equity / input.unit_value
        }
    })
}

/// Rounds a count of lots down. A count within rounding noise of an integer is that integer.
#[inline]
fn whole_lots<N: Number>(lots: N) -> N {
    let nearest = lots.nearest_whole();
    let tolerance = (N::from(1e-12) * lots).higher(N::from(1e-6));
    N::pick(tolerance.is_at_least((lots - nearest).magnitude()), nearest, lots.whole_below())
}

#[inline]
fn is_acceptable<N: Number>(rules: &Execution<N>, input: &SizingInput<N>, quantity: N) -> N::Is {
    let notional = quantity * input.unit_cost;
    let commission = costs::commission(&rules.commission, notional, quantity);
    (input.equity * N::from(ROUNDING)).is_at_least(rules.margin.of(notional) + commission)
}

/// Returns true if `near` lots are the largest count below `too_many` that is acceptable.
#[inline]
fn is_largest<N: Number>(rules: &Execution<N>, input: &SizingInput<N>, near: N, too_many: N) -> N::Is {
    let lot = rules.instrument.lot_size;
    let next = near + N::from(1.0);
    let fits = |lots: N| is_acceptable(rules, input, lots * lot);
    // More lots than any double counts: there is none below them.
    let is_below = too_many.is_above(near) & N::from(f64::INFINITY).is_above(too_many);
    near.is_at_least(N::from(1.0)) & is_below & fits(near) & (next.is_at_least(too_many) | !fits(next))
}

/// Finds the largest acceptable count of lots below `too_many`, which is not acceptable.
///
/// Margin and commission both grow with the count, so bisection finds it. The first count asked for is the solution of
/// the limit as an equation, which rounding leaves at most a few lots away; the next ones lie in doubling steps beside it.
fn largest_acceptable(rules: &Execution, input: &SizingInput, too_many: f64) -> Option<f64> {
    // More lots than any double counts: there is no middle between none and that.
    if too_many.is_infinite() {
        return None;
    }
    let lot = rules.instrument.lot_size;
    let fits = |lots: f64| is_acceptable(rules, input, lots * lot);
    let mut near = limit(rules, input).whole_below();
    // Mostly the solution rounds to the count itself: one look at it and one at the next.
    if is_largest(rules, input, near, too_many) {
        return Some(near);
    }
    let mut low = 0.0;
    let mut high = too_many;
    let mut step = (near * f64::EPSILON).max(1.0);
    while high - low > 1.0 {
        let is_between = low < near && near < high;
        let middle = if is_between { near } else { (low + (high - low) / 2.0).floor() };
        // Above 2^53 neighbouring doubles are more than 1 apart: there is no count between them.
        if middle <= low || middle >= high {
            break;
        }
        let fits = fits(middle);
        *(if fits { &mut low } else { &mut high }) = middle;
        near = (if fits { middle + step } else { middle - step }).floor();
        step *= 2.0;
    }
    (low >= 1.0).then_some(low)
}

/// Returns the count of lots at which margin and commission take all of the equity, but for rounding.
#[inline]
fn limit<N: Number>(rules: &Execution<N>, input: &SizingInput<N>) -> N {
    let Commission { rate, per_unit, per_fill, minimum } = rules.commission;
    let equity = input.equity * N::from(ROUNDING);
    let lot = rules.instrument.lot_size;
    let margin = rules.margin.of(input.unit_cost);
    // The larger commission of the two decides: the one that grows with the quantity, or the least of a fill.
    let grown = (equity - per_fill) / ((margin + rate * input.unit_cost + per_unit) * lot);
    if per_fill.is_at_least(minimum).everywhere() {
        return grown;
    }
    grown.lower((equity - minimum) / (margin * lot))
}

/// Returns the annual volatility of close-to-close log returns over rows of stamp and close.
///
/// `sigma^2 = sum r^2 / years`, with the years from the first to the last stamp. `None` if no time passes.
#[must_use]
pub fn annual_volatility(rows: impl Iterator<Item = (i64, f64)> + Clone) -> Option<f64> {
    let (first_ns, _) = rows.clone().next()?;
    let mut previous_close = None;
    let mut last_ns = first_ns;
    let mut sum = 0.0;
    for (stamp_ns, close) in rows {
        if let Some(before) = previous_close {
            let step = libm::log(close / before);
            sum += step * step;
        }
        previous_close = Some(close);
        last_ns = stamp_ns;
    }
    let years = time::years(last_ns - first_ns);
    (years > 0.0).then(|| libm::sqrt(sum / years))
}

#[cfg(test)]
mod tests;
