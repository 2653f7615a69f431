//! A position looked after: bars at which its levels may be touched, or holding it costs something.

use std::ops::Range;

use crate::account::Account;
use crate::cost::Carry;
use crate::desk::{Desk, Plan};
use crate::exits;
use crate::lanes::{self, LANES};
use crate::metrics::Sum;
use crate::position::{Position, Trailing};
use crate::rows::{Lane, Past, Rows};
use crate::rules::TrailOn;

/// Equity this far above its requirement, as a share of the money at hand: rounding must decide nothing.
const CLEARLY_ABOVE: f64 = 1e-9;

/// What one row after the other changes, in registers instead of the desk's memory.
pub(crate) struct Guard<'a> {
    plan: &'a Plan,
    rows: &'a Rows<'a>,
    equity: &'a mut Vec<f64>,
    position: &'a mut Position,
    carry: Option<Carry>,
    account: Account,
    financing: Sum,
    past: Past,
}

impl Plan {
    /// Whether a position has a level that a bar may touch, or a charge.
    pub(crate) fn guards(&self, position: &Position) -> bool {
        let levels = position.stop.is_some() || position.target.is_some() || position.trailing.is_some();
        levels || position.requirement.is_some() || self.carry(position.net()).is_some()
    }
}

/// Takes quiet rows up to the first one at which a level may be touched; returns how many.
pub(crate) fn guard(
    plan: &Plan,
    desk: &mut Desk,
    rows: &Rows<'_>,
    equity: &mut Vec<f64>,
    range: Range<usize>,
) -> usize {
    let Some(position) = &mut desk.position else { return 0 };
    let (carry, financing) = (plan.carry(position.net()), *desk.metrics.financing());
    let (account, past) = (desk.account, rows.past(range.start));
    let mut guard = Guard { plan, rows, equity, position, carry, account, financing, past };
    let taken = guard.take(range);
    desk.account = guard.account;
    *desk.metrics.financing() = guard.financing;
    taken
}

impl Guard<'_> {
    fn take(&mut self, range: Range<usize>) -> usize {
        let mut row = range.start;
        while row < range.end {
            let stop = range.end.min(row + LANES);
            if stop - row == LANES && self.take_lanes(row) {
                row = stop;
                continue;
            }
            for one in row..stop {
                if !self.take_row(one) {
                    return one - range.start;
                }
            }
            row = stop;
        }
        range.len()
    }

    /// One row, unless it may touch a level.
    fn take_row(&mut self, index: usize) -> bool {
        let (net, multiplier, row) = (self.position.net(), self.plan.multiplier(), self.rows.row(index));
        let units = self.position.quantity * multiplier;
        let charge = self.carry.map_or(0.0, |carry| carry.charge(units, &self.past, row.time));
        let charged = self.account.paid(charge);
        let rate = self.past.rate;
        let liquidation = self.position.requirement.map(|equity| charged.price_at(equity, net, multiplier, rate));
        if !exits::untouched(self.position, liquidation, row.low, row.high, self.past.half_spread) {
            return false;
        }
        if self.carry.is_some() {
            self.pay(charge);
        }
        self.position.see(row.high);
        self.position.see(row.low);
        self.equity.push(self.account.equity(net, row.close, multiplier, row.rate));
        self.position.trail_after(self.plan.execution().exits.trail_on, &row);
        self.past = self.rows.leaves(index);
        true
    }

    fn pay(&mut self, charge: f64) {
        self.account.pay(charge);
        self.position.financing += charge;
        self.financing.add(charge);
    }

    /// `LANES` rows from one on, unless any of them may touch a level; a quick look, which may say no for nothing.
    fn take_lanes(&mut self, first: usize) -> bool {
        let Some(lane) = self.rows.lane::<LANES>(first, &self.past) else { return false };
        let (net, multiplier) = (self.position.net(), self.plan.multiplier());
        let charges = self.carry.map(|carry| carry.charges(self.position.quantity * multiplier, &lane));
        let accounts = charges.map_or([self.account; LANES], |charges| self.account.paid_one_by_one(&charges));
        let trailing = self.position.trailing.map(|trailing| self.trailed(trailing, &lane));
        if !self.far_from_levels(trailing, &lane) || !self.far_from_liquidation(&accounts, &lane) {
            return false;
        }
        for charge in charges.iter().flatten() {
            self.pay(*charge);
        }
        let (lowest, highest) = lanes::extremes(lane.low, lane.high);
        self.position.see(highest);
        self.position.see(lowest);
        self.position.trailing = trailing;
        self.equity
            .extend((0..LANES).map(|row| accounts[row].equity(net, lane.close[row], multiplier, lane.rate[row])));
        self.past = self.rows.leaves(first + LANES - 1);
        true
    }

    /// Where a trailing stop stands after all rows: at none of them nearer to the market.
    fn trailed(&self, trailing: Trailing, lane: &Lane<'_, LANES>) -> Trailing {
        let long = self.position.direction > 0;
        let prices = match self.plan.execution().exits.trail_on {
            TrailOn::Close => lane.close,
            TrailOn::Extreme if long => lane.high,
            TrailOn::Extreme => lane.low,
        };
        let (lowest, highest) = lanes::extremes(prices, prices);
        let level = if long {
            trailing.level.max(highest - trailing.distance)
        } else {
            trailing.level.min(lowest + trailing.distance)
        };
        Trailing { level, ..trailing }
    }

    fn far_from_levels(&self, trailing: Option<Trailing>, lane: &Lane<'_, LANES>) -> bool {
        let sign = self.position.sign();
        let (worst, best) = if sign > 0.0 { (lane.low, lane.high) } else { (lane.high, lane.low) };
        let beyond = |level: f64| worst.iter().fold(true, |far, &price| far & (sign * price > sign * level));
        let short_of = |target: f64| {
            let rows = best.iter().zip(&lane.before.half_spread);
            rows.fold(true, |far, (&price, half_spread)| far & (sign * price - half_spread < sign * target))
        };
        self.position.stop.is_none_or(beyond)
            && trailing.is_none_or(|trailing| beyond(trailing.level))
            && self.position.target.is_none_or(short_of)
    }

    /// Whether equity stays well above its requirement, without a division.
    fn far_from_liquidation(&self, accounts: &[Account; LANES], lane: &Lane<'_, LANES>) -> bool {
        let Some(requirement) = self.position.requirement else { return true };
        let (net, multiplier) = (self.position.net(), self.plan.multiplier());
        let worst = if net > 0.0 { lane.low } else { lane.high };
        (0..LANES).fold(true, |far, row| {
            let (account, rate) = (&accounts[row], lane.before.rate[row]);
            let held = net * worst[row] * multiplier;
            let money = account.cash.abs() + requirement.abs() + rate * (account.quote_cash.abs() + held.abs());
            let spare = account.equity(net, worst[row], multiplier, rate) - requirement;
            far & (spare > CLEARLY_ABOVE * money)
        })
    }
}

#[cfg(test)]
mod tests;
