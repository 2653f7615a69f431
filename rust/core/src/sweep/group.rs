//! Up to eight scenarios of one route in vector lanes, from round trip to round trip.
//!
//! A round trip asks of each scenario the same steps with other numbers: they are computed for all of them at once. A
//! scenario whose fills are not certain leaves its lane and walks the round trip by itself; its lane computes on, and
//! nobody looks at it until the scenario is back.

use wide::f64x8;

use crate::engine::fast::hold::Liquidation;
use crate::engine::leg::Leg;
use crate::engine::plan::Plan;
use crate::lanes::LANES;
use crate::ledger::tables::TradeMoney;
use crate::ledger::writer::LedgerWriter;
use crate::metrics::accumulator::FillCosts;
use crate::metrics::returns::{Point, Returns};
use crate::metrics::sums::Sum;
use crate::metrics::trades::TradeStats;
use crate::money::account::Account;
use crate::money::holding::Holding;
use crate::number::{InLanes, Truth};
use crate::rules::Execution;
use crate::sweep::candidates::Candidates;
use crate::sweep::falls::{Equity, Falls};
use crate::sweep::market::Market;
use crate::sweep::scenario::{Outcome, Scenario};
use crate::sweep::trips::{Trip, Trips};
use crate::sweep::walk::{Held, Scratch, Walker};

/// Fewest scenarios for which lanes pay: a step of eight takes about as long as two of one.
const FEWEST: usize = 2;

/// Most points of equity that wait for their returns: they stay in the first cache.
const MOST_POINTS: usize = 128;

/// Runs scenarios of one route, of which `trips` are the round trips; returns the outcome of each.
pub(super) fn together<'a>(
    market: &'a Market<'a>,
    candidates: &'a Candidates,
    trips: &Trips,
    plans: &[&'a Plan],
    scratch: &mut Scratch,
) -> impl Iterator<Item = Outcome> {
    let walker = |plan: &&'a Plan| Walker::new(market, candidates, plan);
    let mut groups: Vec<Group<'_>> =
        plans.chunks(LANES).map(|part| Group::new(part.iter().map(walker).collect())).collect();
    for at in 0..trips.trips.len() {
        groups.iter_mut().for_each(|group| group.step(at, trips, &mut scratch.journal));
    }
    groups.into_iter().flat_map(|group| group.apart(trips)).map(|walker| walker.end(trips, scratch))
}

/// Scenarios of one route that go from round trip to round trip together.
pub(super) struct Group<'a> {
    walkers: Vec<Walker<'a>>,
    /// `None` if they are too few, or do not all compute money by the same formulas: then each walks by itself.
    lanes: Option<Lanes>,
}

/// The money of scenarios in lanes.
struct Lanes {
    rules: Execution<f64x8>,
    balance: f64x8,
    /// Sums of notional, commission, slippage and spread.
    costs: [Sum<f64x8>; 4],
    trades: TradeStats<f64x8, f64x8>,
    /// Largest falls of equity so far.
    falls: Falls,
    /// Equity at the ends of periods that returns do not have yet.
    points: Vec<Point>,
    /// First row of which a point is here, by lane.
    since_row: [usize; LANES],
    /// One bit for each scenario whose money is here.
    members: u32,
    /// One bit for each of them that has joined at this round trip: other rows lie before its entry.
    new: u32,
    /// First round trip whose money is here, by lane.
    since: [usize; LANES],
}

/// The fills of a round trip, and what is held between them.
struct Fills {
    entry: Leg<f64x8>,
    exit: Leg<f64x8>,
    holding: Holding<f64x8>,
    /// Account between the fills.
    account: Account<f64x8>,
    /// One bit for each lane whose fills are certain.
    certain: u32,
}

impl<'a> Group<'a> {
    /// Puts scenarios into lanes, before their first round trip.
    pub fn new(walkers: Vec<Walker<'a>>) -> Self {
        let last = walkers.len() - 1;
        // Lanes without a scenario compute what the last one does.
        let rules = Execution::of_lanes(std::array::from_fn(|lane| walkers[lane.min(last)].execution()));
        let lanes = rules.filter(|_| walkers.len() >= FEWEST).map(Lanes::new);
        Self { walkers, lanes }
    }

    /// Simulates a round trip in all scenarios that have come to it.
    #[inline]
    pub fn step(&mut self, at: usize, trips: &Trips, journal: &mut LedgerWriter) {
        let Self { walkers, lanes } = self;
        match lanes {
            Some(lanes) => lanes.step(walkers, at, trips, journal),
            None => walkers.iter_mut().for_each(|walker| walker.step(at, trips, journal)),
        }
    }

    /// Gives all scenarios their money back, after the last round trip.
    pub fn apart(mut self, trips: &Trips) -> Vec<Walker<'a>> {
        if let Some(lanes) = &mut self.lanes {
            let members = lanes.members;
            lanes.part(members, &mut self.walkers, trips.trips.len(), trips);
        }
        self.walkers
    }
}

impl Lanes {
    fn new(rules: Execution<f64x8>) -> Self {
        Self {
            rules,
            balance: f64x8::default(),
            costs: [Sum::default(); 4],
            trades: TradeStats::default(),
            falls: Falls::default(),
            points: Vec::new(),
            since_row: [0; LANES],
            members: 0,
            new: 0,
            since: [0; LANES],
        }
    }

    fn step(&mut self, walkers: &mut [Walker<'_>], at: usize, trips: &Trips, journal: &mut LedgerWriter) {
        let all = (1 << walkers.len()) - 1;
        if self.members != all {
            self.join(all & !self.members, walkers, at);
        }
        let trip = &trips.trips[at];
        let fills = self.fills(trip);
        let uncertain = self.members & !fills.certain;
        if uncertain != 0 {
            // Before anything of this round trip is booked.
            self.part(uncertain, walkers, at, trips);
        }
        self.mark(trip, &fills, walkers, at, trips);
        self.book(trip, fills);
        lanes_of(all & !self.members).for_each(|lane| walkers[lane].step(at, trips, journal));
    }

    /// Takes in the money of scenarios that have come to a round trip.
    #[cold]
    fn join(&mut self, lanes: u32, walkers: &mut [Walker<'_>], at: usize) {
        for lane in lanes_of(lanes) {
            if walkers[lane].next != at {
                continue;
            }
            let Scenario { state, row, .. } = &mut walkers[lane].scenario;
            self.since_row[lane] = *row;
            self.balance.set_lane(lane, &state.account.balance);
            self.falls.join(lane, state.metrics.drawdown());
            let (costs, trades) = state.metrics.money_mut(0);
            self.costs.iter_mut().zip(costs).for_each(|(sums, sum)| sums.set_lane(lane, sum));
            self.trades.set_lane(lane, trades);
            self.since[lane] = at;
            self.members |= 1 << lane;
            self.new |= 1 << lane;
        }
    }

    /// Gives scenarios their money back, before a round trip.
    #[cold]
    fn part(&mut self, lanes: u32, walkers: &mut [Walker<'_>], at: usize, trips: &Trips) {
        self.add_returns(lanes, walkers);
        for lane in lanes_of(lanes) {
            let walker = &mut walkers[lane];
            self.arrive(lane, walker, at, trips);
            let walked = self.since[lane]..at;
            let state = &mut walker.scenario.state;
            let last = trips.trips[walked.clone()].last();
            state.last_fill_ns = last.map_or(state.last_fill_ns, |trip| Some(trip.exit_ns));
            let (costs, trades) = state.metrics.money_mut(2 * walked.len() as u64);
            costs.into_iter().zip(&self.costs).for_each(|(sum, sums)| *sum = sums.lane(lane));
            trades.replace_money(self.trades.lane(lane), trips.bars_held[walked].iter().sum());
            self.members &= !(1 << lane);
        }
    }

    /// Adds the points that wait to the returns of scenarios.
    #[cold]
    fn add_returns(&mut self, lanes: u32, walkers: &mut [Walker<'_>]) {
        let Some(first) = self.points.first() else { return };
        let are_all = lanes_of(lanes).count() == walkers.len();
        if are_all && self.since_row[..walkers.len()].iter().all(|&row| row <= first.period.row) {
            let returns = walkers.iter_mut().map(|walker| walker.scenario.state.metrics.curve_mut().1);
            Returns::note_together(&mut returns.collect::<Vec<_>>(), &self.points);
            return;
        }
        for lane in lanes_of(lanes) {
            let (_, returns) = walkers[lane].scenario.state.metrics.curve_mut();
            let own = self.points.iter().filter(|point| point.period.row >= self.since_row[lane]);
            own.for_each(|point| returns.note(point.period.end_ns, point.equity.lane(lane)));
        }
    }

    /// Brings account, fall and row of a scenario up to a round trip.
    fn arrive(&mut self, lane: usize, walker: &mut Walker<'_>, at: usize, trips: &Trips) {
        let Walker { scenario, next, .. } = walker;
        scenario.state.account.balance = self.balance.lane(lane);
        self.falls.tell(lane, scenario.state.metrics.curve_mut().0);
        scenario.row = trips.trips[..at].last().map_or(scenario.row, |before| scenario.row.max(before.exit_row));
        *next = at;
    }

    /// Computes the fills; as `Walker::fills`.
    #[inline(always)]
    fn fills(&self, trip: &Trip) -> Fills {
        let rules = &self.rules;
        let equity = self.balance;
        let direction = trip.opening.side();
        let (entry, enters) = Leg::opening_at_once(rules, &trip.opening, &trip.entry, equity);
        let (exit, exits) = Leg::closing_at_once(rules, direction, entry.quantity, &trip.exit);
        let mut account = Account::new(equity);
        entry.pay(rules, &mut account);
        let holding = Holding::without_charge(rules, f64x8::from(f64::from(direction)) * entry.quantity);
        let is_borrowed = entry.is_borrowed(equity);
        let mut is_safe = !is_borrowed;
        if !is_safe.everywhere() {
            let liquidation = Liquidation::new(entry.maintenance(rules), &holding, account.quote_cash, trip.prices);
            is_safe |= liquidation.is_far_from(account.balance, f64x8::from(1.0));
        }
        let certain = (enters & exits & is_safe).to_bitmask();
        Fills { entry, exit, holding, account, certain }
    }

    /// Adds the equity of the rows before the entry, and of those between the fills; as `Walker::mark_drawdown`.
    #[inline(always)]
    fn mark(&mut self, trip: &Trip, fills: &Fills, walkers: &mut [Walker<'_>], at: usize, trips: &Trips) {
        let Fills { holding, account, .. } = fills;
        let Scenario { market, rows, .. } = &walkers[0].scenario;
        let closes = rows.bars.close;
        let before = trips.trips[..at].last();
        let flat = before.map_or(market.spec.warmup_bars as usize, |before| before.exit_row)..trip.entry_row;
        let held = |close| holding.equity(account, f64x8::from(close), f64x8::from(1.0));
        if trip.ends_period {
            self.note_points(walkers, trip, flat.start, |row| held(closes[row]));
        }
        let equity = Equity { trip, closes, at: held, flat, balance: self.balance };
        // The rows before the entry are others for a scenario that has just come.
        let alone = self.falls.mark(&equity, self.members & !self.new) | self.members & self.new;
        for lane in lanes_of(alone) {
            let walker = &mut walkers[lane];
            self.arrive(lane, walker, at, trips);
            walker.mark_drawdown(&Held { trip, holding: holding.lane(lane), account: account.lane(lane) });
            self.falls.join(lane, walker.scenario.state.metrics.drawdown());
        }
        self.new = 0;
    }

    /// Notes the equity at the periods that end from a row on before the exit; as `Walker::mark_returns`.
    #[inline(always)]
    fn note_points(&mut self, walkers: &mut [Walker<'_>], trip: &Trip, from: usize, held: impl Fn(usize) -> f64x8) {
        if self.points.len() >= MOST_POINTS {
            self.add_returns(self.members, walkers);
            self.points.clear();
        }
        let ends = walkers[0].scenario.market.periods.from(from);
        for &period in ends.iter().take_while(|period| period.row < trip.exit_row) {
            let equity = if period.row < trip.entry_row { self.balance } else { held(period.row) };
            self.points.push(Point { period, equity });
        }
    }

    /// Books both fills and the round trip; as `Walker::book`.
    #[inline(always)]
    fn book(&mut self, trip: &Trip, fills: Fills) {
        let Fills { entry, exit, mut account, .. } = fills;
        let rules = &self.rules;
        exit.pay(rules, &mut account);
        let gross_pnl = account.settle(f64x8::from(exit.priced.rate));
        let [notionals, commissions, slippages, spreads] = &mut self.costs;
        for (leg, quote) in [(&entry, &trip.entry), (&exit, &trip.exit)] {
            let FillCosts { notional, commission, slippage, spread } = leg.costs(rules);
            notionals.add(notional);
            commissions.add(commission);
            slippages.add(slippage);
            // A sum keeps its bits when 0 is added.
            if quote.half_spread != 0.0 {
                spreads.add(spread);
            }
        }
        let commission = entry.commission + exit.commission;
        self.trades.add_money(&TradeMoney::of(gross_pnl, commission, f64x8::from(0.0), entry.notional));
        self.balance = account.balance;
    }
}

/// Returns the lanes of a mask.
fn lanes_of(mask: u32) -> impl Iterator<Item = usize> {
    let without_lowest = |mask: &u32| Some(mask & (mask - 1)).filter(|&rest| rest != 0);
    std::iter::successors(Some(mask).filter(|&mask| mask != 0), without_lowest)
        .map(|mask| mask.trailing_zeros() as usize)
}
