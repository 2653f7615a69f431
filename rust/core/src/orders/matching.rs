//! Exits inside a bar: which level a position leaves at, and at what kind of price.

use crate::money::position::{Position, Trailing};
use crate::rules::{Exits, Intrabar, Level};

/// Why a fill happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// A signal's order.
    Signal,
    /// The stop was reached.
    StopLoss,
    /// The target was traded through.
    TakeProfit,
    /// The trailing stop was reached.
    TrailingStop,
    /// Held for as long as allowed.
    MaxHolding,
    /// Equity fell to the maintenance requirement.
    Liquidation,
    /// The data ended.
    EndOfData,
}

impl Reason {
    /// Every reason's name, in the order of the discriminants.
    pub const NAMES: [&'static str; 7] =
        ["signal", "stop_loss", "take_profit", "trailing_stop", "max_holding", "liquidation", "end_of_data"];
}

/// How an exit inside a bar is filled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Exit {
    /// At market, with all costs, from this reference.
    Market {
        /// Reference price.
        reference: f64,
        /// The level that was reached.
        reason: Reason,
    },
    /// A gap beyond the target: the open less the half spread, no slippage.
    GapTarget,
    /// The resting target, at its level.
    Target,
}

/// What step 3 of a bar finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// The exit taken.
    pub exit: Exit,
    /// The exits between which an ambiguous bar leaves the choice.
    pub ambiguous: Option<Ambiguous>,
}

/// Both levels lie inside one bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ambiguous {
    /// At the adverse level.
    pub adverse: Exit,
    /// At the target.
    pub target: Exit,
}

/// Prices at which a position leaves, as set at its entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// Stop.
    pub stop: Option<f64>,
    /// Target.
    pub target: Option<f64>,
    /// Trailing stop.
    pub trailing: Option<Trailing>,
}

/// The levels of an entry at `entry_price`; `None` where a distance is not finite and positive.
#[must_use]
pub fn levels(rules: &Exits, side: f64, entry_price: f64, atr: f64) -> Option<Levels> {
    let given = [rules.stop_loss, rules.take_profit, rules.trailing_stop];
    let distances = given.map(|level| level.map(|level| distance(level, entry_price, atr)));
    if distances.contains(&Some(None)) {
        return None;
    }
    let [stop, target, trailing] = distances.map(Option::flatten);
    Some(Levels {
        stop: stop.map(|distance| entry_price - side * distance),
        target: target.map(|distance| entry_price + side * distance),
        trailing: trailing.map(|distance| Trailing { level: entry_price - side * distance, distance }),
    })
}

/// Distance of a level in price units; `None` where it is not finite and positive.
fn distance(level: Level, entry_price: f64, atr: f64) -> Option<f64> {
    let distance = match level {
        Level::Rate(rate) => rate * entry_price,
        Level::Atr(multiple) => multiple * atr,
    };
    (distance.is_finite() && distance > 0.0).then_some(distance)
}

/// The adverse level nearest to the market and its reason; ties go to stop, trailing, liquidation.
fn adverse(position: &Position, liquidation: Option<f64>) -> Option<(f64, Reason)> {
    let levels = [
        (position.stop, Reason::StopLoss),
        (position.trailing.map(|trailing| trailing.level), Reason::TrailingStop),
        (liquidation, Reason::Liquidation),
    ];
    let sign = position.sign();
    let mut nearest: Option<(f64, Reason)> = None;
    for (level, reason) in levels {
        let Some(level) = level else { continue };
        if nearest.is_none_or(|(best, _)| sign * level > sign * best) {
            nearest = Some((level, reason));
        }
    }
    nearest
}

/// Whether bars between `lows` and `highs` can touch no level at all: a quick look, which may say no for nothing.
#[must_use]
#[inline]
pub fn untouched<const N: usize>(
    position: &Position,
    liquidation: Option<f64>,
    lows: &[f64; N],
    highs: &[f64; N],
    half_spreads: &[f64; N],
) -> bool {
    let sign = position.sign();
    let (worst, best) = if sign > 0.0 { (lows, highs) } else { (highs, lows) };
    // Level by level and without branches inside, so that the compiler can use vector lanes.
    let beyond = |level: f64| worst.iter().fold(true, |far, price| far & (sign * price > sign * level));
    let short_of = |target: f64| {
        let prices = best.iter().zip(half_spreads);
        prices.fold(true, |far, (price, half_spread)| far & (sign * price - half_spread < sign * target))
    };
    let trailing = position.trailing.map(|trailing| trailing.level);
    let adverse = [position.stop, trailing, liquidation];
    adverse.iter().flatten().all(|&level| beyond(level)) && position.target.is_none_or(short_of)
}

/// What a bar does to an open position; `prices` are its open, high and low.
#[must_use]
pub fn inside(
    position: &Position,
    liquidation: Option<f64>,
    prices: [f64; 3],
    half_spread: f64,
    rule: Intrabar,
) -> Option<Found> {
    let [open, high, low] = prices;
    let sign = position.sign();
    let (worst, best) = if sign > 0.0 { (low, high) } else { (high, low) };
    let adverse = adverse(position, liquidation);
    let certain = |exit| Some(Found { exit, ambiguous: None });
    if let Some((_, reason)) = adverse.filter(|(level, _)| sign * open <= sign * level) {
        return certain(Exit::Market { reference: open, reason });
    }
    if position.target.is_some_and(|target| sign * (open - sign * half_spread) >= sign * target) {
        return certain(Exit::GapTarget);
    }
    let stopped = adverse
        .filter(|(level, _)| sign * worst <= sign * level)
        .map(|(reference, reason)| Exit::Market { reference, reason });
    let reached = position.target.is_some_and(|target| sign * (best - sign * half_spread) > sign * target);
    match (stopped, reached) {
        (None, false) => None,
        (Some(exit), false) => certain(exit),
        (None, true) => certain(Exit::Target),
        (Some(stop), true) => {
            let adverse_first = match rule {
                Intrabar::Pessimistic => true,
                Intrabar::Optimistic => false,
                Intrabar::Ohlc => (open - worst).abs() <= (best - open).abs(),
            };
            let exit = if adverse_first { stop } else { Exit::Target };
            Some(Found { exit, ambiguous: Some(Ambiguous { adverse: stop, target: Exit::Target }) })
        }
    }
}
