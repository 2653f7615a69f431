//! The grid of prices that an instrument trades at.

use crate::number::Number;

/// Distance from the grid within which a price counts as on it, in ticks.
pub(crate) const ON_TICK: f64 = 1e-6;

/// Rounds the price of a fill to the grid, against the trader. A price on the grid keeps its bits.
#[must_use]
#[inline(always)]
pub(crate) fn rounded<N: Number>(tick_size: Option<&N>, side: f64, price: N) -> N {
    tick_size.map_or(price, |&tick_size| price.each(tick_size, |price, tick| rounded_to(tick, side, price)))
}

fn rounded_to(tick: f64, side: f64, price: f64) -> f64 {
    if whole_ticks(tick, price).is_some() {
        return price;
    }
    let steps = price / tick;
    // Up for a buy, down for a sell: rounding never favours the trader.
    let whole = if side > 0.0 { steps.ceil() } else { steps.floor() };
    whole * tick
}

/// Returns the tick that a level lies on. A level between two ticks keeps its bits.
///
/// It never falls as the level rises: the fast path checks a trailing stop at its last place only.
#[must_use]
pub(crate) fn level(tick_size: Option<f64>, level: f64) -> f64 {
    let Some(tick) = tick_size else { return level };
    let Some(whole) = whole_ticks(tick, level) else { return level };
    // 0.01 is not a float, 100 is: the quotient has the bits of the decimal price, the product often has not.
    let per_point = (1.0 / tick).round();
    if per_point * tick == 1.0 { whole / per_point } else { whole * tick }
}

/// Returns a bound of the distance by which `level` moves a price.
///
/// Twice the distance that counts as on the grid, and a thousand times the rounding of a quotient.
#[must_use]
pub(crate) fn most_moved(tick_size: Option<f64>, price: f64) -> f64 {
    tick_size.map_or(0.0, |tick| 2.0 * ON_TICK * tick + 1e-13 * price.abs())
}

/// Returns the number of ticks of a price on the grid; `None` between two ticks.
fn whole_ticks(tick: f64, price: f64) -> Option<f64> {
    let steps = price / tick;
    // One instruction, where `round` takes four. They differ in the middle between two ticks, which is on neither.
    let whole = steps.round_ties_even();
    ((steps - whole).abs() <= ON_TICK).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::{level, most_moved, rounded};

    #[test]
    fn a_level_near_a_tick_has_the_bits_of_the_decimal() {
        for (tick, near, decimal) in [
            (0.001, 102.10199999999999, 102.102),
            (1e-5, 1.0524499999999999, 1.05245),
            (0.4, 102.4000001, 102.4),
            // 113 times 0.01 is 1.1300000000000001.
            (0.01, 1.130_000_000_1, 1.13),
        ] {
            assert_eq!(level(Some(tick), near), decimal);
        }
        assert_eq!(level(Some(0.25), 100.000_000_3), 100.000_000_3);
        assert_eq!(level(None, 100.000_000_1), 100.000_000_1);
    }

    #[test]
    fn a_fill_near_a_tick_keeps_its_bits_and_one_between_two_is_rounded_against_the_trader() {
        assert_eq!(rounded(Some(&0.25), 1.0, 100.000_000_1), 100.000_000_1);
        assert_eq!([1.0, -1.0].map(|side| rounded(Some(&0.25), side, 100.1)), [100.25, 100.0]);
        assert_eq!(rounded(None, 1.0, 100.1), 100.1);
    }

    #[test]
    fn a_higher_level_is_never_put_lower() {
        // Ticks above 1, and so many of them that a quotient is rounded by more than counts as on the grid.
        for tick in [0.25, 0.01, 1e-5, 0.3, 1e7] {
            for ticks in [7.0_f64, 12_345.0, 87_654_321.0, 1_500_000_000_005.0] {
                let around = (-200..=200).map(|step| (ticks + f64::from(step) * 2e-8) * tick);
                let placed: Vec<f64> = around.clone().map(|price| level(Some(tick), price)).collect();
                assert!(placed.is_sorted(), "{ticks} of {tick}");
                let moved = |(price, placed): (f64, &f64)| (placed - price).abs() <= most_moved(Some(tick), price);
                assert!(around.zip(&placed).all(moved), "{ticks} of {tick}");
            }
        }
    }
}
