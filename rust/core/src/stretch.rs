//! Stretches of bars taken at once, to the last bit the same as bar by bar.
//!
//! Between two candidate signals, without an order that waits or a deadline, a flat desk only goes on, a position
//! without levels and charges only gains and loses, and one with them only needs them looked after.

use std::ops::Range;

use crate::desk::{Desk, Plan};
use crate::exits;
use crate::filter::Verdict;
use crate::lanes;
use crate::ledger::{DecisionRow, Ledger};
use crate::metrics::rows_before;
use crate::position::Position;
use crate::rows::Rows;
use crate::signal::Columns;

/// Rows at which no order waits or can arise, with where they are written down.
pub(crate) struct Stretch<'a> {
    /// Rules.
    pub plan: &'a Plan,
    /// State.
    pub desk: &'a mut Desk,
    /// Where it is written down.
    pub ledger: &'a mut Ledger,
    /// The rows at hand.
    pub rows: &'a Rows<'a>,
    /// Their signals.
    pub columns: &'a Columns<'a>,
}

impl Desk {
    /// How many rows, from the first one on, place no order whatever their prices; a position may still end in them.
    pub(crate) fn quiet_rows(&self, plan: &Plan, columns: &Columns<'_>, first_bar: i64, rows: Range<usize>) -> usize {
        if self.pending.is_some() {
            return 0;
        }
        let deadline = self.position.as_ref().and_then(|position| plan.deadline(position));
        let until = deadline.map_or(rows.end, |bar| rows.end.min(usize::try_from(bar - first_bar).unwrap_or(0)));
        if until <= rows.start {
            return 0;
        }
        let stamps = &columns.bars.timestamp[rows.start..until];
        let free = plan.filter.free_from_ns(self.last_fill_ns).map_or(0, |free_ns| rows_before(stamps, free_ns));
        let open = rows.start + free..until;
        let confidence = columns.confidence.map(|column| &column[open.clone()]);
        let direction = self.position.as_ref().map_or(0, |position| position.direction);
        let found = plan.filter.first_candidate(&columns.signals[open], confidence, direction);
        found.map_or(until - rows.start, |row| free + row)
    }
}

impl Stretch<'_> {
    /// Takes quiet rows up to the first one at which a level may be touched; returns how many.
    pub fn take(mut self, quiet: Range<usize>) -> usize {
        let marked = self.ledger.equity.len();
        let held = self.desk.position.is_some();
        let taken = match self.desk.position.take() {
            None => self.wait(quiet.clone()),
            Some(mut position) => {
                let guarded = self.is_guarded(&position);
                let taken = if guarded {
                    self.guard(&mut position, quiet.clone())
                } else {
                    self.drift(&mut position, quiet.clone())
                };
                self.desk.position = Some(position);
                taken
            }
        };
        let rows = quiet.start..quiet.start + taken;
        let (first_bar, stamps) = (self.rows.first_bar + rows.start as i64, &self.rows.bars.timestamp[rows.clone()]);
        match held {
            true => self.desk.metrics.mark_many(first_bar, stamps, &self.ledger.equity[marked..], true),
            false => self.desk.metrics.mark_flat(first_bar, stamps, self.desk.account.cash),
        }
        if self.plan.record_decisions {
            self.record(rows);
        }
        taken
    }

    /// Flat.
    fn wait(&mut self, rows: Range<usize>) -> usize {
        let equity = &mut self.ledger.equity;
        equity.resize(equity.len() + rows.len(), self.desk.account.cash);
        rows.len()
    }

    fn is_guarded(&self, position: &Position) -> bool {
        let levels = position.stop.is_some() || position.target.is_some() || position.trailing.is_some();
        levels || position.requirement.is_some() || self.plan.carry(position.net()).is_some()
    }

    /// With a position that has no level and no charge.
    fn drift(&mut self, position: &mut Position, rows: Range<usize>) -> usize {
        let bars = self.rows.bars.rows(rows.start, rows.end);
        let (lowest, highest) = lanes::outermost(bars.low, bars.high);
        position.see(highest);
        position.see(lowest);
        let (account, net, multiplier) = (self.desk.account, position.net(), self.plan.multiplier());
        let closes = bars.close.iter();
        match bars.conversion_rate {
            None => self.ledger.equity.extend(closes.map(|&close| account.equity(net, close, multiplier, 1.0))),
            Some(rates) => {
                let rows = closes.zip(rates);
                self.ledger.equity.extend(rows.map(|(&close, &rate)| account.equity(net, close, multiplier, rate)));
            }
        }
        rows.len()
    }

    /// With a position whose levels and charges are looked after at each bar.
    fn guard(&mut self, position: &mut Position, rows: Range<usize>) -> usize {
        let (net, multiplier) = (position.net(), self.plan.multiplier());
        let units = position.quantity * multiplier;
        let carry = self.plan.carry(net);
        let follows = self.plan.execution().exits.trail_on;
        // Their own variables, not the desk's: registers instead of memory.
        let (mut account, mut financing) = (self.desk.account, *self.desk.metrics.financing());
        let mut past = self.rows.past(rows.start);
        let mut index = rows.start;
        while index < rows.end {
            let row = self.rows.row(index);
            let charge = carry.map_or(0.0, |carry| carry.charge(units, &past, row.time));
            let charged = account.paid(charge);
            let liquidation = position.requirement.map(|equity| charged.price_at(equity, net, multiplier, past.rate));
            if !exits::untouched(position, liquidation, row.low, row.high, past.half_spread) {
                break;
            }
            if carry.is_some() {
                position.financing += charge;
                financing.add(charge);
                account = charged;
            }
            position.see(row.high);
            position.see(row.low);
            self.ledger.equity.push(account.equity(net, row.close, multiplier, row.rate));
            position.trail_after(follows, &row);
            past = self.rows.leaves(index);
            index += 1;
        }
        self.desk.account = account;
        *self.desk.metrics.financing() = financing;
        index - rows.start
    }

    fn record(&mut self, rows: Range<usize>) {
        let direction = self.desk.position.as_ref().map_or(0, |position| position.direction);
        for row in rows {
            let (signal, confidence) = (self.columns.signals[row], self.columns.confidence(row));
            let stamp = self.columns.bars.timestamp[row];
            let verdict = self.plan.filter.judge(signal, confidence, stamp, self.desk.last_fill_ns, direction);
            if let Verdict::Pass(decision) = verdict {
                self.ledger.decisions.push(DecisionRow { signal, confidence, code: decision as u8 });
            }
        }
    }
}
