//! The open position: its entry, its costs so far, its excursions and its levels.

use serde::{Deserialize, Serialize};

use crate::market::rows::Row;
use crate::money::tick;
use crate::rules::Execution;
use crate::rules::exits::TrailOn;

/// A stop that follows the market at a fixed distance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trailing {
    /// Current price of the stop.
    pub level: f64,
    /// Distance from the price it follows.
    pub distance: f64,
}

/// An open position of one symbol.
///
/// A position is opened and closed whole: quantity, entry and levels never change, but for the trailing stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Number of the round trip, from 0.
    pub trade_id: i64,
    /// Direction: +1 long, -1 short.
    pub direction: i8,
    /// Number of units, above 0.
    pub quantity: f64,
    /// Bar of the entry fill.
    pub entry_bar: i64,
    /// Stamp of that bar.
    pub entry_ns: i64,
    /// Price of the entry fill.
    pub entry_price: f64,
    /// Notional at entry, account currency.
    pub entry_notional: f64,
    /// Confidence of the entry signal.
    pub entry_confidence: f32,
    /// Commission so far, account currency.
    pub commission: f64,
    /// Financing so far, account currency.
    pub financing: f64,
    /// Slippage so far, account currency.
    pub slippage: f64,
    /// Spread so far, account currency.
    pub spread: f64,
    /// Highest price while held.
    pub highest: f64,
    /// Lowest price while held.
    pub lowest: f64,
    /// Stop as set at entry.
    pub stop: Option<f64>,
    /// Target as set at entry.
    pub target: Option<f64>,
    /// Trailing stop, if the rules set one.
    pub trailing: Option<Trailing>,
    /// Equity at which a borrowed position is liquidated.
    pub requirement: Option<f64>,
}

impl Position {
    /// Returns the direction as a factor.
    #[must_use]
    pub fn sign(&self) -> f64 {
        f64::from(self.direction)
    }

    /// Returns the signed quantity.
    #[must_use]
    pub fn net(&self) -> f64 {
        self.sign() * self.quantity
    }

    /// Returns true if a bar may touch a level of the position, liquidation included.
    #[must_use]
    pub fn has_levels(&self) -> bool {
        self.has_price_levels() || self.requirement.is_some()
    }

    /// Returns true if the position has a stop or a target, fixed or trailing.
    #[must_use]
    pub fn has_price_levels(&self) -> bool {
        self.stop.is_some() || self.target.is_some() || self.trailing.is_some()
    }

    /// Extends the best and the worst price while held by a price.
    pub fn note_price(&mut self, price: f64) {
        // Neither rounds, so prices may be noted in any order, or as extremes of many bars.
        self.highest = self.highest.max(price);
        self.lowest = self.lowest.min(price);
    }

    /// Returns the best and the worst distance from entry, price units, `>= 0` and `<= 0`.
    #[must_use]
    pub fn excursions(&self) -> (f64, f64) {
        // The entry price was noted first, so one is at least 0 and the other at most 0.
        let up = self.highest - self.entry_price;
        let down = self.lowest - self.entry_price;
        if self.direction > 0 { (up, down) } else { (-down, -up) }
    }

    /// Moves the trailing level after a bar.
    #[inline]
    pub fn trail_after(&mut self, execution: &Execution, row: &Row) {
        let price = self.followed(execution.exits.trail_on, row.close, row.high, row.low);
        self.trail_to(price, execution.instrument.tick_size);
    }

    /// Picks the price that a trailing stop of this position follows: of one bar, or a column of it.
    #[inline]
    pub fn followed<T>(&self, trail_on: TrailOn, close: T, high: T, low: T) -> T {
        match trail_on {
            TrailOn::Close => close,
            TrailOn::Extreme if self.direction > 0 => high,
            TrailOn::Extreme => low,
        }
    }

    /// Moves the trailing level to its distance from a price. A level never moves away from the market.
    #[inline]
    pub fn trail_to(&mut self, price: f64, tick_size: Option<f64>) {
        let sign = self.sign();
        let Some(Trailing { level, distance }) = &mut self.trailing else { return };
        let moved = price - sign * *distance;
        // Most prices leave the level where it is, on whatever tick they would put it.
        if sign * (*level - moved) > tick::most_moved(tick_size, moved) {
            return;
        }
        let moved = tick::level(tick_size, moved);
        *level = if sign > 0.0 { level.max(moved) } else { level.min(moved) };
    }
}
