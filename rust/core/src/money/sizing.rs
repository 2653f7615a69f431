//! How much an opening order buys: the quantity wanted, whole lots, and what the margin allows.

use crate::money::costs;
use crate::rules::{Execution, Sizing};

/// What rounding may add to equity before something counts as beyond it.
pub const ROUNDING: f64 = 1.0 + 1e-12;

/// What sizing looks at, at the moment of the opening fill.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    /// Equity; the account is flat, so it is the cash too.
    pub equity: f64,
    /// Account currency per unit at the reference price.
    pub unit_value: f64,
    /// Account currency per unit at the fill price.
    pub unit_cost: f64,
    /// Annual volatility at the decision bar, where sizing asks for it.
    pub sigma: Option<f64>,
}

/// The quantity granted, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Grant {
    /// A quantity in whole lots.
    Quantity(f64),
    /// Volatility undefined or zero.
    Volatility,
    /// Not one whole lot of the quantity wanted.
    BelowLot(f64),
    /// The margin does not allow the quantity wanted.
    Margin(f64),
}

/// Sizes an opening order.
#[must_use]
pub fn size(rules: &Execution, offer: &Offer) -> Grant {
    let Some(wanted) = wanted(rules, offer) else {
        return Grant::Volatility;
    };
    let lot = rules.instrument.lot_size;
    let lots = whole_lots(wanted / lot);
    if lots < 1.0 || offer.equity <= 0.0 {
        return Grant::BelowLot(wanted);
    }
    if acceptable(rules, offer, lots * lot) {
        return Grant::Quantity(lots * lot);
    }
    let shrinks = !matches!(rules.sizing, Sizing::FixedQuantity(_) | Sizing::FixedNotional(_));
    match largest_acceptable(rules, offer, lots) {
        Some(fewer) if shrinks => Grant::Quantity(fewer * lot),
        _ => Grant::Margin(wanted),
    }
}

fn wanted(rules: &Execution, offer: &Offer) -> Option<f64> {
    let spent_per_unit = offer.unit_value * (1.0 + rules.commission.rate);
    Some(match rules.sizing {
        Sizing::CashFraction(fraction) | Sizing::EquityFraction(fraction) => fraction * offer.equity / spent_per_unit,
        Sizing::FixedQuantity(quantity) => quantity,
        Sizing::FixedNotional(notional) => notional / offer.unit_value,
        Sizing::VolatilityTarget { annual, .. } => {
            let sigma = offer.sigma.filter(|sigma| sigma.is_finite() && *sigma > 0.0)?;
            (annual / sigma).min(rules.margin.max_leverage) * offer.equity / offer.unit_value
        }
    })
}

/// A count within rounding noise of an integer is that integer, else its floor.
fn whole_lots(lots: f64) -> f64 {
    let nearest = lots.round();
    let tolerance = (1e-12 * lots).max(1e-6);
    if (lots - nearest).abs() <= tolerance { nearest } else { lots.floor() }
}

fn acceptable(rules: &Execution, offer: &Offer, quantity: f64) -> bool {
    let notional = quantity * offer.unit_cost;
    let commission = costs::commission(&rules.commission, notional, quantity);
    notional / rules.margin.max_leverage + commission <= offer.equity * ROUNDING
}

/// What is needed grows with the lots, so halving finds the largest count; `too_many` is not acceptable.
fn largest_acceptable(rules: &Execution, offer: &Offer, too_many: f64) -> Option<f64> {
    let (mut low, mut high) = (0.0, too_many);
    while high - low > 1.0 {
        let middle = (low + (high - low) / 2.0).floor();
        if middle <= low || middle >= high {
            break;
        }
        let fits = acceptable(rules, offer, middle * rules.instrument.lot_size);
        *(if fits { &mut low } else { &mut high }) = middle;
    }
    (low >= 1.0).then_some(low)
}

/// Annual volatility of close-to-close log returns over the rows given, `None` where it is undefined.
///
/// `sigma^2 = sum r^2 / years`, years from the first to the last stamp.
#[must_use]
pub fn annual_volatility(rows: impl Iterator<Item = (i64, f64)> + Clone) -> Option<f64> {
    let (first_ns, _) = rows.clone().next()?;
    let (mut previous, mut last_ns, mut sum) = (None, first_ns, 0.0);
    for (stamp_ns, close) in rows {
        if let Some(before) = previous {
            let step = libm::log(close / before);
            sum += step * step;
        }
        (previous, last_ns) = (Some(close), stamp_ns);
    }
    let years = (last_ns - first_ns) as f64 / (365.25 * 86_400e9);
    (years > 0.0).then(|| libm::sqrt(sum / years))
}
