//! What no run can have led to: the checks of a state that comes from outside.

use crate::engine::state::{Desk, State};
use crate::money::position::Position;

/// Whether any run can have led here.
///
/// # Errors
/// What is impossible.
pub fn check(state: &State) -> Result<(), &'static str> {
    let (desk, spec) = (&state.desk, &state.spec);
    let simulated = state.next_bar.saturating_sub(spec.warmup_bars);
    let multiplier = state.rules.execution.instrument.contract_multiplier;
    let flat = desk.position.is_none();
    let money = [desk.account.cash, desk.account.quote_cash];
    let required = [
        (spec.initial_capital.is_finite() && spec.initial_capital > 0.0, "an initial capital of nothing"),
        (spec.timeframe_ns > 0, "bars without length"),
        (i64::try_from(state.next_bar).is_ok(), "a bar beyond all bars"),
        (!state.ended || simulated > 0, "an end before the first simulated bar"),
        (desk.past.is_some() == (state.next_bar > 0), "a last row where there is none, or none where there is one"),
        (desk.metrics.bars() == simulated, "metrics of another number of bars"),
        (desk.metrics.drawdown().bound() >= spec.initial_capital, "a largest equity below the initial capital"),
        (money.iter().all(|amount| amount.is_finite()), "money that is not finite"),
        (!flat || desk.account.quote_cash == 0.0, "quote currency without a position"),
        (desk.pending.is_none_or(|order| order.side.abs() == 1), "an order without a side"),
        (!state.ended || desk.pending.is_none(), "an order beyond the end"),
        (trades_begun(desk) == desk.next_trade_id, "round trips of another number"),
        (desk.position.as_ref().is_none_or(|position| possible(position, state)), "a position that cannot be"),
        (desk.check_accounts(spec.initial_capital, multiplier).is_ok(), "accounts that do not add up"),
    ];
    required.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, what)| Err(what))
}

fn trades_begun(desk: &Desk) -> i64 {
    desk.metrics.trades().count() as i64 + i64::from(desk.position.is_some())
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
