"""Every override stops what it must, on bars by hand; a net that always buys or sells makes the orders."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ktrdr.data.bars import BarSeries
from ktrdr.data.store.repository import Repository
from ktrdr.decision import engine as engines
from ktrdr.decision.base import Action, Event, Fill, Order, Step
from ktrdr.decision.broker import PaperBroker
from ktrdr.decision.orchestrator import DecisionOrchestrator
from ktrdr.decision.risk import FileSwitch, RiskLimits, ask
from ktrdr.errors import ArgumentInvalid, BrokerMismatch
from ktrdr.time import Timeframe
from support.decision.replays import base_bars, engine, expected, furnished
from support.inputs import worlds

WARM = 120
PLAIN = {
    "sizing": {"kind": "fixed_quantity", "quantity": 100.0}, "commission": {"rate": 0.0}, "slippage": {"rate": 0.0},
    "exits": {"stop_loss": None, "take_profit": None, "max_holding_bars": None},
}  # fmt: skip


class Desk:
    """An orchestrator over one engine whose net says what a test wants, after the warm-up."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, separation: float = 0.0, **rest: Any) -> None:
        file = furnished(
            folder, decisions={"confidence_threshold": 0.0, "filters": {"min_signal_separation": separation}}
        )
        file = {**file, "execution": PLAIN | rest.pop("execution", {})}
        self.says = 0
        monkeypatch.setattr(engines.LiveRun, "_score", lambda *_: Action(self.says, 0.9))
        self.engine = engine(folder, file)
        self.broker = PaperBroker(None)
        self.events: list[Event] = []
        self.make(**rest)
        walk = base_bars(WARM)
        for row in range(WARM):
            self.desk.on_bar("EURUSD", walk.rows(row, row + 1))
        self.price = float(walk.close[-1])
        self.stamp = int(walk.timestamp[-1])
        self.rows = WARM

    def make(self, **rest: Any) -> None:
        self.desk = DecisionOrchestrator(
            {"EURUSD": self.engine}, self.broker, market=self.broker.execute, log=self.events.append, **rest
        )

    def bar(self, says: int, close: float | None = None, hours: int = 1) -> Step:
        """One more bar, from the last price to that close."""
        self.says = says
        self.stamp += hours * Timeframe.H1.ns
        low, high = sorted((self.price, self.price if close is None else close))
        opened = self.price
        self.price = self.price if close is None else close
        columns = {"open": opened, "high": high, "low": low, "close": self.price, "volume": 1.0}
        row = {name: np.array([value]) for name, value in columns.items()}
        step = self.desk.on_bar("EURUSD", BarSeries("EURUSD", Timeframe.H1, np.array([self.stamp]), **row))
        assert step is not None
        return step

    @property
    def overrides(self) -> list[str]:
        return [event.text for event in self.events if event.kind == "override"]


Make = Callable[..., Desk]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    return lambda **rest: Desk(tmp_path, monkeypatch, **rest)


def test_orders_reach_the_broker_and_fill_at_the_next_open(make: Make) -> None:
    desk = make()
    step = desk.bar(1)
    assert step.order == Order(f"run-EURUSD-{WARM}", "EURUSD", 1, desk.stamp, "signal")
    assert list(desk.broker.working("EURUSD")) == [step.order] and desk.broker.position("EURUSD") == 0
    fill = desk.bar(0).fills[0]
    assert (fill.order_id, fill.quantity, desk.broker.position("EURUSD")) == (step.order.id, 100.0, 100.0)
    assert desk.overrides == []


def test_a_touched_stop_is_sent_as_an_order_of_its_own(make: Make) -> None:
    desk = make(execution={"exits": {"stop_loss": {"rate": 0.01}}})
    desk.bar(1)
    desk.bar(0)
    fill = desk.bar(0, close=desk.price * 0.95).fills[0]
    assert fill.order_id == f"run-EURUSD-{WARM + 2}-stop_loss" and desk.broker.position("EURUSD") == 0


def test_an_order_that_cannot_be_filled_is_cancelled(make: Make) -> None:
    desk = make(execution={"sizing": {"kind": "fixed_notional", "notional": 1e9}})
    desk.bar(1)
    desk.bar(0)
    assert not desk.broker.working("EURUSD") and "could not be filled" in desk.events[-1].text


def test_a_position_above_the_largest_is_not_opened(make: Make) -> None:
    desk = make(limits=RiskLimits(largest_position=100.0))  # 100 units at about 1.1 are 110
    step = desk.bar(1)
    assert step.order is None and step.decision == "hold" and not desk.broker.working("EURUSD")
    assert desk.bar(0).fills == ()
    assert len(desk.overrides) == 1 and desk.overrides[0].startswith("largest position: 1")


def test_a_position_below_the_largest_is_opened(make: Make) -> None:
    desk = make(limits=RiskLimits(largest_position=200.0))
    assert desk.bar(1).order is not None and desk.overrides == []


def test_a_reversal_into_too_large_a_position_only_closes(make: Make) -> None:
    desk = make(execution={"on_opposite": "reverse"})
    desk.bar(1)
    desk.bar(0)
    desk.make(limits=RiskLimits(largest_position=100.0))
    assert desk.bar(-1).order is not None
    assert len(desk.bar(0).fills) == 1 and desk.broker.position("EURUSD") == 0


def test_a_days_loss_closes_the_position_and_stops_until_the_next_day(make: Make) -> None:
    desk = make(limits=RiskLimits(daily_loss=5.0), separation=48.0)
    desk.bar(1)
    desk.bar(0)
    step = desk.bar(0, close=desk.price - 0.06)  # 100 units lose 6
    assert step.order is None and "daily loss 6.00 of at most 5.00" in desk.overrides[0]
    closing = desk.broker.working("EURUSD")[0]
    assert (closing.side, closing.reason) == (-1, "override")
    fills = desk.bar(1).fills
    assert [fill.order_id for fill in fills] == [closing.id] and desk.engine.quantity == 0
    assert [desk.bar(1).order for _ in range(3)] == [None] * 3
    later = desk.bar(1, hours=72)  # the next day, beyond the separation of 48 hours
    assert later.order is not None and len(desk.overrides) == 1


def test_a_smaller_loss_stops_nothing(make: Make) -> None:
    desk = make(limits=RiskLimits(daily_loss=7.0))
    desk.bar(1)
    desk.bar(0)
    desk.bar(0, close=desk.price - 0.06)
    assert desk.overrides == [] and desk.engine.quantity == 100


@pytest.mark.parametrize("held", [False, True])
def test_a_kill_switch_works_while_the_feed_is_silent(make: Make, tmp_path: Path, held: bool) -> None:
    file = tmp_path / "run.kill"
    desk = make(switch=FileSwitch([file]), separation=48.0)
    desk.bar(1)
    if held:
        desk.bar(0)
    assert desk.desk.poll() is False
    ask(file, "the flat is on fire")
    assert desk.desk.poll() is True  # no bar has come
    assert desk.overrides == ["kill switch: the flat is on fire: no orders any more"]
    working = desk.broker.working("EURUSD")
    assert [order.side for order in working] == ([-1] if held else [])
    if held:
        ends = engines.DecisionEngine("run", desk.engine.config, held=desk.engine.held())
        ends.finish()
        assert ends.live is not None  # its rules are not those of the override
        rules = json.loads(ends.live.account.stream._core.rules)
        assert rules["decisions"]["filters"]["min_signal_separation"] == 48.0
    desk.bar(1)
    assert desk.engine.quantity == 0 and desk.broker.position("EURUSD") == 0
    assert [desk.bar(1).order for _ in range(3)] == [None] * 3
    assert len(desk.broker.fills()) == (2 if held else 0)


def test_a_kill_leaves_the_close_of_a_days_loss_as_it_is(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "run.kill"
    desk = make(limits=RiskLimits(daily_loss=5.0), switch=FileSwitch([file]))
    desk.bar(1)
    desk.bar(0)
    desk.bar(0, close=desk.price - 0.06)
    closing = list(desk.broker.working("EURUSD"))
    ask(file, "enough")
    assert desk.desk.poll() is True
    assert list(desk.broker.working("EURUSD")) == closing and closing[0].reason == "override"
    assert [fill.order_id for fill in desk.bar(1).fills] == [closing[0].id]
    assert desk.bar(1, hours=48).order is None  # the next day, but a kill has no end


def test_a_days_loss_after_a_kill_sends_the_close_once(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "run.kill"
    desk = make(limits=RiskLimits(daily_loss=5.0), switch=FileSwitch([file]))
    desk.bar(1)
    desk.bar(0)
    ask(file, "enough")
    desk.desk.poll()
    closing = desk.broker.working("EURUSD")[0]
    desk.price -= 0.06  # the bar opens there, so the close is filled at a loss beyond the limit
    step = desk.bar(1)
    assert [fill.order_id for fill in step.fills] == [closing.id] and step.order is None
    assert desk.desk.day.stopped and not desk.broker.working("EURUSD") and desk.engine.quantity == 0
    assert len(desk.broker.fills()) == 2


def test_a_close_that_was_sent_but_not_saved_is_taken_over_at_the_start(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "run.kill"
    desk = make(switch=FileSwitch([file]))
    desk.bar(1)
    desk.bar(0)
    held = desk.engine.held()
    signals, confidences, forced = (column.copy() for column in held.actions)
    ask(file, "enough")
    desk.desk.poll()
    closing = desk.broker.working("EURUSD")[0]
    saved = replace(held, actions=(signals, confidences, forced))
    desk.engine = engines.DecisionEngine("run", desk.engine.config, held=saved)  # killed before its next save
    assert desk.engine.working is None and desk.engine.quantity == 100
    desk.make(switch=FileSwitch([file]))
    assert desk.engine.working == closing and list(desk.broker.working("EURUSD")) == [closing]
    desk.desk.poll()
    assert [fill.order_id for fill in desk.bar(1).fills] == [closing.id] and desk.broker.position("EURUSD") == 0


def test_a_kill_while_bars_are_yet_to_be_taken_again_cancels_at_once(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "run.kill"
    desk = make(switch=FileSwitch([file]))
    desk.bar(0)
    held = desk.engine.held()
    stamp = desk.stamp
    price = desk.price
    order = desk.bar(1).order
    desk.engine = engines.DecisionEngine("run", desk.engine.config, held=held)  # killed before its next save
    desk.make(switch=FileSwitch([file]))
    assert list(desk.broker.working("EURUSD")) == [order]
    ask(file, "enough")
    assert desk.desk.poll() is desk.desk.poll() is False  # the feed is silent, and the run is behind its broker
    assert not desk.broker.working("EURUSD")
    cancelled = "was cancelled: by the kill switch: enough; the run stops at its bar"
    assert [event.text for event in desk.events] == [f"run-EURUSD-{WARM + 1} {cancelled}"]
    desk.stamp = stamp
    desk.price = price
    desk.bar(1)
    assert desk.desk.poll() is True
    assert desk.bar(1).fills == () and not desk.broker.fills()


def test_an_order_is_never_sent_twice(make: Make) -> None:
    desk = make()
    desk.bar(1)
    desk.make()  # as after a restart
    assert len(desk.broker.working("EURUSD")) == 1
    desk.bar(0)
    assert desk.broker.position("EURUSD") == 100


def test_a_broker_that_lacks_an_order_gets_it_at_the_start(make: Make) -> None:
    desk = make()
    order = desk.bar(1).order
    desk.broker = PaperBroker(None)
    desk.make()
    assert list(desk.broker.working("EURUSD")) == [order]


def test_a_broker_that_differs_is_refused(make: Make) -> None:
    desk = make()
    desk.bar(1)
    desk.bar(0)
    desk.broker = PaperBroker(None)
    with pytest.raises(BrokerMismatch, match="found 0 at the broker, expected 100 in the run"):
        desk.make()
    order = Order("other-1", "EURUSD", 1, 0, "signal")
    desk.broker.submit(order)
    desk.broker.execute(Fill("f", "other-1", "EURUSD", 1, 0, 100.0, 1.1, 0.0))
    desk.make()
    desk.broker.submit(Order("other-2", "EURUSD", 1, 0, "signal"))
    with pytest.raises(BrokerMismatch, match="does not know: found other-2"):
        desk.make()


@pytest.mark.parametrize(
    ("stored", "start", "killed"),
    [(600, None, False), (420, None, False), (400, None, False), (600, 410, False), (600, None, True)],
    ids=["beyond the feed", "into the feed", "up to the feed", "with a start", "with a kill"],
)
def test_a_run_that_was_never_saved_takes_the_bars_of_its_feed_again(
    tmp_path: Path, stored: int, start: int | None, killed: bool
) -> None:
    """All that the broker has done is ahead of such a run, whatever bars are stored."""
    frame = worlds.frame(600)
    file = furnished(tmp_path)
    frame[:stored].write_parquet(Repository(tmp_path).path("EURUSD", Timeframe.H1))
    first = 400 if start is None else start
    begun = {} if start is None else {"start": frame["timestamp"][start]}
    want = expected(tmp_path, file, "mlp", 600, start=frame["timestamp"][first])
    broker = PaperBroker(None)
    file_of_kill = tmp_path / "run.kill"
    bars = base_bars(600)

    def desk() -> DecisionOrchestrator:
        live = engine(tmp_path, file, **begun)
        switch = FileSwitch([file_of_kill])
        return DecisionOrchestrator({"EURUSD": live}, broker, market=broker.execute, switch=switch)

    for stop in (430, 500):
        lost = desk()
        for row in range(first, stop):
            lost.on_bar("EURUSD", bars.rows(row, row + 1))
    assert len(broker.fills()) > 2
    acts_ns = [*(fill.time_ns for fill in broker.fills()), *(order.time_ns for order in broker.working("EURUSD"))]
    again = desk()
    if killed:
        ask(file_of_kill, "enough")
        assert again.poll() is False
    for row in range(first, 600):
        again.on_bar("EURUSD", bars.rows(row, row + 1))
        assert again.poll() is (killed and int(bars.timestamp[row]) >= max(acts_ns))
    found = again.engines["EURUSD"].finish()
    assert killed or found.result_hash == want.result_hash
    assert len(broker.fills()) == found.fills.height


def test_a_broker_that_differs_is_refused_where_the_run_has_taken_its_bars_again(tmp_path: Path) -> None:
    file = furnished(tmp_path)
    worlds.frame(600).write_parquet(Repository(tmp_path).path("EURUSD", Timeframe.H1))
    bars = base_bars(600)
    broker = PaperBroker(None)
    foreign = Order("other-1", "EURUSD", 1, int(bars.timestamp[404]), "signal")
    broker.submit(foreign)
    broker.execute(Fill("f", foreign.id, "EURUSD", 1, int(bars.timestamp[405]), 77.0, 1.1, 0.0))
    desk = DecisionOrchestrator({"EURUSD": engine(tmp_path, file)}, broker, market=broker.execute)
    for row in range(400, 405):
        desk.on_bar("EURUSD", bars.rows(row, row + 1))
    with pytest.raises(BrokerMismatch, match="EURUSD: the broker holds another position than the run"):
        desk.on_bar("EURUSD", bars.rows(405, 406))


def test_limits_are_above_zero() -> None:
    with pytest.raises(ArgumentInvalid, match="daily_loss: a limit must be above 0"):
        RiskLimits(daily_loss=0.0)
