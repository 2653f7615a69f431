//! A scan of bars with a held position that has levels or charges.
//!
//! Charges, marks and trailing stops depend on the bar before, so this is a chain of additions. The scan keeps what the
//! chain changes in registers, and checks eight bars for a touched level at once.

use std::ops::Range;

use crate::engine::plan::Plan;
use crate::engine::state::State;
use crate::lanes::{self, LANES};
use crate::market::rows::{RowLanes, Rows};
use crate::metrics::sums::Sum;
use crate::money::account::Account;
use crate::money::holding::Holding;
use crate::money::position::Position;
use crate::orders::matching;
use crate::rules::Execution;

/// Margin by which equity must exceed its requirement, as a share of the money at hand.
///
/// A single bar compares prices after a division, the lanes compare equity. A price within `matching::EQUAL` of a level
/// touches it, and both roundings are below 1e-14 of the money: whatever lies between falls inside this margin and is
/// left to single bars.
const CLEARLY_ABOVE: f64 = 4.0 * matching::EQUAL;

/// Number of `Holding::tick_slack` that are left to single bars too: a level may be put on its tick.
const TICK_SLACKS: f64 = 2.0;

/// The values that change from row to row, held in registers instead of the state's memory.
struct HoldScan<'a> {
    plan: &'a Plan,
    rows: &'a Rows<'a>,
    equity: &'a mut Vec<f64>,
    position: &'a mut Position,
    holding: Holding,
    account: Account,
    financing: Sum,
}

/// Simulates quiet rows up to the first one at which a level may be touched; returns their number.
pub(crate) fn scan(
    plan: &Plan,
    state: &mut State,
    rows: &Rows<'_>,
    equity: &mut Vec<f64>,
    range: Range<usize>,
) -> usize {
    let Some(position) = &mut state.position else { return 0 };
    let holding = plan.holding(position.net());
    // Copies, written back at the end: through the state's memory each addition would wait for the store before it.
    let account = state.account;
    let financing = *state.metrics.financing_mut();
    let mut scan = HoldScan { plan, rows, equity, position, holding, account, financing };
    let taken = scan.run(range);
    state.account = scan.account;
    *state.metrics.financing_mut() = scan.financing;
    taken
}

impl HoldScan<'_> {
    fn run(&mut self, range: Range<usize>) -> usize {
        let mut row = range.start;
        while row < range.end {
            let stop = range.end.min(row + LANES);
            if stop - row == LANES && self.step_lanes(row) {
                row = stop;
                continue;
            }
            // The lanes refused: one of these rows may touch a level. Row by row finds it, or finds a false alarm.
            for one in row..stop {
                if !self.step_row(one) {
                    return one - range.start;
                }
            }
            row = stop;
        }
        range.len()
    }

    /// Simulates one row; returns false, and changes nothing, if it may touch a level.
    fn step_row(&mut self, index: usize) -> bool {
        let row = self.rows.row(index);
        let previous = self.rows.previous(index);
        let charge = self.holding.charge(&previous, row.time);
        // The level of liquidation counts after this bar's financing, as in `BarStep::step`.
        let charged = self.account.paid(charge.unwrap_or(0.0));
        let requirement = self.position.requirement;
        let liquidation = requirement.map(|equity| self.holding.liquidation_price(&charged, equity, previous.rate));
        if !matching::touches_nothing(self.position, liquidation, &[row.low], &[row.high], &[previous.half_spread]) {
            return false;
        }
        if let Some(charge) = charge {
            self.pay(&[charge], charged.balance);
        }
        self.position.note_price(row.high);
        self.position.note_price(row.low);
        self.equity.push(self.holding.equity(&self.account, row.close, row.rate));
        self.position.trail_after(self.plan.execution(), &row);
        true
    }

    /// Books charges that leave `balance`.
    fn pay(&mut self, charges: &[f64], balance: f64) {
        self.account.balance = balance;
        // Local sums stay in registers. Through memory each addition would wait twice as long for the one before it.
        let mut paid = self.position.financing;
        let mut financing = self.financing;
        for &charge in charges {
            paid += charge;
            financing.add(charge);
        }
        self.position.financing = paid;
        self.financing = financing;
    }

    /// Simulates `LANES` rows; returns false, and changes nothing, if one of them may touch a level.
    ///
    /// Conservative: `true` is certain, `false` may be a false alarm.
    fn step_lanes(&mut self, first: usize) -> bool {
        let Some(lanes) = self.rows.lanes(first) else { return false };
        let charges = self.holding.charges(&lanes);
        let balances = charges.map_or([self.account.balance; LANES], |charges| self.account.balances_after(&charges));
        let trailing = self.position.trailing;
        self.trail_after_all(&lanes);
        // Without the liquidation price: its division is what the lanes avoid.
        let half_spreads = &lanes.previous.half_spread;
        let far = matching::touches_nothing(self.position, None, lanes.low, lanes.high, half_spreads);
        if !far || !self.is_far_from_liquidation(&balances, &lanes) {
            self.position.trailing = trailing;
            return false;
        }
        if let Some(charges) = charges {
            self.pay(&charges, balances[LANES - 1]);
        }
        let (lowest, highest) = lanes::min_max_of_lanes(lanes.low, lanes.high);
        self.position.note_price(highest);
        self.position.note_price(lowest);
        self.equity.extend_from_slice(&self.holding.equities(&self.account, &balances, lanes.close, &lanes.rate));
        true
    }

    /// Moves the trailing stop to its place after all rows. It never moves away from the market, so at none of the rows
    /// is it nearer: a check against this place is conservative.
    fn trail_after_all(&mut self, lanes: &RowLanes<'_>) {
        let Execution { exits, instrument, .. } = self.plan.execution();
        let prices = self.position.followed(exits.trail_on, lanes.close, lanes.high, lanes.low);
        let (lowest, highest) = lanes::min_max_of_lanes(prices, prices);
        let best = if self.position.direction > 0 { highest } else { lowest };
        self.position.trail_to(best, instrument.tick_size);
    }

    /// Returns true if equity stays well above its requirement at the worst price of every row, without a division.
    fn is_far_from_liquidation(&self, balances: &[f64; LANES], lanes: &RowLanes<'_>) -> bool {
        let Some(requirement) = self.position.requirement else { return true };
        let worst = if self.position.direction > 0 { lanes.low } else { lanes.high };
        let quote_cash = self.account.quote_cash;
        let tick_slack = TICK_SLACKS * self.holding.tick_slack();
        (0..LANES).fold(true, |far, row| {
            let balance = balances[row];
            let rate = lanes.previous.rate[row];
            let held = self.holding.value(worst[row]);
            // Rounding is relative to the largest amounts that are added, not to their sum.
            let money = balance.abs() + requirement.abs() + rate * (quote_cash.abs() + held.abs());
            let spare = balance + rate * (quote_cash + held) - requirement;
            far & (spare > CLEARLY_ABOVE * money + rate * tick_slack)
        })
    }
}

#[cfg(test)]
mod tests;
