//! Open units between two fills: their charges, their equity, the price of their liquidation.
//!
//! The bar, the scan of a held position and the benchmark all hold units. Each formula is here once for a row and
//! once for `LANES` rows, with the same order of operations, so that both give the same bits.

use wide::f64x8;

use crate::lanes::LANES;
use crate::market::rows::{PreviousBar, RowLanes};
use crate::money::account::Account;
use crate::money::costs::FinancingRate;
use crate::money::tick;
use crate::number::{InLanes, Number};
use crate::rules::Execution;

/// Open units of one symbol, with the multiplier and the financing rate that apply to them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Holding<N = f64> {
    net: N,
    multiplier: N,
    financing: Option<FinancingRate>,
    tick_size: Option<N>,
}

impl Holding {
    /// Holds `net` units: above 0 long, below 0 short, 0 flat.
    #[inline]
    pub(crate) fn new(execution: &Execution, net: f64) -> Self {
        // No units, no charge: `FinancingRate` would take 0 for a short.
        let financing = if net == 0.0 { None } else { FinancingRate::new(&execution.financing, net) };
        Self { financing, ..Self::without_charge(execution, net) }
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
}

impl Holding<f64x8> {
    /// Returns the holding of a lane.
    pub(crate) fn lane(&self, lane: usize) -> Holding {
        let Self { net, multiplier, financing, tick_size } = self;
        let tick_size = tick_size.map(|tick_size| tick_size.lane(lane));
        Holding { net: net.lane(lane), multiplier: multiplier.lane(lane), financing: *financing, tick_size }
    }
}

impl<N: Number> Holding<N> {
    /// Holds `net` units that cost nothing.
    #[inline]
    pub(crate) fn without_charge(execution: &Execution<N>, net: N) -> Self {
        let instrument = &execution.instrument;
        let multiplier = instrument.contract_multiplier;
        Self { net, multiplier, financing: None, tick_size: instrument.tick_size }
    }

    /// Returns the value of the units at `price`, quote currency.
    #[inline]
    pub(crate) fn value(&self, price: N) -> N {
        self.net * price * self.multiplier
    }

    /// Returns the gross profit of the units at `price`, account currency.
    #[inline]
    pub(crate) fn open_gross(&self, account: &Account<N>, price: N, rate: N) -> N {
        rate * (account.quote_cash + self.value(price))
    }

    /// Returns the equity of the account with the units at `price`.
    #[inline]
    pub(crate) fn equity(&self, account: &Account<N>, price: N, rate: N) -> N {
        account.balance + self.open_gross(account, price, rate)
    }

    /// Returns the value of the units over the distance in which a level counts as on its tick, quote currency.
    #[inline]
    pub(crate) fn tick_slack(&self) -> N {
        self.units() * self.tick_size.unwrap_or(N::from(0.0)) * N::from(tick::ON_TICK)
    }

    /// Returns the absolute quantity times the multiplier.
    #[inline]
    fn units(&self) -> N {
        self.net.magnitude() * self.multiplier
    }
}
