//! Rules of eight scenarios that fill at the same rows and differ in numbers alone.

use wide::f64x8;

use crate::lanes::LANES;
use crate::rules::Execution;
use crate::rules::costs::{Commission, Instrument, Margin, Slippage};
use crate::rules::sizing::Sizing;

/// The part of rules that decides which formula computes money: sizing, slippage, and whether prices have a tick.
type Kind = (Sizing<()>, Slippage<()>, bool);

impl Execution {
    fn kind(&self) -> Kind {
        (self.sizing.with(()), self.slippage.with(()), self.instrument.tick_size.is_some())
    }
}

impl Execution<f64x8> {
    /// Puts the numbers of each scenario into its lane; `None` if not all of them compute money by the same formulas.
    ///
    /// Rules that no market fill reads are those of the first.
    pub(crate) fn of_lanes(each: [&Execution; LANES]) -> Option<Self> {
        let first = each[0];
        if each.iter().any(|one| one.kind() != first.kind()) {
            return None;
        }
        let number = |of: fn(&Execution) -> f64| f64x8::new(each.map(of));
        let commission = Commission {
            rate: number(|one| one.commission.rate),
            per_unit: number(|one| one.commission.per_unit),
            per_fill: number(|one| one.commission.per_fill),
            minimum: number(|one| one.commission.minimum),
        };
        let margin = Margin {
            max_leverage: number(|one| one.margin.max_leverage),
            maintenance: number(|one| one.margin.maintenance),
        };
        let instrument = Instrument {
            tick_size: first.instrument.tick_size.map(|_| number(|one| one.instrument.tick_size.unwrap_or(0.0))),
            lot_size: number(|one| one.instrument.lot_size),
            contract_multiplier: number(|one| one.instrument.contract_multiplier),
        };
        Some(Self {
            fill: first.fill,
            sizing: first.sizing.with(number(|one| one.sizing.number())),
            commission,
            slippage: first.slippage.with(number(|one| one.slippage.number())),
            spread: first.spread,
            financing: first.financing,
            exits: first.exits,
            intrabar: first.intrabar,
            on_opposite: first.on_opposite,
            allow_short: first.allow_short,
            margin,
            instrument,
            close_at_end: first.close_at_end,
        })
    }
}
