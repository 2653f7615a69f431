//! Statistics of closed round trips.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wide::f64x8;

use crate::ledger::schema::Trade;
use crate::ledger::tables::TradeMoney;
use crate::metrics::sums::{Sum, Variance, is_zero_deviation};
use crate::metrics::undefined::{Metric, Undefined};
use crate::number::{Count, InLanes, Number};

/// Statistics of trades, without the trades themselves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TradeStats<N = f64, C = u64> {
    net: Variance<N, C>,
    net_total: Sum<N>,
    gross_total: Sum<N>,
    return_rates: Sum<N>,
    wins: Side<N, C>,
    losses: Side<N, C>,
    bars_held: i64,
}

/// Lengths of round trips that are counted one by one.
const LENGTHS: usize = 256;

/// One side of the trades: those that won, or those that lost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Side<N = f64, C = u64> {
    count: C,
    total: Sum<N>,
    largest: N,
    streak: C,
    longest_streak: C,
}

impl<N: Number> Side<N, N::Count> {
    /// Counts a round trip on its side, or on neither: without a branch, since nobody can tell which side comes next.
    #[inline(always)]
    fn count(&mut self, net_pnl: N, is_of_side: N::Is, ends_streak: N::Is, is_largest: N::Is) {
        self.count = self.count.one_more(is_of_side);
        self.largest = N::pick(is_largest, net_pnl, self.largest);
        self.streak = self.streak.one_more(is_of_side).begin_again(ends_streak);
        self.longest_streak = self.longest_streak.larger(self.streak);
    }
}

impl InLanes for Side<f64x8, f64x8> {
    type One = Side;

    fn lane(&self, lane: usize) -> Side {
        let counts = [self.count, self.streak, self.longest_streak];
        let [count, streak, longest_streak] = counts.map(|count| count.lane(lane) as u64);
        Side { count, total: self.total.lane(lane), largest: self.largest.lane(lane), streak, longest_streak }
    }

    fn set_lane(&mut self, lane: usize, one: &Side) {
        self.count.set_lane(lane, &(one.count as f64));
        self.total.set_lane(lane, &one.total);
        self.largest.set_lane(lane, &one.largest);
        self.streak.set_lane(lane, &(one.streak as f64));
        self.longest_streak.set_lane(lane, &(one.longest_streak as f64));
    }
}

impl Side {
    fn average(&self) -> f64 {
        self.total.value() / self.count as f64
    }
}

impl<N: Number> TradeStats<N, N::Count> {
    /// Adds the money of a closed round trip.
    #[inline(always)]
    pub(crate) fn add_money(&mut self, money: &TradeMoney<N>) {
        let (sums, terms) = self.note(money);
        Sum::add_row(sums, terms);
    }

    /// Adds the money of a round trip, but for four sums of it; returns these with their terms.
    #[inline(always)]
    fn note(&mut self, money: &TradeMoney<N>) -> ([&mut Sum<N>; 4], [N; 4]) {
        let TradeMoney { gross_pnl, net_pnl, return_rate } = *money;
        self.net.add(net_pnl);
        self.return_rates.add(return_rate);
        let nothing = N::from(0.0);
        let [has_won, has_lost] = [net_pnl.is_above(nothing), nothing.is_above(net_pnl)];
        // A sum keeps its bits when 0 is added.
        let [won, lost] = [has_won, has_lost].map(|is_of_side| N::pick(is_of_side, net_pnl, nothing));
        // A trade without profit or loss ends both streaks.
        let ends = [nothing.is_at_least(net_pnl), net_pnl.is_at_least(nothing)];
        // The largest win is never below 0, nor the largest loss above it: only one of its side is beyond it.
        let is_largest = [net_pnl.is_above(self.wins.largest), self.losses.largest.is_above(net_pnl)];
        self.wins.count(net_pnl, has_won, ends[0], is_largest[0]);
        self.losses.count(net_pnl, has_lost, ends[1], is_largest[1]);
        let sums = [&mut self.net_total, &mut self.gross_total, &mut self.wins.total, &mut self.losses.total];
        (sums, [net_pnl, gross_pnl, won, lost])
    }
}

impl InLanes for TradeStats<f64x8, f64x8> {
    type One = TradeStats;

    fn lane(&self, lane: usize) -> TradeStats {
        TradeStats {
            net: self.net.lane(lane),
            net_total: self.net_total.lane(lane),
            gross_total: self.gross_total.lane(lane),
            return_rates: self.return_rates.lane(lane),
            wins: self.wins.lane(lane),
            losses: self.losses.lane(lane),
            bars_held: self.bars_held,
        }
    }

    fn set_lane(&mut self, lane: usize, one: &TradeStats) {
        self.net.set_lane(lane, &one.net);
        self.net_total.set_lane(lane, &one.net_total);
        self.gross_total.set_lane(lane, &one.gross_total);
        self.return_rates.set_lane(lane, &one.return_rates);
        self.wins.set_lane(lane, &one.wins);
        self.losses.set_lane(lane, &one.losses);
    }
}

impl TradeStats {
    /// Adds a closed round trip.
    pub fn add(&mut self, trade: &Trade) {
        let (sums, terms) = self.note(&trade.money());
        Sum::add_rows(sums, [terms]);
        self.bars_held += trade.bars_held;
    }

    /// Replaces the statistics of money, and adds the bars held of the round trips that are new in them.
    pub(crate) fn replace_money(&mut self, money: Self, bars_held: i64) {
        *self = Self { bars_held: self.bars_held + bars_held, ..money };
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
    if let Some(median) = counted_median(bars_held) {
        return Ok(median);
    }
    let mut values = bars_held.to_vec();
    let middle = values.len() / 2;
    // Only the middle has to be in its place.
    let (below, &mut upper, _) = values.select_nth_unstable(middle);
    let lower = if bars_held.len() % 2 == 1 { None } else { below.iter().max() };
    Ok(lower.map_or(upper as f64, |&lower| (lower as f64 + upper as f64) / 2.0))
}

/// Returns the median of many short round trips: counted by their length, none of them has to move.
fn counted_median(bars_held: &[i64]) -> Option<f64> {
    if bars_held.len() < LENGTHS {
        return None;
    }
    let mut counts = [0_usize; LENGTHS];
    // The last count is that of all longer ones.
    bars_held
        .iter()
        .for_each(|&bars| counts[usize::try_from(bars).map_or(LENGTHS - 1, |bars| bars.min(LENGTHS - 1))] += 1);
    let ranked = |rank: usize| {
        let mut before = 0;
        let passed = |count: &usize| {
            before += count;
            before > rank
        };
        counts.iter().position(passed).filter(|&length| length < LENGTHS - 1)
    };
    let [lower, upper] = [(bars_held.len() - 1) / 2, bars_held.len() / 2].map(ranked);
    Some((lower? as f64 + upper? as f64) / 2.0)
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
