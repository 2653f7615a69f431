//! Stretches of bars at which nothing but the mark can change: between two candidate signals, without a level,
//! a deadline or a charge in between, a position only gains and loses. To the last bit the same as bar by bar.

use std::ops::Range;

use crate::desk::{Desk, Plan};
use crate::filter::Verdict;
use crate::lanes;
use crate::ledger::{DecisionRow, Ledger};
use crate::metrics::rows_before;
use crate::position::Position;
use crate::rows::Rows;
use crate::signal::Columns;

impl Desk {
    /// How many of the rows change nothing but the mark, from the first one on.
    pub(crate) fn quiet_rows(&self, plan: &Plan, columns: &Columns<'_>, first_bar: i64, rows: Range<usize>) -> usize {
        if self.pending.is_some() || !self.position.as_ref().is_none_or(|position| only_drifts(plan, position)) {
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
        let found = plan.filter.first_candidate(&columns.signals[open.clone()], confidence, direction);
        found.map_or(until - rows.start, |row| free + row)
    }

    /// Takes quiet rows.
    pub(crate) fn pass(
        &mut self,
        plan: &Plan,
        rows: &Rows<'_>,
        columns: &Columns<'_>,
        quiet: Range<usize>,
        ledger: &mut Ledger,
    ) {
        if plan.record_decisions {
            self.record(plan, columns, quiet.clone(), ledger);
        }
        let first_bar = rows.first_bar + quiet.start as i64;
        let bars = rows.bars.rows(quiet.start, quiet.end);
        let Some(position) = &mut self.position else {
            let cash = self.account.cash;
            ledger.equity.resize(ledger.equity.len() + bars.len(), cash);
            self.metrics.mark_flat(first_bar, bars.timestamp, cash);
            return;
        };
        position.see(lanes::highest(bars.high));
        position.see(lanes::lowest(bars.low));
        let (account, net, multiplier) = (self.account, position.net(), plan.multiplier());
        let start = ledger.equity.len();
        let closes = bars.close.iter();
        match bars.conversion_rate {
            None => ledger.equity.extend(closes.map(|&close| account.equity(net, close, multiplier, 1.0))),
            Some(rates) => {
                let rows = closes.zip(rates);
                ledger.equity.extend(rows.map(|(&close, &rate)| account.equity(net, close, multiplier, rate)));
            }
        }
        self.metrics.mark_many(first_bar, bars.timestamp, &ledger.equity[start..], true);
    }

    fn record(&self, plan: &Plan, columns: &Columns<'_>, quiet: Range<usize>, ledger: &mut Ledger) {
        let direction = self.position.as_ref().map_or(0, |position| position.direction);
        for row in quiet {
            let (signal, confidence) = (columns.signals[row], columns.confidence(row));
            let stamp = columns.bars.timestamp[row];
            if let Verdict::Pass(decision) = plan.filter.judge(signal, confidence, stamp, self.last_fill_ns, direction)
            {
                ledger.decisions.push(DecisionRow { signal, confidence, code: decision as u8 });
            }
        }
    }
}

fn only_drifts(plan: &Plan, position: &Position) -> bool {
    let levels = position.stop.is_some() || position.target.is_some() || position.trailing.is_some();
    !levels && position.requirement.is_none() && plan.financing_rate(position.net()) == 0.0
}
