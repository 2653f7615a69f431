"""Several symbols at once, a model each, under rules of risk and over one broker.

`DecisionOrchestrator` is for live bars. A backtest does not use it: it tests what a strategy decides, and overrides of
a person or of an account's limits are no part of that. Where no override applies, the fills are those of the backtest,
since decisions, features, net and account are the engine's (see `ktrdr.decision.engine` and DESIGN, "Why does live
trading replay a backtest bit for bit?"). Each override is logged with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ktrdr.data.bars import BarSeries
from ktrdr.decision.base import OVERRIDDEN, Broker, Event, Fill, Order, Override, Step
from ktrdr.decision.broker import reconcile, same_quantity
from ktrdr.decision.engine import DecisionEngine
from ktrdr.decision.risk import DAILY_LOSS, KILL_SWITCH, LARGEST_POSITION, DayState, KillSwitch, RiskLimits
from ktrdr.errors import BrokerMismatch

Log = Callable[[Event], None]


class DecisionOrchestrator:
    """Passes bars to engines, and their orders through the rules of risk to a broker.

    Args:
        engines: by symbol.
        broker: takes the orders.
        market: executes simulated fills at a paper broker; None where the broker fills by itself.
        limits: of position and loss.
        switch: the kill switch; None for none.
        log: receives every override, order and refusal.
        day: the daily loss stop as it was when the run was stopped.
        killed: the reason for which the kill switch had stopped trading before.

    Raises:
        BrokerMismatch: the broker holds another position or order than an engine.
    """

    def __init__(
        self,
        engines: Mapping[str, DecisionEngine],
        broker: Broker,
        *,
        market: Callable[[Fill], None] | None = None,
        limits: RiskLimits | None = None,
        switch: KillSwitch | None = None,
        log: Log | None = None,
        day: DayState | None = None,
        killed: str | None = None,
    ) -> None:
        self.engines = dict(engines)
        self.broker = broker
        self.limits = limits or RiskLimits()
        self.day = day or DayState()
        self.killed = killed
        self._market = market
        self._switch = switch
        self._log: Log = log or _silent
        self._ahead_ns: dict[str, int] = {}
        self.overrides = 0
        for symbol, engine in self.engines.items():
            self._reconcile(symbol, engine)

    @property
    def equity(self) -> float:
        """Returns equity over all symbols, account currency."""
        return sum(engine.equity for engine in self.engines.values())

    def on_bar(self, symbol: str, bar: BarSeries) -> Step | None:
        """Takes the next closed bar of a symbol; None while its warm-up is not done.

        Raises:
            DataError: the bar does not follow those before it.
            BrokerMismatch: the broker holds another position than the run.
        """
        engine = self.engines[symbol]
        time_ns = int(bar.timestamp[0])
        self.day = self.day.at(time_ns, self.equity)
        before = engine.working
        standing = self._standing(engine)
        step = engine.on_bar(bar, standing)
        if step is None:
            return None
        was_stopped = self.day.stopped
        self.day = self.day.after(self.equity, self.limits)
        if self.day.stopped and not was_stopped:
            # An order that waits has not been sent yet, and is not sent any more.
            self._book(engine, before, step, order=step.order if engine.working is None else None)
            loss = self.day.equity - self.equity
            allowed = self.limits.daily_loss
            self._stop(f"{DAILY_LOSS} {loss:,.2f} of at most {allowed:,.2f}: no orders until the next day")
            return step
        if standing is Override.NONE and self._too_large(engine, step):
            step = engine.amend(Override.EXIT if engine.quantity else Override.HOLD)
            self.overrides += 1
        self._book(engine, before, step, order=step.order)
        self._compare(symbol, engine, time_ns)
        return step

    def poll(self) -> bool:
        """Asks the kill switch, also while the feed is silent; returns True once trading has been stopped.

        Orders that wait are cancelled at once, and open positions are closed at the next price there is. A run that is
        behind its broker after a restart stops once it has taken the broker's last bar again.
        """
        reason = self._switch.reason() if self.killed is None and self._switch is not None else None
        if reason is not None and self._is_behind:
            self._cancel_ahead(reason)
        elif reason is not None:
            self.killed = reason
            self._stop(f"{KILL_SWITCH}: {reason}: no orders any more")
        return self.killed is not None

    def _cancel_ahead(self, reason: str) -> None:
        """Cancels orders of bars that the run has yet to take a second time; it stops once it has taken them."""
        for engine in self.engines.values():
            for order in self.broker.working(engine.symbol):
                self._cancel(engine, order, f"by the kill switch: {reason}; the run stops at its bar")

    @property
    def _is_behind(self) -> bool:
        """Returns True while the broker has orders of bars that are taken a second time after a restart."""
        return any((self.engines[name].reached_ns or 0) < ahead for name, ahead in self._ahead_ns.items())

    def _standing(self, engine: DecisionEngine) -> Override:
        if self.killed is None and not self.day.stopped:
            return Override.NONE
        return Override.CLOSE if engine.quantity else Override.HOLD

    def _too_large(self, engine: DecisionEngine, step: Step) -> bool:
        limit = self.limits.largest_position
        if limit is None or step.decision != "traded" or not self._opens(engine, step):
            return False
        notional = engine.expected_notional()
        if notional <= limit:
            return False
        self._note(
            engine, "override", f"{LARGEST_POSITION}: {notional:,.2f} would be above {limit:,.2f}; no new position"
        )
        return True

    def _opens(self, engine: DecisionEngine, step: Step) -> bool:
        """Returns True where the order of a step opens a position, not only closes one."""
        execution = engine.config.strategy.execution
        side = 0 if step.order is None else step.order.side
        filled_now = engine.live is not None and engine.live.fills_at_once
        held = 0.0 if filled_now else engine.quantity
        return held == 0 or (held * side < 0 and execution.on_opposite == "reverse")

    def _stop(self, reason: str) -> None:
        """Cancels every order that waits and closes every position at the next open."""
        for engine in self.engines.values():
            self._note(engine, "override", reason)
            waiting = engine.working
            if waiting is not None and waiting.reason == OVERRIDDEN:
                self._submit(engine, waiting)  # another override closes the position already
                continue
            if waiting is not None:
                self._cancel(engine, waiting, "by the override")
            if waiting is None and not engine.quantity:
                continue
            step = engine.amend(Override.CLOSE if engine.quantity else Override.HOLD)
            self.overrides += 1
            if step.order is not None:
                self._submit(engine, step.order)

    def _book(self, engine: DecisionEngine, before: Order | None, step: Step, order: Order | None) -> None:
        """Sends the fills of a bar to the paper market and its order to the broker."""
        for fill in step.fills:
            if order is None or fill.order_id != order.id:
                self._submit(engine, _order_of(fill, before))
            else:
                self._submit(engine, order)
            if self._market is not None:
                self._market(fill)
        if before is not None and all(fill.order_id != before.id for fill in step.fills):
            self._cancel(engine, before, "it could not be filled")
        if order is not None and all(fill.order_id != order.id for fill in step.fills):
            self._submit(engine, order)

    def _submit(self, engine: DecisionEngine, order: Order) -> None:
        self.broker.submit(order)

    def _cancel(self, engine: DecisionEngine, order: Order, why: str) -> None:
        self.broker.cancel(order.id)
        self._note(engine, "order", f"{order.id} was cancelled: {why}")

    def _reconcile(self, symbol: str, engine: DecisionEngine) -> None:
        if engine.closing_id in [order.id for order in self.broker.working(symbol)]:
            # A process that was killed had closed the position by an override, and had not saved that.
            engine.amend(Override.CLOSE)
        working = engine.working
        # Stored bars may reach beyond what a run has taken, one that was killed before its first save above all.
        last_ns = engine.reached_ns
        ahead = reconcile(self.broker, symbol, quantity=engine.quantity, working=working, last_ns=last_ns)
        if ahead is not None:
            self._ahead_ns[symbol] = ahead
        if working is not None:
            self.broker.submit(working)

    def _compare(self, symbol: str, engine: DecisionEngine, time_ns: int) -> None:
        """Raises ``BrokerMismatch`` where a paper broker holds another position; a real one fills when it can."""
        if self._market is None or time_ns < self._ahead_ns.get(symbol, time_ns):
            return
        held = self.broker.position(symbol)
        if not same_quantity(round(held, 12), round(engine.quantity, 12)):
            raise BrokerMismatch(
                "the broker holds another position than the run",
                where=symbol,
                found=f"{held:g} at the broker",
                expected=f"{engine.quantity:g} in the run",
            )

    def _note(self, engine: DecisionEngine, kind: str, text: str) -> None:
        self._log(Event(engine.last_ns or 0, engine.symbol, kind, text))


def _order_of(fill: Fill, before: Order | None) -> Order:
    """Returns the order that a fill belongs to: the one that waited, or an exit that the bar has touched."""
    if before is not None and before.id == fill.order_id:
        return before
    reason = fill.order_id.rpartition("-")[2]
    return Order(fill.order_id, fill.symbol, fill.side, fill.time_ns, reason)


def _silent(event: Event) -> None:
    """Drops an event, whatever it says."""
