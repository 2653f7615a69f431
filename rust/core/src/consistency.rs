//! What no run can have led to: the checks of a state that comes from outside.

use crate::desk::Desk;
use crate::position::Position;
use crate::simulation::State;

impl State {
    /// Whether any run can have led here.
    ///
    /// # Errors
    /// What is impossible.
    pub fn check(&self) -> Result<(), &'static str> {
        let (desk, spec) = (&self.desk, &self.spec);
        let simulated = self.next_bar.saturating_sub(spec.warmup_bars);
        let multiplier = self.rules.execution.instrument.contract_multiplier;
        let flat = desk.position.is_none();
        let money = [desk.account.cash, desk.account.quote_cash];
        let required = [
            (spec.initial_capital.is_finite() && spec.initial_capital > 0.0, "an initial capital of nothing"),
            (spec.timeframe_ns > 0, "bars without length"),
            (i64::try_from(self.next_bar).is_ok(), "a bar beyond all bars"),
            (!self.ended || simulated > 0, "an end before the first simulated bar"),
            (desk.past.is_some() == (self.next_bar > 0), "a last row where there is none, or none where there is one"),
            (desk.metrics.bars() == simulated, "metrics of another number of bars"),
            (desk.metrics.drawdown().bound() >= spec.initial_capital, "a largest equity below the initial capital"),
            (money.iter().all(|amount| amount.is_finite()), "money that is not finite"),
            (!flat || desk.account.quote_cash == 0.0, "quote currency without a position"),
            (desk.pending.is_none_or(|order| order.side.abs() == 1), "an order without a side"),
            (!self.ended || desk.pending.is_none(), "an order beyond the end"),
            (desk.trades_begun() == desk.next_trade_id, "round trips of another number"),
            (desk.position.as_ref().is_none_or(|position| possible(position, self)), "a position that cannot be"),
            (desk.check_accounts(spec.initial_capital, multiplier).is_ok(), "accounts that do not add up"),
        ];
        required.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, what)| Err(what))
    }
}

impl Desk {
    fn trades_begun(&self) -> i64 {
        self.metrics.trades().count() as i64 + i64::from(self.position.is_some())
    }
}

fn possible(position: &Position, state: &State) -> bool {
    let bars = state.spec.warmup_bars as i64..state.next_bar as i64;
    let prices = [position.entry_price, position.highest, position.lowest];
    position.direction.abs() == 1
        && bars.contains(&position.entry_bar)
        && position.trade_id + 1 == state.desk.next_trade_id
        && position.quantity > 0.0
        && position.quantity.is_finite()
        && prices.iter().all(|price| price.is_finite())
        && position.lowest <= position.entry_price
        && position.entry_price <= position.highest
}
