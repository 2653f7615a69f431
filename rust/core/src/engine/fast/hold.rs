//! A position looked after: bars at which its levels may be touched, or holding it costs something.

use std::ops::Range;

use crate::engine::plan::Plan;
use crate::engine::state::Desk;
use crate::lanes::{self, LANES};
use crate::market::rows::{Lane, Rows};
use crate::metrics::sums::Sum;
use crate::money::account::Account;
use crate::money::costs::Carry;
use crate::money::position::Position;
use crate::orders::matching;

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
    let account = desk.account;
    let mut guard = Guard { plan, rows, equity, position, carry, account, financing };
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
        let (net, multiplier) = (self.position.net(), self.plan.multiplier());
        let (row, past) = (self.rows.row(index), self.rows.past(index));
        let units = self.position.quantity * multiplier;
        let charge = self.carry.map(|carry| carry.charge(units, &past, row.time));
        let charged = self.account.paid(charge.unwrap_or(0.0));
        let liquidation = self.position.requirement.map(|equity| charged.price_at(equity, net, multiplier, past.rate));
        if !matching::untouched(self.position, liquidation, &[row.low], &[row.high], &[past.half_spread]) {
            return false;
        }
        if let Some(charge) = charge {
            self.pay(&[charge], charged.cash);
        }
        self.position.see(row.high);
        self.position.see(row.low);
        self.equity.push(self.account.equity(net, row.close, multiplier, row.rate));
        self.position.trail_after(self.plan.execution().exits.trail_on, &row);
        true
    }

    /// Books charges that leave `cash`. The sums stay in registers: through memory each addition would wait twice as
    /// long for the one before it.
    fn pay(&mut self, charges: &[f64], cash: f64) {
        self.account.cash = cash;
        let (mut paid, mut financing) = (self.position.financing, self.financing);
        for &charge in charges {
            paid += charge;
            financing.add(charge);
        }
        (self.position.financing, self.financing) = (paid, financing);
    }

    /// `LANES` rows from one on, unless any of them may touch a level; a quick look, which may say no for nothing.
    fn take_lanes(&mut self, first: usize) -> bool {
        let Some(lane) = self.rows.lane(first) else { return false };
        let (net, multiplier) = (self.position.net(), self.plan.multiplier());
        let charges = self.carry.map(|carry| carry.charges(self.position.quantity * multiplier, &lane));
        let cash = charges.map_or([self.account.cash; LANES], |charges| self.account.cash_after(&charges));
        let trailing = self.position.trailing;
        self.trail_after_all(&lane);
        let far = matching::untouched(self.position, None, lane.low, lane.high, &lane.before.half_spread);
        if !far || !self.far_from_liquidation(&cash, &lane) {
            self.position.trailing = trailing;
            return false;
        }
        if let Some(charges) = charges {
            self.pay(&charges, cash[LANES - 1]);
        }
        let (lowest, highest) = lanes::extremes(lane.low, lane.high);
        self.position.see(highest);
        self.position.see(lowest);
        self.equity.extend_from_slice(&self.account.equities(&cash, net, lane.close, multiplier, &lane.rate));
        true
    }

    /// Moves the trailing stop to where it stands after all rows: at none of them is it nearer to the market.
    fn trail_after_all(&mut self, lane: &Lane<'_>) {
        let follows = self.plan.execution().exits.trail_on;
        let prices = self.position.followed(follows, lane.close, lane.high, lane.low);
        let (lowest, highest) = lanes::extremes(prices, prices);
        self.position.trail_to(if self.position.direction > 0 { highest } else { lowest });
    }

    /// Whether equity stays well above its requirement, without a division.
    fn far_from_liquidation(&self, cash: &[f64; LANES], lane: &Lane<'_>) -> bool {
        let Some(requirement) = self.position.requirement else { return true };
        let (net, multiplier) = (self.position.net(), self.plan.multiplier());
        let worst = if net > 0.0 { lane.low } else { lane.high };
        (0..LANES).fold(true, |far, row| {
            let (account, rate) = (self.account.with_cash(cash[row]), lane.before.rate[row]);
            let held = net * worst[row] * multiplier;
            let money = account.cash.abs() + requirement.abs() + rate * (account.quote_cash.abs() + held.abs());
            let spare = account.equity(net, worst[row], multiplier, rate) - requirement;
            far & (spare > CLEARLY_ABOVE * money)
        })
    }
}

#[cfg(test)]
mod tests;
