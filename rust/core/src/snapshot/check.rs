//! States that no run can reach: the checks of a state that comes from outside.

use crate::engine::state::{RunState, State};
use crate::money::position::Position;

/// Checks that some run can have reached this state.
///
/// # Errors
/// The fact that cannot be.
pub(crate) fn check(run: &RunState) -> Result<(), &'static str> {
    let RunState { spec, state, .. } = run;
    let execution = &run.rules.execution;
    let simulated = run.next_bar.saturating_sub(spec.warmup_bars);
    let flat = state.position.is_none();
    let money = [state.account.balance, state.account.quote_cash];
    // Simple facts first: the accounts add up only if the others hold.
    let required = [
        (spec.initial_capital.is_finite() && spec.initial_capital > 0.0, "an initial capital of nothing"),
        (spec.timeframe_ns > 0, "bars without length"),
        (run.rules.check().is_ok(), "rules outside their ranges"),
        (i64::try_from(run.next_bar).is_ok(), "a bar beyond all bars"),
        (!run.ended || simulated > 0, "an end before the first simulated bar"),
        (state.previous.is_some() == (run.next_bar > 0), "a last row where there is none, or none where there is one"),
        (state.metrics.bars() == simulated, "metrics of another number of bars"),
        (state.metrics.drawdown().bound() >= spec.initial_capital, "a largest equity below the initial capital"),
        (money.iter().all(|amount| amount.is_finite()), "money that is not finite"),
        (!flat || state.account.quote_cash == 0.0, "quote currency without a position"),
        (state.pending.is_none_or(|order| (1..=3).contains(&order.signal.abs())), "an order without a side"),
        (
            state.pending.is_none_or(|order| !order.only_closes() || order.side() == -state.direction()),
            "an order that closes nothing",
        ),
        (!run.ended || state.pending.is_none(), "an order beyond the end"),
        (trades_begun(state) == state.next_trade_id, "round trips of another number"),
        (state.position.as_ref().is_none_or(|position| is_possible(position, run)), "a position that cannot be"),
        (state.check_accounts(spec.initial_capital, execution).is_ok(), "accounts that do not add up"),
    ];
    required.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, what)| Err(what))
}

fn trades_begun(state: &State) -> i64 {
    state.metrics.trades().count() as i64 + i64::from(state.position.is_some())
}

fn is_possible(position: &Position, run: &RunState) -> bool {
    let bars = run.spec.warmup_bars as i64..run.next_bar as i64;
    let prices = [position.entry_price, position.highest, position.lowest];
    position.direction.abs() == 1
        && bars.contains(&position.entry_bar)
        && position.trade_id + 1 == run.state.next_trade_id
        && position.quantity > 0.0
        && position.quantity.is_finite()
        && prices.iter().all(|price| price.is_finite())
        && position.lowest <= position.entry_price
        && position.entry_price <= position.highest
}
