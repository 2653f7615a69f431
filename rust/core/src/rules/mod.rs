//! The rules a simulation trades by, in the shape of a strategy file.
//!
//! Defaults live in Python (`strategy/rules.py`); the core is always given every key. Python checks ranges first, with
//! the line of the file; `Rules::check` checks them again, so that the crate alone refuses the same values.
//!
//! * `costs`: commission, slippage, spread, financing, margin, instrument
//! * `sizing`: the quantity of an opening order
//! * `lanes`: rules of eight scenarios that differ in numbers alone
//! * `exits`: levels and clocks that close a position

pub(crate) mod costs;
pub(crate) mod exits;
mod lanes;
mod range;
pub(crate) mod sizing;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Problem};
use crate::rules::costs::{Commission, Financing, Instrument, Margin, Slippage, Spread};
use crate::rules::exits::{Exits, Intrabar};
use crate::rules::range::{FRACTION, NOT_NEGATIVE};
use crate::rules::sizing::Sizing;

/// Everything a run trades and measures by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Rules that make fills of orders.
    pub execution: Execution,
    /// Rules that make orders of signals.
    pub decisions: Decisions,
    /// Rules that annualise and discount metrics.
    pub metrics: Metrics,
}

impl Rules {
    /// Checks that every value lies in its range.
    ///
    /// # Errors
    /// `Argument` with the first key that does not.
    pub fn check(&self) -> Result<(), Error> {
        // Taken apart by name: a new group of rules does not compile until it is checked.
        let Self { execution, decisions, metrics } = self;
        execution.check()?;
        FRACTION.check("decisions.confidence_threshold", decisions.confidence_threshold)?;
        NOT_NEGATIVE.check("decisions.filters.min_signal_separation", decisions.filters.min_signal_separation)?;
        metrics.check()
    }
}

/// Rules that make fills of orders, and what a fill costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Execution<N: Copy = f64> {
    /// Time at which an order executes.
    pub fill: FillMode,
    /// Quantity of an opening order.
    pub sizing: Sizing<N>,
    /// Commission of a fill.
    pub commission: Commission<N>,
    /// Loss of a market fill against its reference price.
    pub slippage: Slippage<N>,
    /// Half spread of bars that have no column for it.
    pub spread: Spread,
    /// Annual rates on the notional of an open position.
    pub financing: Financing,
    /// Levels and clocks that close a position.
    pub exits: Exits,
    /// Level that an ambiguous bar reaches first.
    pub intrabar: Intrabar,
    /// Effect of an order against the position, after it has closed it.
    pub on_opposite: OnOpposite,
    /// True if short positions may be opened at all.
    pub allow_short: bool,
    /// Leverage limit and liquidation.
    pub margin: Margin<N>,
    /// Steps of price and quantity.
    pub instrument: Instrument<N>,
    /// True if the last close ends an open position.
    pub close_at_end: bool,
}

impl Execution {
    fn check(&self) -> Result<(), Error> {
        self.sizing.check(self.margin.max_leverage)?;
        self.commission.check()?;
        self.slippage.check()?;
        NOT_NEGATIVE.check("execution.spread.half", self.spread.half)?;
        self.financing.check()?;
        self.exits.check()?;
        self.margin.check()?;
        self.instrument.check()?;
        // Pairs of keys last: by itself each of them is in range.
        let ticks = matches!(self.slippage, Slippage::Ticks(_));
        if ticks && self.instrument.tick_size.is_none() {
            return Err(Error::Argument { name: "rules", problem: Problem::NoTickSize });
        }
        Ok(())
    }
}

/// The time at which an order executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FillMode {
    /// The open of the bar after the signal.
    NextOpen,
    /// The close that made the signal, which is optimistic.
    ThisClose,
}

/// The effect of an order against the position, after it has closed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnOpposite {
    /// Closes and does nothing more.
    Close,
    /// Opens the other side.
    Reverse,
}

/// Rules that make orders of signals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decisions {
    /// Confidence below which a signal is HOLD.
    pub confidence_threshold: f64,
    /// True if signals in the direction of the position are held back.
    pub position_awareness: bool,
    /// True if a SELL may open a short from flat.
    pub allow_short_from_flat: bool,
    /// Filters that need the time of the last fill.
    pub filters: Filters,
}

/// Filters that need the time of the last fill.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filters {
    /// Least time since the last fill, hours.
    pub min_signal_separation: f64,
}

/// Rules that annualise and discount metrics.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Periods of a year; `None` lets the days of the run decide.
    pub periods_per_year: Option<f64>,
    /// Annual rate without risk, a fraction.
    pub risk_free_rate: f64,
}

impl Metrics {
    fn check(&self) -> Result<(), Error> {
        range::PERIODS.check_some("metrics.periods_per_year", self.periods_per_year)?;
        range::ABOVE_MINUS_ONE.check("metrics.risk_free_rate", self.risk_free_rate)
    }
}

#[cfg(test)]
mod tests {
    use ktrdr_testkit::rules_json;
    use serde_json::{Value, json};

    use super::Rules;

    fn refused(changes: Value) -> Option<String> {
        let rules: Rules = serde_json::from_value(rules_json(changes)).expect("every key");
        rules.check().err().map(|error| error.to_string())
    }

    #[test]
    fn values_inside_their_ranges_are_accepted() {
        assert_eq!(refused(json!({})), None);
        let edges = json!({"execution": {"commission": {"rate": 0.999}, "margin": {"maintenance": 0.0},
                           "financing": {"long_rate": -1.0}, "exits": {"max_holding_bars": 1}}});
        assert_eq!(refused(edges), None);
    }

    #[test]
    fn a_value_outside_its_range_is_named() {
        let execution = |changes: Value| refused(json!({ "execution": changes })).unwrap_or_default();
        for (changes, key) in [
            (json!({"commission": {"rate": 1.0}}), "execution.commission.rate"),
            (json!({"commission": {"per_unit": -0.1}}), "execution.commission.per_unit"),
            (json!({"commission": {"per_fill": -0.1}}), "execution.commission.per_fill"),
            (json!({"commission": {"minimum": -0.1}}), "execution.commission.minimum"),
            (json!({"slippage": {"rate": 1.0}}), "execution.slippage.rate"),
            (json!({"slippage": {"range_fraction": -0.1}}), "execution.slippage.range_fraction"),
            (json!({"slippage": {"ticks": 1.0}}), "slippage in ticks needs instrument.tick_size"),
            (json!({"spread": {"half": -1e-9}}), "execution.spread.half"),
            (json!({"financing": {"day_count": 0.0}}), "execution.financing.day_count"),
            (json!({"margin": {"max_leverage": 0.5}}), "execution.margin.max_leverage"),
            (json!({"margin": {"maintenance": 1.0}}), "execution.margin.maintenance"),
            (json!({"instrument": {"tick_size": 0.0}}), "execution.instrument.tick_size"),
            (json!({"instrument": {"lot_size": 0.0}}), "execution.instrument.lot_size"),
            (json!({"instrument": {"contract_multiplier": 0.0}}), "execution.instrument.contract_multiplier"),
            (json!({"exits": {"stop_loss": {"rate": 0.0}}}), "execution.exits.stop_loss"),
            (json!({"exits": {"max_holding_bars": 0}}), "execution.exits.max_holding_bars"),
            (json!({"sizing": {"kind": "cash_fraction", "fraction": 1.1}}), "execution.sizing.fraction"),
            (json!({"sizing": {"kind": "equity_fraction", "fraction": 1.1}}), "execution.sizing.fraction"),
            (json!({"sizing": {"kind": "fixed_quantity", "quantity": 0.0}}), "execution.sizing.quantity"),
            (json!({"sizing": {"kind": "volatility_target", "annual": 0.0, "window": 2}}), "execution.sizing.annual"),
            (json!({"sizing": {"kind": "volatility_target", "annual": 0.1, "window": 1}}), "execution.sizing.window"),
            (json!({"sizing": {"kind": "volatility_target", "annual": 0.1, "window": 129}}), "execution.sizing.window"),
        ] {
            let message = execution(changes);
            assert!(message.starts_with(key), "{key}: {message}");
        }
        assert!(refused(json!({"decisions": {"confidence_threshold": 1.1}})).is_some());
        assert!(refused(json!({"decisions": {"filters": {"min_signal_separation": -1.0}}})).is_some());
        assert!(refused(json!({"metrics": {"periods_per_year": 0.5}})).is_some());
    }
}
