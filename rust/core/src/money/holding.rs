//! Open units between two fills: their charges, their equity, the price of their liquidation.
//!
//! The bar, the scan of a held position and the benchmark all hold units. Each formula is here once for a row and
//! once for `LANES` rows, with the same order of operations, so that both give the same bits.

use crate::lanes::LANES;
use crate::market::rows::{PreviousBar, RowLanes};
use crate::money::account::Account;
use crate::money::costs::FinancingRate;
use crate::money::tick;
use crate::rules::Execution;

/// Open units of one symbol, with the multiplier and the financing rate that apply to them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Holding {
    net: f64,
    multiplier: f64,
    financing: Option<FinancingRate>,
    tick_size: Option<f64>,
}

impl Holding {
    /// Holds `net` units: above 0 long, below 0 short, 0 flat.
    #[inline]
    pub(crate) fn new(execution: &Execution, net: f64) -> Self {
        // No units, no charge: `FinancingRate` would take 0 for a short.
        let financing = if net == 0.0 { None } else { FinancingRate::new(&execution.financing, net) };
        let instrument = &execution.instrument;
        Self { net, multiplier: instrument.contract_multiplier, financing, tick_size: instrument.tick_size }
    }

    /// Returns true if holding costs something.
    pub(crate) fn is_charged(&self) -> bool {
        self.financing.is_some()
    }

    /// Returns the charge from the previous row until `time_ns`, account currency.
    pub(crate) fn charge(&self, previous: &PreviousBar, time_ns: i64) -> Option<f64> {
        Some(self.financing?.charge(self.units(), previous, time_ns))
    }

    /// Returns the charge of each row, account currency.
    #[inline(always)]
    pub(crate) fn charges(&self, lanes: &RowLanes<'_>) -> Option<[f64; LANES]> {
        Some(self.financing?.charges(self.units(), lanes))
    }

    /// Returns the value of the units at `price`, quote currency.
    pub(crate) fn value(&self, price: f64) -> f64 {
        self.net * price * self.multiplier
    }

    /// Returns the gross profit of the units at `price`, account currency.
    pub(crate) fn open_gross(&self, account: &Account, price: f64, rate: f64) -> f64 {
        rate * (account.quote_cash + self.value(price))
    }

    /// Returns the equity of the account with the units at `price`.
    pub(crate) fn equity(&self, account: &Account, price: f64, rate: f64) -> f64 {
        account.balance + self.open_gross(account, price, rate)
    }

    /// Returns the equity at each price, with the balance of each row.
    #[inline(always)]
    pub(crate) fn equities(
        &self,
        account: &Account,
        balances: &[f64; LANES],
        prices: &[f64; LANES],
        rates: &[f64; LANES],
    ) -> [f64; LANES] {
        // Not `equity`: each row has another balance.
        std::array::from_fn(|row| balances[row] + self.open_gross(account, prices[row], rates[row]))
    }

    /// Returns the level at which equity equals `requirement`, before the costs of the exit.
    pub(crate) fn liquidation_price(&self, account: &Account, requirement: f64, rate: f64) -> f64 {
        let price = ((requirement - account.balance) / rate - account.quote_cash) / (self.net * self.multiplier);
        tick::level(self.tick_size, price)
    }

    /// Returns the value of the units over the distance in which a level counts as on its tick, quote currency.
    pub(crate) fn tick_slack(&self) -> f64 {
        self.units() * self.tick_size.unwrap_or(0.0) * tick::ON_TICK
    }

    /// Returns the absolute quantity times the multiplier.
    fn units(&self) -> f64 {
        self.net.abs() * self.multiplier
    }
}
