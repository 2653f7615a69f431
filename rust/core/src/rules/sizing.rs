//! Sizing: the rule that decides how much an opening order buys.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::rules::range::{POSITIVE, SHARE, out_of_range};

/// Returns that a volatility may be measured over.
const WINDOWS: std::ops::RangeInclusive<usize> = 2..=128;

/// The quantity of an opening order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "SizingKeys<N>", into = "SizingKeys<N>")]
pub enum Sizing<N: Copy = f64> {
    /// A fraction of the cash, commission included.
    CashFraction(N),
    /// A fraction of equity, up to the leverage limit.
    EquityFraction(N),
    /// A fixed quantity, units.
    FixedQuantity(N),
    /// A fixed notional, account currency.
    FixedNotional(N),
    /// The share of equity that has this annual volatility over the last `window` returns.
    VolatilityTarget {
        /// Annual volatility, a fraction.
        annual: N,
        /// Number of close-to-close returns.
        window: usize,
    },
}

impl<N: Copy> Sizing<N> {
    /// Returns the number of the rule.
    pub(super) fn number(&self) -> N {
        match *self {
            Self::CashFraction(number)
            | Self::EquityFraction(number)
            | Self::FixedQuantity(number)
            | Self::FixedNotional(number)
            | Self::VolatilityTarget { annual: number, .. } => number,
        }
    }

    /// Returns the rule with another number.
    pub(super) fn with<M: Copy>(&self, number: M) -> Sizing<M> {
        match *self {
            Self::CashFraction(_) => Sizing::CashFraction(number),
            Self::EquityFraction(_) => Sizing::EquityFraction(number),
            Self::FixedQuantity(_) => Sizing::FixedQuantity(number),
            Self::FixedNotional(_) => Sizing::FixedNotional(number),
            Self::VolatilityTarget { window, .. } => Sizing::VolatilityTarget { annual: number, window },
        }
    }
}

impl Sizing {
    pub(super) fn check(&self, max_leverage: f64) -> Result<(), Error> {
        match *self {
            Self::CashFraction(fraction) => SHARE.check("execution.sizing.fraction", fraction),
            Self::EquityFraction(fraction) => {
                POSITIVE.check("execution.sizing.fraction", fraction)?;
                // More than the leverage limit could never be filled, only shrunk.
                if fraction <= max_leverage {
                    return Ok(());
                }
                Err(out_of_range("execution.sizing.fraction", fraction, "at most margin.max_leverage"))
            }
            Self::FixedQuantity(quantity) => POSITIVE.check("execution.sizing.quantity", quantity),
            Self::FixedNotional(notional) => POSITIVE.check("execution.sizing.notional", notional),
            Self::VolatilityTarget { annual, window } => {
                POSITIVE.check("execution.sizing.annual", annual)?;
                if WINDOWS.contains(&window) {
                    return Ok(());
                }
                Err(out_of_range("execution.sizing.window", window as f64, "between 2 and 128"))
            }
        }
    }
}

/// The keys of `sizing` as a strategy file spells them.
///
/// Serde's own tagged enum needs an encoding that describes itself. Postcard, which snapshots use, does not, so one
/// struct with optional keys serves JSON and postcard alike.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SizingKeys<N> {
    kind: String,
    fraction: Option<N>,
    quantity: Option<N>,
    notional: Option<N>,
    annual: Option<N>,
    window: Option<usize>,
}

impl<N> Default for SizingKeys<N> {
    fn default() -> Self {
        Self { kind: String::new(), fraction: None, quantity: None, notional: None, annual: None, window: None }
    }
}

impl<N: Copy> TryFrom<SizingKeys<N>> for Sizing<N> {
    type Error = String;

    fn try_from(keys: SizingKeys<N>) -> Result<Self, String> {
        let missing = || format!("sizing {} lacks a key", keys.kind);
        match keys.kind.as_str() {
            "cash_fraction" => keys.fraction.map(Self::CashFraction).ok_or_else(missing),
            "equity_fraction" => keys.fraction.map(Self::EquityFraction).ok_or_else(missing),
            "fixed_quantity" => keys.quantity.map(Self::FixedQuantity).ok_or_else(missing),
            "fixed_notional" => keys.notional.map(Self::FixedNotional).ok_or_else(missing),
            "volatility_target" => {
                let annual = keys.annual.ok_or_else(missing)?;
                let window = keys.window.ok_or_else(missing)?;
                Ok(Self::VolatilityTarget { annual, window })
            }
            other => Err(format!("unknown sizing kind {other:?}")),
        }
    }
}

impl<N: Copy> From<Sizing<N>> for SizingKeys<N> {
    fn from(sizing: Sizing<N>) -> Self {
        let named = |kind: &str| Self { kind: kind.into(), ..Self::default() };
        match sizing {
            Sizing::CashFraction(fraction) => Self { fraction: Some(fraction), ..named("cash_fraction") },
            Sizing::EquityFraction(fraction) => Self { fraction: Some(fraction), ..named("equity_fraction") },
            Sizing::FixedQuantity(quantity) => Self { quantity: Some(quantity), ..named("fixed_quantity") },
            Sizing::FixedNotional(notional) => Self { notional: Some(notional), ..named("fixed_notional") },
            Sizing::VolatilityTarget { annual, window } => {
                Self { annual: Some(annual), window: Some(window), ..named("volatility_target") }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Sizing;

    #[test]
    fn every_kind_is_read_from_its_keys_and_written_as_them() {
        let volatility = Sizing::VolatilityTarget { annual: 0.2, window: 20 };
        for (keys, sizing) in [
            (json!({"kind": "cash_fraction", "fraction": 0.5}), Sizing::CashFraction(0.5)),
            (json!({"kind": "equity_fraction", "fraction": 2.0}), Sizing::EquityFraction(2.0)),
            (json!({"kind": "fixed_quantity", "quantity": 3.0}), Sizing::FixedQuantity(3.0)),
            (json!({"kind": "fixed_notional", "notional": 400.0}), Sizing::FixedNotional(400.0)),
            (json!({"kind": "volatility_target", "annual": 0.2, "window": 20}), volatility),
        ] {
            assert_eq!(serde_json::from_value::<Sizing>(keys.clone()).expect("every key"), sizing);
            let written = serde_json::to_value(sizing).expect("JSON");
            let given = written.as_object().expect("keys").iter().filter(|(_, value)| !value.is_null());
            assert_eq!(Value::from_iter(given.map(|(key, value)| (key.clone(), value.clone()))), keys);
        }
    }

    #[test]
    fn a_notional_of_nothing_is_refused() {
        let message = Sizing::FixedNotional(0.0).check(1.0).expect_err("outside its range").to_string();
        assert!(message.starts_with("execution.sizing.notional"), "{message}");
        assert!(Sizing::FixedNotional(1e-9).check(1.0).is_ok());
    }

    #[test]
    fn a_kind_without_its_key_is_refused() {
        for keys in [
            json!({"kind": "cash_fraction", "quantity": 0.5}),
            json!({"kind": "fixed_quantity", "fraction": 0.5}),
            json!({"kind": "volatility_target", "annual": 0.5}),
            json!({"kind": "volatility_target", "window": 20}),
            json!({"kind": "none of these"}),
        ] {
            assert!(serde_json::from_value::<Sizing>(keys.clone()).is_err(), "{keys}");
        }
    }
}
