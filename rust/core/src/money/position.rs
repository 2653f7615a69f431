//! The open position: what it was entered at, what it has cost, where it leaves.

use serde::{Deserialize, Serialize};

use crate::market::rows::Row;
use crate::rules::TrailOn;

/// A stop that follows the market at a fixed distance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trailing {
    /// Where it stands now.
    pub level: f64,
    /// Distance from the price it follows.
    pub distance: f64,
}

/// An open position of one symbol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Number of the round trip, from 0.
    pub trade_id: i64,
    /// +1 long, -1 short.
    pub direction: i8,
    /// Units, above 0.
    pub quantity: f64,
    /// Bar of the entry fill.
    pub entry_bar: i64,
    /// Stamp of that bar.
    pub entry_ns: i64,
    /// Fill price.
    pub entry_price: f64,
    /// Notional at entry, account currency.
    pub entry_notional: f64,
    /// Confidence of the signal.
    pub entry_confidence: f32,
    /// Commission so far.
    pub commission: f64,
    /// Financing so far.
    pub financing: f64,
    /// Slippage so far.
    pub slippage: f64,
    /// Spread so far.
    pub spread: f64,
    /// Highest price seen while held.
    pub highest: f64,
    /// Lowest price seen while held.
    pub lowest: f64,
    /// Stop as set at entry.
    pub stop: Option<f64>,
    /// Target as set at entry.
    pub target: Option<f64>,
    /// Trailing stop.
    pub trailing: Option<Trailing>,
    /// Equity at which a borrowed position is liquidated.
    pub requirement: Option<f64>,
}

impl Position {
    /// The direction as a factor.
    #[must_use]
    pub fn sign(&self) -> f64 {
        f64::from(self.direction)
    }

    /// Signed quantity.
    #[must_use]
    pub fn net(&self) -> f64 {
        self.sign() * self.quantity
    }

    /// Lets a price seen while held count towards the best and the worst.
    pub fn see(&mut self, price: f64) {
        self.highest = self.highest.max(price);
        self.lowest = self.lowest.min(price);
    }

    /// Best and worst distance from entry, price units, `>= 0` and `<= 0`.
    #[must_use]
    pub fn excursions(&self) -> (f64, f64) {
        let (up, down) = (self.highest - self.entry_price, self.lowest - self.entry_price);
        if self.direction > 0 { (up, down) } else { (-down, -up) }
    }

    /// Moves the trailing level after a bar; it never gives way.
    #[inline]
    pub fn trail_after(&mut self, follows: TrailOn, row: &Row) {
        let price = self.followed(follows, row.close, row.high, row.low);
        self.trail_to(price);
    }

    /// What a trailing stop of this position follows, of a bar or of many.
    #[inline]
    pub fn followed<T>(&self, follows: TrailOn, close: T, high: T, low: T) -> T {
        match follows {
            TrailOn::Close => close,
            TrailOn::Extreme if self.direction > 0 => high,
            TrailOn::Extreme => low,
        }
    }

    /// Moves the trailing level to its distance from a price, unless that is further from the market.
    #[inline]
    pub fn trail_to(&mut self, price: f64) {
        let sign = self.sign();
        let Some(Trailing { level, distance }) = &mut self.trailing else { return };
        let moved = price - sign * *distance;
        *level = if sign > 0.0 { level.max(moved) } else { level.min(moved) };
    }
}
