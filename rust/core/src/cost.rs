//! What a fill costs: commission, slippage, spread, the tick.

use crate::desk::Plan;
use crate::rows::{Past, Row};
use crate::rules::{Commission, Slippage};

const DAY_NS: f64 = 86_400e9;

/// `max(minimum, rate * notional + per_unit * quantity + per_fill)`, account currency.
#[must_use]
pub fn commission(rules: &Commission, notional: f64, quantity: f64) -> f64 {
    (rules.rate * notional + rules.per_unit * quantity + rules.per_fill).max(rules.minimum)
}

/// Price of a market fill before the tick: the half spread first, then slippage, both against the trader.
#[must_use]
pub fn market_price(
    slippage: &Slippage,
    tick_size: Option<f64>,
    side: f64,
    reference: f64,
    half_spread: f64,
    range: f64,
) -> f64 {
    let quoted = reference + side * half_spread;
    match *slippage {
        Slippage::Rate(rate) => quoted * (1.0 + side * rate),
        Slippage::Ticks(ticks) => quoted + side * ticks * tick_size.unwrap_or(0.0),
        Slippage::RangeFraction(fraction) => quoted + side * fraction * range,
    }
}

/// The price on the tick grid, rounded against the trader; a price within 1e-6 of a tick is kept bit for bit.
#[must_use]
pub fn on_tick(tick_size: Option<f64>, side: f64, price: f64) -> f64 {
    let Some(tick) = tick_size else { return price };
    let steps = price / tick;
    if (steps - libm::round(steps)).abs() <= 1e-6 {
        return price;
    }
    let whole = if side > 0.0 { libm::ceil(steps) } else { libm::floor(steps) };
    whole * tick
}

/// What holding `net` units over from the past row to this one costs, account currency; `None` at no rate.
///
/// Elapsed time counts, so weekends are charged as they pass.
#[must_use]
pub fn financing(plan: &Plan, net: f64, past: &Past, row: &Row) -> Option<f64> {
    let annual = plan.financing_rate(net);
    let notional = net.abs() * past.close * plan.multiplier() * past.rate;
    let years = (row.time - past.time) as f64 / (DAY_NS * plan.execution().financing.day_count);
    (annual != 0.0).then_some(notional * annual * years)
}
