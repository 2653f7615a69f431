//! The levels of a position against the prices of a bar: which level it leaves at, and at what kind of price.
//!
//! `Bounds` compares a price with a level; nothing else does.

use crate::money::position::{Position, Trailing};
use crate::money::tick;
use crate::rules::Execution;
use crate::rules::exits::{Intrabar, Level};

/// Share of a level within which a price is equal to it.
///
/// Levels are sums and products of decimals, which floats round: 1.085 less 3 % is 1.0524499999999999. A choice between
/// touched and not touched must not hang on that.
pub(crate) const EQUAL: f64 = 1e-9;

/// The lowest and the highest price that are equal to a level, in the direction of the position.
///
/// A price in that direction is `side * price`: more is better, for longs and shorts alike.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    lowest: f64,
    highest: f64,
}

impl Bounds {
    fn new(side: f64, level: f64) -> Self {
        let price = side * level;
        let slack = EQUAL * level.abs();
        Self { lowest: price - slack, highest: price + slack }
    }

    /// Returns true if a price is equal to the level or worse.
    fn at_or_below(self, price: f64) -> bool {
        price <= self.highest
    }

    /// Returns true if a price is equal to the level or better.
    fn at_or_above(self, price: f64) -> bool {
        price >= self.lowest
    }
}

/// The reason of a fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// A signal placed the order.
    Signal,
    /// The stop was reached.
    StopLoss,
    /// The target was traded through.
    TakeProfit,
    /// The trailing stop was reached.
    TrailingStop,
    /// The position was held for as long as allowed.
    MaxHolding,
    /// Equity fell to the maintenance requirement.
    Liquidation,
    /// The last bar ended the position.
    EndOfData,
}

impl Reason {
    /// Name of every reason, in the order of the discriminants.
    pub const NAMES: [&'static str; 7] =
        ["signal", "stop_loss", "take_profit", "trailing_stop", "max_holding", "liquidation", "end_of_data"];
}

/// The kind of fill that an exit inside a bar makes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Exit {
    /// At market, with all costs.
    Market {
        /// Price before costs: the level, or the open beyond it.
        reference: f64,
        /// Level that was reached.
        reason: Reason,
    },
    /// At an open beyond the target: with the half spread, without slippage.
    GapTarget,
    /// At the target, a resting limit order.
    Target,
}

/// The exit of a position inside a bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BarExit {
    /// Exit that is taken.
    pub exit: Exit,
    /// Both exits of an ambiguous bar.
    pub ambiguous: Option<Ambiguous>,
}

/// The two exits of a bar that reaches both the adverse level and the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ambiguous {
    /// Exit at the adverse level.
    pub adverse: Exit,
    /// Exit at the target.
    pub target: Exit,
}

/// Prices at which a position leaves, as set at its entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// Price of the stop.
    pub stop: Option<f64>,
    /// Price of the target.
    pub target: Option<f64>,
    /// Trailing stop with its distance.
    pub trailing: Option<Trailing>,
}

impl Levels {
    /// The levels under rules that set none.
    pub(crate) const NONE: Self = Self { stop: None, target: None, trailing: None };
}

/// Sets the levels of an entry at `entry_price`; returns `None` if a distance is not finite and positive.
#[must_use]
#[inline]
pub fn levels(rules: &Execution, side: f64, entry_price: f64, atr: f64) -> Option<Levels> {
    let exits = &rules.exits;
    if !exits.sets_levels() {
        return Some(Levels { stop: None, target: None, trailing: None });
    }
    let given = [exits.stop_loss, exits.take_profit, exits.trailing_stop];
    let distances = given.map(|level| level.map(|level| distance(level, entry_price, atr)));
    // `Some(None)`: a level was asked for and has no usable distance.
    if distances.contains(&Some(None)) {
        return None;
    }
    let [stop, target, trailing] = distances.map(Option::flatten);
    let at = |offset: f64| tick::level(rules.instrument.tick_size, entry_price + side * offset);
    Some(Levels {
        stop: stop.map(|distance| at(-distance)),
        target: target.map(at),
        trailing: trailing.map(|distance| Trailing { level: at(-distance), distance }),
    })
}

/// Returns the distance of a level in price units; `None` if it is not finite and positive.
fn distance(level: Level, entry_price: f64, atr: f64) -> Option<f64> {
    let distance = match level {
        Level::Rate(rate) => rate * entry_price,
        Level::Atr(multiple) => multiple * atr,
    };
    (distance.is_finite() && distance > 0.0).then_some(distance)
}

/// Returns the adverse level nearest to the market. Of equal levels the first of stop, trailing, liquidation names it.
fn adverse_level(position: &Position, liquidation: Option<f64>) -> Option<(f64, Reason)> {
    let levels = [
        (position.stop, Reason::StopLoss),
        (position.trailing.map(|trailing| trailing.level), Reason::TrailingStop),
        (liquidation, Reason::Liquidation),
    ];
    let sign = position.sign();
    let placed = || levels.into_iter().filter_map(|(level, reason)| level.map(|level| (level, reason)));
    let (nearest, _) = placed().reduce(|best, other| if sign * other.0 > sign * best.0 { other } else { best })?;
    let equal = Bounds::new(sign, nearest);
    let (_, reason) = placed().find(|(level, _)| equal.at_or_above(sign * level))?;
    Some((nearest, reason))
}

/// Returns true only if no bar between `low` and `high` touches a level of the position, liquidation apart.
///
/// `half_spread` is the least of the bars.
///
/// Conservative: `true` is certain, `false` may be a false alarm.
#[must_use]
#[inline]
pub fn touches_nothing(position: &Position, low: f64, high: f64, half_spread: f64) -> bool {
    let sign = position.sign();
    let (worst, best) = if sign > 0.0 { (low, high) } else { (high, low) };
    let trailing = position.trailing.map(|trailing| trailing.level);
    let adverse = [position.stop, trailing];
    // Neither a product by a sign nor a difference changes the order of prices, so the extremes speak for every bar.
    let is_behind = |level: f64| !Bounds::new(sign, level).at_or_below(sign * worst);
    let is_ahead = |target: f64| !Bounds::new(sign, target).at_or_above(sign * best - half_spread);
    adverse.into_iter().flatten().all(is_behind) && position.target.is_none_or(is_ahead)
}

/// Returns the exit of a position inside a bar, if there is one; `prices` are the bar's open, high and low.
///
/// The open is looked at first: it is the one price whose place in the bar is known.
#[must_use]
pub fn exit_inside(
    position: &Position,
    liquidation: Option<f64>,
    prices: [f64; 3],
    half_spread: f64,
    rule: Intrabar,
) -> Option<BarExit> {
    let [open, high, low] = prices;
    let sign = position.sign();
    let (worst, best) = if sign > 0.0 { (low, high) } else { (high, low) };
    let adverse = adverse_level(position, liquidation);
    let stopped_at = |price: f64| adverse.filter(|(level, _)| Bounds::new(sign, *level).at_or_below(sign * price));
    let target = position.target.map(|target| Bounds::new(sign, target));
    let certain = |exit| Some(BarExit { exit, ambiguous: None });
    if let Some((_, reason)) = stopped_at(open) {
        return certain(Exit::Market { reference: open, reason });
    }
    if target.is_some_and(|target| target.at_or_above(sign * open - half_spread)) {
        return certain(Exit::GapTarget);
    }
    // A stop is reached by a touch, a target only when the price trades through it: both choices cannot flatter.
    let stopped = stopped_at(worst).map(|(reference, reason)| Exit::Market { reference, reason });
    let reached = target.is_some_and(|target| !target.at_or_below(sign * best - half_spread));
    match (stopped, reached) {
        (None, false) => None,
        (Some(exit), false) => certain(exit),
        (None, true) => certain(Exit::Target),
        // Both inside one bar: the data cannot say which came first.
        (Some(stop), true) => {
            let exit = if adverse_first(rule, open, worst, best) { stop } else { Exit::Target };
            Some(BarExit { exit, ambiguous: Some(Ambiguous { adverse: stop, target: Exit::Target }) })
        }
    }
}

/// Decides which level of an ambiguous bar counts as reached first.
fn adverse_first(rule: Intrabar, open: f64, worst: f64, best: f64) -> bool {
    match rule {
        Intrabar::Pessimistic => true,
        Intrabar::Optimistic => false,
        Intrabar::Ohlc => (open - worst).abs() <= (best - open).abs() + EQUAL * open,
    }
}
