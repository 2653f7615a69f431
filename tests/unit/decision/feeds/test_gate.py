"""Only sound bars that follow the last one pass the gate; the rest has a report each."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ktrdr.decision.base import Event
from ktrdr.decision.feeds.base import Line
from ktrdr.decision.feeds.gate import BarGate
from ktrdr.errors import DataTimeframe
from ktrdr.time import Timeframe

HOUR_NS = Timeframe.H1.ns
FIRST = 480_000  # hours since 1970: 2024-10-04 00:00


class Gate:
    """A gate and what it has let pass and reported."""

    def __init__(self, last: int | None = None, timeframe: Timeframe = Timeframe.H1) -> None:
        self.events: list[Event] = []
        last_ns = None if last is None else (FIRST + last) * HOUR_NS
        self.gate = BarGate("EURUSD", timeframe, last_ns, self.events.append)

    def bar(self, hour: float, **changes: Any) -> list[float]:
        """The hours that pass after a bar at that hour."""
        stamp = round((FIRST + hour) * HOUR_NS)
        values = {"timestamp": stamp, "open": 2.0, "high": 3.0, "low": 1.0, "close": 2.0} | changes
        passed = self.gate.admit(Line(values, "line 1"))
        return [int(bar.timestamp[0]) / HOUR_NS - FIRST for bar in passed]

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


def test_bars_in_order_pass_without_a_word() -> None:
    gate = Gate()
    assert [gate.bar(hour) for hour in range(3)] == [[0], [1], [2]]
    assert gate.kinds == []


@pytest.mark.parametrize(
    "changes",
    [
        {"high": 1.5}, {"low": float("nan")}, {"close": float("inf")}, {"open": -1.0}, {"close": "abc"},
        {"close": None}, {"close": True}, {"timestamp": "2024-10-04T02:00:00"}, {"timestamp": "yesterday"},
        {"timestamp": 5}, {"timestamp": 1.5}, {"symbol": "GBPUSD"}, {"volume": -1.0}, {"volume": 5.0}, {"low": 10**400},
    ],
)  # fmt: skip
def test_a_bad_bar_is_refused_and_shows_as_a_gap(changes: dict[str, Any]) -> None:
    gate = Gate()
    assert gate.bar(0) == [0]
    assert gate.bar(1, **changes) == []
    assert gate.kinds == ["bad_bar"] and "line 1" in gate.events[0].text
    assert gate.bar(2) == [2]
    assert gate.kinds == ["bad_bar", "gap"] and gate.gate.counts["missing"] == 1


def test_a_corrected_bar_is_taken_in_its_place() -> None:
    gate = Gate()
    gate.bar(0)
    gate.bar(1, high=0.5)
    assert gate.bar(1) == [1]


def test_known_bars_are_passed_over_and_revised_ones_reported() -> None:
    gate = Gate()
    gate.bar(0)
    gate.bar(1)
    assert gate.bar(1) == gate.bar(0) == [] and gate.kinds == []
    assert gate.bar(1, close=1.5) == [] and gate.kinds == ["revised"]


def test_a_late_bar_differs_from_a_missing_one() -> None:
    gate = Gate()
    gate.bar(0)
    assert gate.bar(4) == [4]
    assert gate.kinds == ["gap"] and gate.events[0].text.startswith("3 bars missing")
    assert gate.bar(2) == [] and gate.kinds == ["gap", "late"]
    assert gate.gate.counts == {"bars": 2, "refused": 1, "missing": 2, "late": 1}
    assert gate.bar(-5) == [] and gate.kinds[-1] == "older"
    assert gate.bar(6) == [6]
    assert re.fullmatch(r"1 bar missing: \S+Z", gate.events[-1].text)


def test_bars_from_before_a_restart_are_passed_over_until_a_new_one_comes() -> None:
    gate = Gate(last=10)
    assert [gate.bar(hour) for hour in (8, 9, 10)] == [[], [], []] and gate.kinds == []
    assert gate.bar(11) == [11]
    assert gate.bar(9) == [] and gate.kinds == ["older"]


def test_an_overlapping_bar_is_refused_and_three_in_a_row_end_the_run() -> None:
    gate = Gate()
    gate.bar(0)
    assert gate.bar(0.5) == [] and gate.kinds == ["spacing"]
    assert gate.bar(1) == [1]
    gate.bar(1.25)
    gate.bar(1.5)
    with pytest.raises(DataTimeframe, match=r"3 bars in a row overlap .* found 2700 s apart, expected 3600 s"):
        gate.bar(1.75)


@pytest.mark.parametrize("closed", [False, "false", "0", 0, "no", None])
def test_a_bar_that_has_not_closed_is_refused(closed: object) -> None:
    gate = Gate()
    assert gate.bar(0, closed=closed) == [] and gate.kinds == ["unfinished"]
    assert gate.bar(0, closed="True") == [0]


def test_a_bar_from_the_future_does_not_make_the_present_late() -> None:
    gate = Gate()
    now_ns = (FIRST + 2) * HOUR_NS
    gate.gate = BarGate("EURUSD", Timeframe.H1, None, gate.events.append, now_ns=lambda: now_ns)
    assert gate.bar(0) == [0]
    assert gate.bar(5_000) == gate.bar(2) == [] and gate.kinds == ["unfinished"] * 2
    assert "closes 17,996,400 s from now" in gate.events[0].text
    assert gate.bar(1) == [1]


def test_rubbish_does_not_fill_the_log() -> None:
    gate = Gate()
    for _ in range(2_000):
        gate.bar(0, close="abc")
    assert len(gate.events) == 20 + 2 and gate.events[-1].text.startswith("1,000 refused in a row; the last: line 1")
    assert gate.gate.counts["refused"] == 2_000
    gate.bar(0)
    gate.bar(1, close="abc")
    assert len(gate.events) == 23


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
odd_stamps = st.sampled_from(["²", "--5", "9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9" * 5_000, 10**4_000, -1])


@given(stamp=anything | odd_stamps, price=anything, more=st.dictionaries(st.text(max_size=6), anything, max_size=2))
@example(stamp=441_207_430_216_252, price={}, more={})
def test_no_value_ends_a_run(stamp: object, price: object, more: dict[str, object]) -> None:
    gate = Gate()
    assert gate.bar(0, **{**more, "timestamp": stamp}) == [] or isinstance(stamp, int | str)
    gate.bar(1, close=price)
    # A first stamp that is off the hour leaves the next bar off its grid: that bar comes with the one after it.
    assert gate.bar(2) + gate.bar(3) == [2, 3]


def test_only_so_many_missing_bars_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ktrdr.decision.feeds.gate._MOST_MISSING", 3)
    gate = Gate()
    for hour in (0, 6, 12):
        gate.bar(hour)
    for hour in (3, 2, 9):  # the last three of the first gap are remembered; the second one finds no room
        gate.bar(hour)
    assert gate.kinds == ["gap", "gap", "late", "older", "older"]
    assert gate.gate.counts["missing"] == 9


def test_a_bar_off_the_grid_waits_for_the_next_one() -> None:
    gate = Gate()
    gate.bar(0)
    assert gate.bar(1.5) == [] and gate.kinds == []
    assert gate.bar(2) == [2] and gate.kinds == ["spacing", "gap"]


def test_a_market_whose_clock_changes_keeps_every_bar() -> None:
    gate = Gate(timeframe=Timeframe.H4)
    assert [gate.bar(hour) for hour in (0, 4)] == [[0], [4]]
    assert gate.bar(9) == []  # an hour later than the grid
    assert gate.bar(13) == [9, 13] and gate.kinds == ["grid"]


def test_a_feed_of_longer_bars_ends_the_run() -> None:
    gate = Gate()
    with pytest.raises(DataTimeframe, match="no bar of the feed follows the one before it"):
        for hour in range(0, 80, 4):
            gate.bar(hour)


def test_lines_that_are_no_bars() -> None:
    gate = Gate()
    assert gate.gate.admit(Line(None, "line 7", "not JSON")) == []
    assert gate.bar(0, closed=False) == []
    assert gate.kinds == ["bad_line", "unfinished"] and gate.events[0].text == "line 7: not JSON"
