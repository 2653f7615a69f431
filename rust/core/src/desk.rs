//! One bar, in order: financing, pending order, exits, decision, end of data, mark, trailing.
//!
//! `Desk` owns all state the loop carries; `Simulation` feeds it rows.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::Error;
use crate::exits::{self, Exit, Reason};
use crate::fill::{self, Priced, Quote};
use crate::filter::{Decision, Filter, Verdict};
use crate::ledger::{DecisionRow, Fill, Ledger, Refusal, Trade};
use crate::metrics::{Accumulator, Calendar, FillCosts};
use crate::order::Order;
use crate::position::Position;
use crate::rules::{FillMode, OnOpposite, Rules, Sizing, TrailOn};
use crate::sizing::{self, Grant, Offer};

/// One row of the input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Index from the first bar ever fed.
    pub bar: i64,
    /// Bar open, ns UTC.
    pub time: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Half spread as of the close.
    pub half_spread: f64,
    /// ATR as of the close, NaN without a column.
    pub atr: f64,
    /// Conversion rate as of the close.
    pub rate: f64,
}

impl Row {
    fn range(&self) -> f64 {
        self.high - self.low
    }

    fn at_close(&self, previous: Option<&Self>) -> Quote {
        let range = previous.unwrap_or(self).range();
        Quote {
            reference: self.close,
            half_spread: self.half_spread,
            range,
            rate: self.rate,
        }
    }
}

/// The rules of a run with what is derived from them once.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The rules.
    pub rules: Rules,
    /// The signal filter.
    pub filter: Filter,
    /// First simulated bar.
    pub first_bar: i64,
    /// Whether decisions are written down.
    pub record_decisions: bool,
}

impl Plan {
    /// Derives the filter.
    #[must_use]
    pub fn new(rules: Rules, first_bar: i64, record_decisions: bool) -> Self {
        let filter = Filter::new(&rules.decisions, rules.execution.allow_short);
        Self {
            rules,
            filter,
            first_bar,
            record_decisions,
        }
    }

    fn multiplier(&self) -> f64 {
        self.rules.execution.instrument.contract_multiplier
    }

    fn window(&self) -> usize {
        match self.rules.execution.sizing {
            Sizing::VolatilityTarget { window, .. } => window,
            _ => 0,
        }
    }
}

/// All state that the loop carries from bar to bar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Desk {
    /// Cash.
    pub account: Account,
    /// Open position.
    pub position: Option<Position>,
    /// Order that waits for the next open.
    pub pending: Option<Order>,
    /// Stamp of the last fill.
    pub last_fill_ns: Option<i64>,
    /// Row before the next one.
    pub previous: Option<Row>,
    /// Stamps and closes of the last `window + 1` rows, for volatility sizing.
    pub closes: VecDeque<(i64, f64)>,
    /// Number of the next round trip.
    pub next_trade_id: i64,
    /// What has been added up.
    pub tally: Accumulator,
}

impl Desk {
    /// Starts flat.
    #[must_use]
    pub fn new(plan: &Plan, calendar: Calendar, initial_capital: f64) -> Self {
        Self {
            account: Account {
                cash: initial_capital,
                quote_cash: 0.0,
            },
            position: None,
            pending: None,
            last_fill_ns: None,
            previous: None,
            closes: VecDeque::new(),
            next_trade_id: 0,
            tally: Accumulator::new(initial_capital, calendar, plan.rules.metrics.risk_free_rate),
        }
    }

    /// Takes one row; rows before the first simulated bar only serve as history.
    ///
    /// # Errors
    /// `FillPrice` where a market fill's price after costs is not positive.
    pub fn step(
        &mut self,
        plan: &Plan,
        row: &Row,
        signal: (i8, f32),
        last: bool,
        book: &mut Ledger,
    ) -> Result<(), Error> {
        self.remember(plan, row);
        if row.bar >= plan.first_bar {
            self.trade_bar(plan, row, signal, last, book)?;
        }
        self.previous = Some(*row);
        Ok(())
    }

    fn remember(&mut self, plan: &Plan, row: &Row) {
        let window = plan.window();
        if window > 0 {
            self.closes.push_back((row.time, row.close));
            if self.closes.len() > window + 1 {
                self.closes.pop_front();
            }
        }
    }

    fn trade_bar(
        &mut self,
        plan: &Plan,
        row: &Row,
        signal: (i8, f32),
        last: bool,
        book: &mut Ledger,
    ) -> Result<(), Error> {
        self.charge_financing(plan, row);
        self.execute_pending(plan, row, book)?;
        self.exit_inside(plan, row, book)?;
        self.decide(plan, row, signal, last, book)?;
        if last {
            self.end_of_data(plan, row, book)?;
        }
        self.mark(plan, row, book);
        self.move_trailing(plan, row);
        Ok(())
    }

    fn charge_financing(&mut self, plan: &Plan, row: &Row) {
        let (Some(position), Some(previous)) = (&mut self.position, &self.previous) else {
            return;
        };
        let rules = &plan.rules.execution.financing;
        let annual = if position.direction > 0 {
            rules.long_rate
        } else {
            rules.short_rate
        };
        if annual == 0.0 {
            return;
        }
        let notional = position.quantity
            * previous.close
            * plan.rules.execution.instrument.contract_multiplier
            * previous.rate;
        let days = (row.time - previous.time) as f64 / 86_400e9;
        let charge = notional * annual * days / rules.day_count;
        position.financing += charge;
        self.tally.finance(charge);
        self.account.pay(charge);
    }

    fn execute_pending(&mut self, plan: &Plan, row: &Row, book: &mut Ledger) -> Result<(), Error> {
        let Some(order) = self.pending.take() else {
            return Ok(());
        };
        if let Some(position) = &mut self.position {
            position.see(row.open);
        }
        let quote = quote_inside(self.previous.as_ref(), row);
        self.execute(plan, row, &order, &quote, false, book)
    }

    fn execute(
        &mut self,
        plan: &Plan,
        row: &Row,
        order: &Order,
        quote: &Quote,
        at_close: bool,
        book: &mut Ledger,
    ) -> Result<(), Error> {
        let rules = &plan.rules.execution;
        if self.position.is_some() {
            let reason = if order.confidence.is_some() {
                Reason::Signal
            } else {
                Reason::MaxHolding
            };
            self.close_at_market(plan, row, quote, reason, order.confidence, book)?;
            let may_open = order.side > 0 || rules.allow_short;
            let reverses = rules.on_opposite == OnOpposite::Reverse && order.confidence.is_some();
            if !(reverses && may_open) {
                return Ok(());
            }
        }
        self.open(plan, row, order, quote, at_close, book)
    }

    fn open(
        &mut self,
        plan: &Plan,
        row: &Row,
        order: &Order,
        quote: &Quote,
        at_close: bool,
        book: &mut Ledger,
    ) -> Result<(), Error> {
        let rules = &plan.rules.execution;
        let side = f64::from(order.side);
        let priced = fill::at_market(rules, side, quote);
        require_positive(row, priced.price)?;
        let exits = &rules.exits;
        let levels = [exits.stop_loss, exits.take_profit, exits.trailing_stop];
        let distances =
            levels.map(|level| level.map(|level| exits::distance(level, priced.price, order.atr)));
        if distances.contains(&Some(None)) {
            self.refuse(row, order.side, None, 2, book);
            return Ok(());
        }
        let unit = plan.multiplier() * quote.rate;
        let equity = self.account.cash;
        let offer = Offer {
            equity,
            unit_value: quote.reference * unit,
            unit_cost: priced.price * unit,
            sigma: order.sigma,
        };
        let (wanted, reason) = match sizing::size(rules, &offer) {
            Grant::Quantity(quantity) => {
                let [stop, target, trail] = distances.map(Option::flatten);
                let mut position = self.enter(plan, row, order, &priced, quantity, book);
                position.entered_at_close = at_close;
                position.stop = stop.map(|d| priced.price - side * d);
                position.target = target.map(|d| priced.price + side * d);
                position.trailing = trail.map(|d| priced.price - side * d);
                position.trail_distance = trail.unwrap_or(0.0);
                self.position = Some(position);
                return Ok(());
            }
            Grant::Volatility => (None, 3),
            Grant::BelowLot(wanted) => (Some(wanted), 4),
            Grant::Margin(wanted) => (Some(wanted), 5),
        };
        self.refuse(row, order.side, wanted, reason, book);
        Ok(())
    }

    /// Books the opening fill and returns the position without its levels.
    fn enter(
        &mut self,
        plan: &Plan,
        row: &Row,
        order: &Order,
        priced: &Priced,
        quantity: f64,
        book: &mut Ledger,
    ) -> Position {
        let margin = &plan.rules.execution.margin;
        let equity = self.account.cash;
        let notional = quantity * priced.price * plan.multiplier() * priced.rate;
        let trade_id = self.next_trade_id;
        self.next_trade_id += 1;
        let fill = self.book_fill(
            plan,
            row,
            order.side,
            quantity,
            priced,
            trade_id,
            Reason::Signal,
            book,
        );
        let borrowed = order.side < 0 || notional + fill.commission > equity * (1.0 + 1e-12);
        Position {
            trade_id,
            direction: order.side,
            quantity,
            entry_bar: row.bar,
            entry_ns: row.time,
            entered_at_close: false,
            entry_price: priced.price,
            entry_notional: notional,
            entry_confidence: order.confidence.unwrap_or(f32::NAN),
            commission: fill.commission,
            financing: 0.0,
            slippage: fill.slippage,
            spread: fill.spread,
            highest: priced.price,
            lowest: priced.price,
            stop: None,
            target: None,
            trailing: None,
            trail_distance: 0.0,
            requirement: borrowed.then(|| margin.maintenance * notional / margin.max_leverage),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn book_fill(
        &mut self,
        plan: &Plan,
        row: &Row,
        side: i8,
        quantity: f64,
        priced: &Priced,
        trade_id: i64,
        reason: Reason,
        book: &mut Ledger,
    ) -> Fill {
        let units = quantity * plan.multiplier();
        let notional = units * priced.price * priced.rate;
        let commission =
            crate::cost::commission(&plan.rules.execution.commission, notional, quantity);
        let (slippage, spread) = priced.costs(f64::from(side), units);
        self.account
            .trade(f64::from(side) * quantity, priced.price, plan.multiplier());
        self.account.pay(commission);
        self.last_fill_ns = Some(row.time);
        self.tally.fill(FillCosts {
            notional,
            commission,
            slippage,
            spread,
        });
        let fill = Fill {
            bar: row.bar,
            time: row.time,
            trade_id,
            side,
            quantity,
            price: priced.price,
            reference_price: priced.reference,
            commission,
            slippage,
            spread,
            reason: reason as u8,
        };
        book.fills.push(fill);
        fill
    }

    fn close_at_market(
        &mut self,
        plan: &Plan,
        row: &Row,
        quote: &Quote,
        reason: Reason,
        confidence: Option<f32>,
        book: &mut Ledger,
    ) -> Result<(), Error> {
        let Some(position) = &self.position else {
            return Ok(());
        };
        let priced = fill::at_market(&plan.rules.execution, -position.sign(), quote);
        require_positive(row, priced.price)?;
        self.close(plan, row, &priced, reason, confidence, book);
        Ok(())
    }

    /// Books the closing fill and the round trip.
    fn close(
        &mut self,
        plan: &Plan,
        row: &Row,
        priced: &Priced,
        reason: Reason,
        confidence: Option<f32>,
        book: &mut Ledger,
    ) {
        let Some(mut position) = self.position.take() else {
            return;
        };
        let fill = self.book_fill(
            plan,
            row,
            -position.direction,
            position.quantity,
            priced,
            position.trade_id,
            reason,
            book,
        );
        let gross_pnl = self.account.settle(priced.rate);
        position.see(priced.price);
        position.commission += fill.commission;
        position.slippage += fill.slippage;
        position.spread += fill.spread;
        let net_pnl = gross_pnl - position.commission - position.financing;
        let trade = closed_trade(
            &position,
            row,
            priced,
            plan.multiplier(),
            gross_pnl,
            net_pnl,
            reason,
            confidence,
        );
        self.tally.trade(&trade);
        book.trades.push(trade);
    }

    fn exit_inside(&mut self, plan: &Plan, row: &Row, book: &mut Ledger) -> Result<(), Error> {
        let Some(position) = &mut self.position else {
            return Ok(());
        };
        position.see(row.open);
        let quote = quote_inside(self.previous.as_ref(), row);
        let liquidation = self
            .account
            .liquidation_price(position, plan.multiplier(), quote.rate);
        let prices = [row.open, row.high, row.low, row.close];
        let Some(found) = exits::inside(
            position,
            liquidation,
            prices,
            quote.half_spread,
            plan.rules.execution.intrabar,
        ) else {
            position.see(row.high);
            position.see(row.low);
            return Ok(());
        };
        let (priced, reason) = price_exit(plan, position, &quote, found.exit);
        require_positive(row, priced.price)?;
        if let Some((adverse, target)) = found.ambiguous {
            let taken = self.net_if_closed(plan, &priced);
            let [worse, better] = [adverse, target].map(|exit| self.net_at(plan, &quote, exit));
            self.tally.ambiguous(worse - taken, better - taken);
        }
        self.close(plan, row, &priced, reason, None, book);
        Ok(())
    }

    fn net_at(&self, plan: &Plan, quote: &Quote, exit: Exit) -> f64 {
        let Some(position) = &self.position else {
            return 0.0;
        };
        self.net_if_closed(plan, &price_exit(plan, position, quote, exit).0)
    }

    /// Net P&L of the open position had it left at that price.
    fn net_if_closed(&self, plan: &Plan, priced: &Priced) -> f64 {
        let Some(position) = &self.position else {
            return 0.0;
        };
        let gross =
            self.account
                .open_gross(Some(position), priced.price, plan.multiplier(), priced.rate);
        let notional = position.quantity * plan.multiplier() * priced.price * priced.rate;
        let commission = crate::cost::commission(
            &plan.rules.execution.commission,
            notional,
            position.quantity,
        );
        gross - position.commission - commission - position.financing
    }

    fn decide(
        &mut self,
        plan: &Plan,
        row: &Row,
        signal: (i8, f32),
        last: bool,
        book: &mut Ledger,
    ) -> Result<(), Error> {
        let (side, confidence) = signal;
        self.tally.undefined(u64::from(confidence.is_nan()));
        let direction = self
            .position
            .as_ref()
            .map_or(0, |position| position.direction);
        let verdict = plan
            .filter
            .judge(side, confidence, row.time, self.last_fill_ns, direction);
        let (mut code, mut order) = match verdict {
            Verdict::Order => (
                Decision::Traded,
                Some(self.order(plan, row, side, Some(confidence))),
            ),
            Verdict::Pass(decision) => (decision, None),
            Verdict::AlreadyInPosition => {
                self.refuse(row, side, None, 0, book);
                (Decision::Position, None)
            }
        };
        if order.is_none() && self.held_long_enough(plan, row) {
            code = Decision::MaxHolding;
            order = Some(self.order(plan, row, -direction, None));
        }
        if plan.record_decisions {
            book.decisions.push(DecisionRow {
                signal: side,
                confidence,
                code: code as u8,
            });
        }
        match order {
            Some(order) if plan.rules.execution.fill == FillMode::ThisClose => {
                self.execute_now(plan, row, &order, last, book)
            }
            other => {
                self.pending = other;
                Ok(())
            }
        }
    }

    fn order(&self, plan: &Plan, row: &Row, side: i8, confidence: Option<f32>) -> Order {
        let window = plan.window();
        let enough = window > 0 && self.closes.len() == window + 1;
        let sigma = if enough {
            sizing::annual_volatility(self.closes.iter().copied())
        } else {
            None
        };
        Order {
            side,
            confidence,
            atr: row.atr,
            sigma,
        }
    }

    fn held_long_enough(&self, plan: &Plan, row: &Row) -> bool {
        let (Some(position), Some(bars)) =
            (&self.position, plan.rules.execution.exits.max_holding_bars)
        else {
            return false;
        };
        let ahead = i64::from(plan.rules.execution.fill == FillMode::NextOpen);
        row.bar + ahead >= position.entry_bar + bars as i64
    }

    /// `this_close`: at the close that made the signal. At the end of the data nothing is opened any more.
    fn execute_now(
        &mut self,
        plan: &Plan,
        row: &Row,
        order: &Order,
        last: bool,
        book: &mut Ledger,
    ) -> Result<(), Error> {
        let rules = &plan.rules.execution;
        let quote = row.at_close(self.previous.as_ref());
        if !(last && rules.close_at_end) {
            return self.execute(plan, row, order, &quote, true, book);
        }
        let flat = self.position.is_none();
        let reverses =
            rules.on_opposite == OnOpposite::Reverse && (order.side > 0 || rules.allow_short);
        if !flat {
            let reason = if order.confidence.is_some() {
                Reason::Signal
            } else {
                Reason::MaxHolding
            };
            self.close_at_market(plan, row, &quote, reason, order.confidence, book)?;
        }
        if flat || (reverses && order.confidence.is_some()) {
            self.refuse(row, order.side, None, 1, book);
        }
        Ok(())
    }

    fn end_of_data(&mut self, plan: &Plan, row: &Row, book: &mut Ledger) -> Result<(), Error> {
        if let Some(order) = self.pending.take() {
            self.refuse(row, order.side, None, 1, book);
        }
        if plan.rules.execution.close_at_end {
            let quote = row.at_close(self.previous.as_ref());
            self.close_at_market(plan, row, &quote, Reason::EndOfData, None, book)?;
        }
        Ok(())
    }

    fn mark(&mut self, plan: &Plan, row: &Row, book: &mut Ledger) {
        let equity = self.account.equity(
            self.position.as_ref(),
            row.close,
            plan.multiplier(),
            row.rate,
        );
        self.tally
            .mark(row.bar, row.time, equity, self.position.is_some());
        book.equity.push(equity);
    }

    fn move_trailing(&mut self, plan: &Plan, row: &Row) {
        let Some(position) = &mut self.position else {
            return;
        };
        if position.entered_at_close && position.entry_bar == row.bar {
            return;
        }
        let price = match (plan.rules.execution.exits.trail_on, position.direction > 0) {
            (TrailOn::Close, _) => row.close,
            (TrailOn::Extreme, true) => row.high,
            (TrailOn::Extreme, false) => row.low,
        };
        position.trail(price);
    }

    fn refuse(
        &mut self,
        row: &Row,
        side: i8,
        quantity: Option<f64>,
        reason: u8,
        book: &mut Ledger,
    ) {
        self.tally.refuse();
        book.refused.push(Refusal {
            bar: row.bar,
            time: row.time,
            side,
            quantity,
            reason,
        });
    }
}

/// At the open nothing of this row is known but the open: spread, rate and range are the previous row's.
fn quote_inside(previous: Option<&Row>, row: &Row) -> Quote {
    let known = previous.unwrap_or(row);
    Quote {
        reference: row.open,
        half_spread: known.half_spread,
        range: known.range(),
        rate: known.rate,
    }
}

fn price_exit(plan: &Plan, position: &Position, quote: &Quote, exit: Exit) -> (Priced, Reason) {
    let (rules, side) = (&plan.rules.execution, -position.sign());
    match exit {
        Exit::Market { reference, reason } => (
            fill::at_market(
                rules,
                side,
                &Quote {
                    reference,
                    ..*quote
                },
            ),
            reason,
        ),
        Exit::GapTarget => (fill::at_gap(rules, side, quote), Reason::TakeProfit),
        Exit::Target => {
            let level = position.target.unwrap_or(quote.reference);
            (
                fill::at_limit(rules, side, level, quote.rate),
                Reason::TakeProfit,
            )
        }
    }
}

fn require_positive(row: &Row, price: f64) -> Result<(), Error> {
    if price > 0.0 {
        Ok(())
    } else {
        Err(Error::FillPrice {
            row: row.bar as usize,
            price,
        })
    }
}

#[allow(clippy::too_many_arguments)]
fn closed_trade(
    position: &Position,
    row: &Row,
    priced: &Priced,
    multiplier: f64,
    gross_pnl: f64,
    net_pnl: f64,
    reason: Reason,
    confidence: Option<f32>,
) -> Trade {
    let money = position.quantity * multiplier * priced.rate;
    let (best, worst) = position.excursions();
    let (mfe, mae) = (best * money, worst * money);
    Trade {
        trade_id: position.trade_id,
        direction: position.direction,
        entry_bar: position.entry_bar,
        entry_time: position.entry_ns,
        entry_price: position.entry_price,
        exit_bar: row.bar,
        exit_time: row.time,
        exit_price: priced.price,
        quantity: position.quantity,
        gross_pnl,
        commission: position.commission,
        financing: position.financing,
        net_pnl,
        slippage: position.slippage,
        spread: position.spread,
        return_rate: net_pnl / position.entry_notional,
        bars_held: row.bar - position.entry_bar,
        hours_held: (row.time - position.entry_ns) as f64 / 3.6e12,
        mfe,
        mae,
        mfe_rate: mfe / position.entry_notional,
        mae_rate: mae / position.entry_notional,
        entry_confidence: position.entry_confidence,
        exit_confidence: confidence,
        stop_price: position.stop,
        target_price: position.target,
        exit_reason: reason as u8,
    }
}
