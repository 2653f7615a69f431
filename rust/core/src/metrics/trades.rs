//! Statistics of closed round trips.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ledger::schema::Trade;
use crate::metrics::sums::{Sum, Variance, is_zero_deviation};
use crate::metrics::undefined::{Metric, Undefined};

/// Statistics of trades, without the trades themselves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TradeStats {
    net: Variance,
    net_total: Sum,
    gross_total: Sum,
    return_rates: Sum,
    wins: Side,
    losses: Side,
    bars_held: i64,
}

/// One side of the trades: those that won, or those that lost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Side {
    count: u64,
    total: Sum,
    largest: f64,
    streak: u64,
    longest_streak: u64,
}

impl Side {
    /// Counts a round trip on its side, or on neither: without a branch, since nobody can tell which side comes next.
    #[inline(always)]
    fn count(&mut self, net_pnl: f64, is_of_side: bool, ends_streak: bool) {
        self.count += u64::from(is_of_side);
        let is_largest = is_of_side & (net_pnl.abs() > self.largest.abs());
        self.largest = if is_largest { net_pnl } else { self.largest };
        self.streak = if ends_streak { 0 } else { self.streak + u64::from(is_of_side) };
        self.longest_streak = self.longest_streak.max(self.streak);
    }

    fn average(&self) -> f64 {
        self.total.value() / self.count as f64
    }
}

impl TradeStats {
    /// Adds a closed round trip.
    pub fn add(&mut self, trade: &Trade) {
        self.net.add(trade.net_pnl);
        self.return_rates.add(trade.return_rate);
        self.bars_held += trade.bars_held;
        let net_pnl = trade.net_pnl;
        // A sum keeps its bits when 0 is added.
        let [won, lost] = [net_pnl > 0.0, net_pnl < 0.0].map(|is_of_side| if is_of_side { net_pnl } else { 0.0 });
        let sums = [&mut self.net_total, &mut self.gross_total, &mut self.wins.total, &mut self.losses.total];
        Sum::add_rows(sums, [[net_pnl, trade.gross_pnl, won, lost]]);
        // A trade without profit or loss ends both streaks.
        self.wins.count(net_pnl, net_pnl > 0.0, net_pnl <= 0.0);
        self.losses.count(net_pnl, net_pnl < 0.0, net_pnl >= 0.0);
    }

    /// Returns the number of round trips.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.net.count()
    }

    /// Returns the sum of net profits.
    #[must_use]
    pub fn net_total(&self) -> f64 {
        self.net_total.value()
    }

    /// Returns the sum of gross profits.
    #[must_use]
    pub fn gross_total(&self) -> f64 {
        self.gross_total.value()
    }

    /// Reports every metric of trades that needs no ledger.
    pub(super) fn report(&self, put: &mut impl FnMut(&'static str, Metric)) {
        put("trades", Ok(self.count() as f64));
        put("wins", Ok(self.wins.count as f64));
        put("losses", Ok(self.losses.count as f64));
        put("max_win_streak", Ok(self.wins.longest_streak as f64));
        put("max_loss_streak", Ok(self.losses.longest_streak as f64));
        put("win_rate", self.mean_of(self.wins.count as f64));
        put("expectancy", self.mean_of(self.net_total()));
        put("expectancy_rate", self.mean_of(self.return_rates.value()));
        put("avg_bars_held", self.mean_of(self.bars_held as f64));
        put("avg_win", self.winners().map(Side::average));
        put("avg_loss", self.losers().map(Side::average));
        put("largest_win", self.winners().map(|side| side.largest));
        put("largest_loss", self.losers().map(|side| side.largest));
        put("profit_factor", self.profit_factor());
        put("payoff", self.payoff());
        put("sqn", self.sqn());
    }

    /// Returns the profit factor: 0 without a win, even if nothing was lost.
    fn profit_factor(&self) -> Metric {
        self.any()?;
        if self.winners().is_err() {
            return Ok(0.0);
        }
        self.losers().map(|side| self.wins.total.value() / side.total.value().abs())
    }

    fn mean_of(&self, total: f64) -> Metric {
        self.any().map(|()| total / self.count() as f64)
    }

    fn any(&self) -> Result<(), Undefined> {
        if self.count() == 0 { Err(Undefined::NoTrades) } else { Ok(()) }
    }

    fn winners(&self) -> Result<&Side, Undefined> {
        self.any()?;
        if self.wins.count == 0 { Err(Undefined::NoWins) } else { Ok(&self.wins) }
    }

    fn losers(&self) -> Result<&Side, Undefined> {
        self.any()?;
        if self.losses.count == 0 { Err(Undefined::NoLosses) } else { Ok(&self.losses) }
    }

    fn payoff(&self) -> Metric {
        let average_win = self.winners()?.average();
        Ok(average_win / self.losers()?.average().abs())
    }

    /// Returns the system quality number: Van Tharp, "Definitive Guide to Position Sizing", 2008.
    fn sqn(&self) -> Metric {
        self.any()?;
        if self.count() < 2 {
            return Err(Undefined::TooFewTrades);
        }
        if is_zero_deviation(self.net.deviation(), self.net.mean()) {
            return Err(Undefined::ZeroDeviation);
        }
        Ok((self.count() as f64).sqrt() * self.net.mean() / self.net.deviation())
    }
}

/// Returns the median of bars held: of earlier round trips by their number, and of later ones, `[n_trades]`.
pub(super) fn median(earlier: &BTreeMap<i64, u64>, later: &[i64]) -> Metric {
    if earlier.is_empty() {
        return median_of(later);
    }
    let count = earlier.values().sum::<u64>() + later.len() as u64;
    let mut sorted = later.to_vec();
    sorted.sort_unstable();
    let ranked = |rank| ranked(earlier, &sorted, rank) as f64;
    let upper = ranked(count / 2);
    if count % 2 == 1 { Ok(upper) } else { Ok((ranked(count / 2 - 1) + upper) / 2.0) }
}

fn median_of(bars_held: &[i64]) -> Metric {
    if bars_held.is_empty() {
        return Err(Undefined::NoTrades);
    }
    let mut values = bars_held.to_vec();
    let middle = values.len() / 2;
    // Only the middle has to be in its place.
    let (below, &mut upper, _) = values.select_nth_unstable(middle);
    let lower = if bars_held.len() % 2 == 1 { None } else { below.iter().max() };
    Ok(lower.map_or(upper as f64, |&lower| (lower as f64 + upper as f64) / 2.0))
}

/// Returns the value before which `rank` others come, in the order of both columns together.
fn ranked(earlier: &BTreeMap<i64, u64>, sorted: &[i64], rank: u64) -> i64 {
    let mut before = 0;
    for (&length, &trips) in earlier {
        let shorter = sorted.partition_point(|later| *later < length) as u64;
        if rank < before + shorter {
            break;
        }
        if rank < before + shorter + trips {
            return length;
        }
        before += trips;
    }
    sorted[(rank - before) as usize]
}
