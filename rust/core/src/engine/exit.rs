//! An exit inside a bar becomes a fill.

use crate::engine::bar::BarStep;
use crate::engine::leg::Leg;
use crate::error::Error;
use crate::market::rows::Quote;
use crate::money::position::Position;
use crate::orders::matching::{Ambiguous, Exit, Reason};
use crate::orders::price::{self, Priced};

impl BarStep<'_> {
    /// Exits inside the bar. Of an ambiguous bar both exits are compared with the one taken.
    pub(super) fn exit(&mut self, exit: Exit, ambiguous: Option<Ambiguous>) -> Result<(), Error> {
        let Some(position) = &self.state.position else { return Ok(()) };
        let (priced, reason) = self.price_exit(position, exit);
        // Only a market price can fall to nothing: a target is a price that was traded.
        if !matches!(exit, Exit::Target | Exit::GapTarget) {
            priced.require_positive(self.row.bar)?;
        }
        if let Some(Ambiguous { adverse, target }) = ambiguous {
            let taken = self.net_at(position, &priced);
            let [worse, better] =
                [adverse, target].map(|exit| self.net_at(position, &self.price_exit(position, exit).0));
            self.state.metrics.ambiguous(worse - taken, better - taken);
        }
        let leg = Leg::new(self.plan.execution(), -position.direction, position.quantity, priced);
        self.trading().close(&leg, reason, None);
        Ok(())
    }

    fn price_exit(&self, position: &Position, exit: Exit) -> (Priced, Reason) {
        let execution = self.plan.execution();
        let side = -position.sign();
        let open = self.row.at_open(&self.previous);
        match exit {
            Exit::Market { reference, reason } => {
                (price::at_market(execution, side, &Quote { reference, ..open }), reason)
            }
            Exit::GapTarget => (price::at_gap(execution, side, &open), Reason::TakeProfit),
            Exit::Target => {
                let level = position.target.unwrap_or(open.reference);
                (price::at_limit(execution, side, level, open.rate), Reason::TakeProfit)
            }
        }
    }

    /// Returns the net profit of the open position had it left at that price.
    fn net_at(&self, position: &Position, priced: &Priced) -> f64 {
        let holding = self.plan.holding(position.net());
        let gross = holding.open_gross(&self.state.account, priced.price, priced.rate);
        let leg = Leg::new(self.plan.execution(), -position.direction, position.quantity, *priced);
        gross - (position.commission + leg.commission) - position.financing
    }
}
