//! Costs of trading and holding, and the instrument they are charged on.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::number::{Number, Truth};
use crate::rules::range::{ANY, AT_LEAST_ONE, BELOW_ONE, NOT_NEGATIVE, POSITIVE};

/// Commission of a fill: `max(minimum, rate * notional + per_unit * quantity + per_fill)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commission<N = f64> {
    /// Fraction of the notional.
    pub rate: N,
    /// Amount per unit, account currency.
    pub per_unit: N,
    /// Amount per fill, account currency.
    pub per_fill: N,
    /// Least commission of a fill, account currency.
    pub minimum: N,
}

impl Commission {
    pub(super) fn check(&self) -> Result<(), Error> {
        BELOW_ONE.check("execution.commission.rate", self.rate)?;
        NOT_NEGATIVE.check("execution.commission.per_unit", self.per_unit)?;
        NOT_NEGATIVE.check("execution.commission.per_fill", self.per_fill)?;
        NOT_NEGATIVE.check("execution.commission.minimum", self.minimum)
    }
}

/// Loss of a market fill against its reference price.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slippage<N = f64> {
    /// A fraction of the price.
    Rate(N),
    /// A number of ticks.
    Ticks(N),
    /// A fraction of the previous bar's range.
    RangeFraction(N),
}

impl<N: Copy> Slippage<N> {
    /// Returns the number of the rule.
    pub(super) fn number(&self) -> N {
        match *self {
            Self::Rate(number) | Self::Ticks(number) | Self::RangeFraction(number) => number,
        }
    }

    /// Returns the rule with another number.
    pub(super) fn with<M>(&self, number: M) -> Slippage<M> {
        match self {
            Self::Rate(_) => Slippage::Rate(number),
            Self::Ticks(_) => Slippage::Ticks(number),
            Self::RangeFraction(_) => Slippage::RangeFraction(number),
        }
    }
}

impl Slippage {
    pub(super) fn check(&self) -> Result<(), Error> {
        match *self {
            Self::Rate(rate) => BELOW_ONE.check("execution.slippage.rate", rate),
            Self::Ticks(ticks) => NOT_NEGATIVE.check("execution.slippage.ticks", ticks),
            Self::RangeFraction(fraction) => NOT_NEGATIVE.check("execution.slippage.range_fraction", fraction),
        }
    }
}

/// Half spread of bars that have no column for it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Half of the distance between bid and ask, price units.
    pub half: f64,
}

/// Annual rates on the notional of an open position; a positive rate is a cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Financing {
    /// Rate of long positions.
    pub long_rate: f64,
    /// Rate of short positions.
    pub short_rate: f64,
    /// Days of the year that the rates are quoted for.
    pub day_count: f64,
}

impl Financing {
    pub(super) fn check(&self) -> Result<(), Error> {
        ANY.check("execution.financing.long_rate", self.long_rate)?;
        ANY.check("execution.financing.short_rate", self.short_rate)?;
        POSITIVE.check("execution.financing.day_count", self.day_count)
    }
}

/// Leverage limit and liquidation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Margin<N = f64> {
    /// Largest notional over equity.
    pub max_leverage: N,
    /// Share of the entry margin at which a borrowed position is liquidated.
    pub maintenance: N,
}

impl<N: Number> Margin<N> {
    /// Returns the money that a notional binds.
    #[inline(always)]
    pub(crate) fn of(&self, notional: N) -> N {
        // No division where it changes nothing. Leverage is never below 1.
        let is_unlevered = N::from(1.0).is_at_least(self.max_leverage);
        if is_unlevered.everywhere() { notional } else { notional / self.max_leverage }
    }
}

impl Margin {
    pub(super) fn check(&self) -> Result<(), Error> {
        AT_LEAST_ONE.check("execution.margin.max_leverage", self.max_leverage)?;
        BELOW_ONE.check("execution.margin.maintenance", self.maintenance)
    }
}

/// Steps of price and quantity, and the value of one point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instrument<N = f64> {
    /// Step of the price, price units.
    pub tick_size: Option<N>,
    /// Step of the quantity, units.
    pub lot_size: N,
    /// Quote currency per point and unit.
    pub contract_multiplier: N,
}

impl Instrument {
    pub(super) fn check(&self) -> Result<(), Error> {
        POSITIVE.check_some("execution.instrument.tick_size", self.tick_size)?;
        POSITIVE.check("execution.instrument.lot_size", self.lot_size)?;
        POSITIVE.check("execution.instrument.contract_multiplier", self.contract_multiplier)
    }
}
