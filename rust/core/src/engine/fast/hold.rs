//! A scan of bars with a held position that has levels or charges.
//!
//! Charges, marks and trailing stops depend on the bar before, so this is a chain of additions. The scan keeps what the
//! chain changes in registers, and checks eight bars for a touched level at once.

use std::ops::Range;

use crate::engine::fast::ranges::MinMax;
use crate::engine::plan::Plan;
use crate::engine::state::State;
use crate::lanes::{self, LANES};
use crate::market::rows::{RowLanes, Rows};
use crate::metrics::sums::Sum;
use crate::money::account::Account;
use crate::money::holding::Holding;
use crate::money::position::Position;
use crate::number::Number;
use crate::orders::matching;
use crate::rules::Execution;

/// Margin by which equity must exceed its requirement, as a share of the money at hand.
///
/// `BarStep` compares prices after a division, this scan compares equity. A price within `matching::EQUAL` of a level
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
        if !matching::touches_nothing(self.position, row.low, row.high, previous.half_spread) {
            return false;
        }
        // The level of liquidation counts after this bar's financing, as in `BarStep::step`.
        let charge = self.holding.charge(&previous, row.time);
        let charged = self.account.paid(charge.unwrap_or(0.0)).balance;
        if !self.is_far_from_liquidation(&[charged], &[previous.rate], (row.low, row.high)) {
            return false;
        }
        if let Some(charge) = charge {
            self.pay(&[charge], charged);
        }
        self.position.note_price(row.high);
        self.position.note_price(row.low);
        self.equity.push(self.holding.equity(&self.account, row.close, row.rate));
        self.position.trail_after(self.plan.execution(), &row);
        true
    }

    /// Books charges that leave `balance`.
    fn pay<const N: usize>(&mut self, charges: &[f64; N], balance: f64) {
        self.account.balance = balance;
        // A local sum stays in a register. Through memory each addition would wait twice as long for the one before it.
        let mut paid = self.position.financing;
        charges.iter().for_each(|charge| paid += charge);
        self.position.financing = paid;
        self.financing.add_all(charges);
    }

    /// Simulates `LANES` rows; returns false, and changes nothing, if one of them may touch a level.
    ///
    /// Conservative: `true` is certain, `false` may be a false alarm.
    fn step_lanes(&mut self, first: usize) -> bool {
        let Some(lanes) = self.rows.lanes(first) else { return false };
        let range = lanes::min_max_of_lanes(lanes.low, lanes.high);
        let (lowest, highest) = range;
        let trailing = self.position.trailing;
        self.trail_after_all(&lanes, range);
        let half_spread = lanes.previous.least_half_spread;
        if !matching::touches_nothing(self.position, lowest, highest, half_spread) {
            self.position.trailing = trailing;
            return false;
        }
        let charges = self.holding.charges(&lanes);
        let balances = charges.map_or([self.account.balance; LANES], |charges| self.account.balances_after(&charges));
        if !self.is_far_from_liquidation(&balances, &lanes.previous.rate, range) {
            self.position.trailing = trailing;
            return false;
        }
        if let Some(charges) = charges {
            self.pay(&charges, balances[LANES - 1]);
        }
        self.position.note_price(highest);
        self.position.note_price(lowest);
        self.equity.extend_from_slice(&self.holding.equities(&self.account, &balances, lanes.close, &lanes.rate));
        true
    }

    /// Moves the trailing stop to its place after all rows between `lowest` and `highest`.
    ///
    /// It never moves away from the market, so at none of the rows is it nearer: a check against this place is
    /// conservative.
    fn trail_after_all(&mut self, lanes: &RowLanes<'_>, (lowest, highest): MinMax) {
        if self.position.trailing.is_none() {
            return;
        }
        let Execution { exits, instrument, .. } = self.plan.execution();
        let closes = lanes::min_max_of_lanes(lanes.close, lanes.close);
        let best = |(lowest, highest): MinMax| if self.position.direction > 0 { highest } else { lowest };
        let price = self.position.followed(exits.trail_on, best(closes), highest, lowest);
        self.position.trail_to(price, instrument.tick_size);
    }

    /// Returns true if equity stays well above its requirement at the worst price of all rows.
    ///
    /// Equity is compared, not the price of liquidation: that would take a division for each row.
    #[inline(always)]
    fn is_far_from_liquidation<const N: usize>(&self, balances: &[f64; N], rates: &[f64; N], range: MinMax) -> bool {
        is_far_from_liquidation(
            self.position.requirement,
            &self.holding,
            self.account.quote_cash,
            balances,
            rates,
            range,
        )
    }
}

/// Returns true if no row between the lowest and the highest price touches a level, liquidation included.
///
/// Only for a position without charges and conversion rates, whose balance stays what it is. Conservative: `true` is
/// certain, `false` may be a false alarm.
pub(crate) fn is_untouched(
    position: &Position,
    holding: &Holding,
    account: &Account,
    half_spread: f64,
    (lowest, highest): MinMax,
) -> bool {
    matching::touches_nothing(position, lowest, highest, half_spread)
        && is_far_from_liquidation(
            position.requirement,
            holding,
            account.quote_cash,
            &[account.balance],
            &[1.0],
            (lowest, highest),
        )
}

/// Returns true if equity stays well above `requirement`, if there is one, at the worst price of all rows.
#[inline(always)]
pub(crate) fn is_far_from_liquidation<const N: usize>(
    requirement: Option<f64>,
    holding: &Holding,
    quote_cash: f64,
    balances: &[f64; N],
    rates: &[f64; N],
    range: MinMax,
) -> bool {
    let Some(requirement) = requirement else { return true };
    let liquidation = Liquidation::new(requirement, holding, quote_cash, range);
    balances.iter().zip(rates).fold(true, |far, (&balance, &rate)| far & liquidation.is_far_from(balance, rate))
}

/// The liquidation of a position at the worst price of some rows, with room for rounding.
pub(crate) struct Liquidation<N> {
    /// Quote currency that the position leaves at that price.
    quote_spare: N,
    /// Equity that it needs.
    needed: N,
}

impl<N: Number> Liquidation<N> {
    /// Looks at a position with so much quote currency at the lowest and at the highest price.
    #[inline(always)]
    pub(crate) fn new(requirement: N, holding: &Holding<N>, quote_cash: N, (lowest, highest): MinMax) -> Self {
        let held = [lowest, highest].map(|price| holding.value(N::from(price)));
        let worst = quote_cash + held[0].lower(held[1]);
        let clearly = N::from(CLEARLY_ABOVE);
        // Rounding is relative to the largest amounts that are added, not to their sum.
        let quote_money = quote_cash.magnitude() + held[0].magnitude().higher(held[1].magnitude());
        let quote_spare = worst - clearly * quote_money - N::from(TICK_SLACKS) * holding.tick_slack();
        Self { quote_spare, needed: requirement + clearly * requirement.magnitude() }
    }

    /// Returns true if equity stays well above the requirement, with that balance and conversion rate.
    #[inline(always)]
    pub(crate) fn is_far_from(&self, balance: N, rate: N) -> N::Is {
        (balance - N::from(CLEARLY_ABOVE) * balance.magnitude() + rate * self.quote_spare).is_above(self.needed)
    }
}

#[cfg(test)]
mod tests;
