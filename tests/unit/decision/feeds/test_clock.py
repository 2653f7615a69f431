"""The wall clock beside a feed: not due, late, missing, and what is reported of that."""

from __future__ import annotations

import pytest

from ktrdr.decision.base import Event
from ktrdr.decision.feeds.clock import FeedClock
from ktrdr.time import NS_PER_SECOND, Timeframe

HOUR_S = 3_600
FIRST_S = 480_000 * HOUR_S


class Wall:
    """A clock that a test sets, seconds after the first bar's begin, beside a feed of hours."""

    def __init__(self) -> None:
        self.now_s = 0
        self.events: list[Event] = []
        now_ns = lambda: (FIRST_S + self.now_s) * NS_PER_SECOND  # noqa: E731
        self.clock = FeedClock("EURUSD", Timeframe.H1, self.events.append, now_ns)

    def took(self, hour: int, now_s: int) -> None:
        self.now_s = now_s
        self.clock.took((FIRST_S + hour * HOUR_S) * NS_PER_SECOND)

    def look(self, hour: int, now_s: int) -> str | None:
        """The words on the bar after that hour's, and whatever is reported."""
        self.now_s = now_s
        last_ns = (FIRST_S + hour * HOUR_S) * NS_PER_SECOND
        self.clock.look(last_ns)
        return self.clock.state(last_ns)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


@pytest.mark.parametrize(
    ("now_s", "words"),
    [
        (HOUR_S, "due at 2024-10-04T02:00:00Z"),
        (2 * HOUR_S - 1, "due at 2024-10-04T02:00:00Z"),
        (2 * HOUR_S, "late by 0 s"),
        (3 * HOUR_S - 1, "late by 3,599 s"),
        (3 * HOUR_S, "1 missing by the clock"),
        (51 * HOUR_S, "49 missing by the clock"),
    ],
)
def test_the_words_for_the_bar_after_the_first_one(now_s: int, words: str) -> None:
    assert Wall().look(0, now_s) == words


def test_a_silence_is_reported_once_and_so_is_its_end() -> None:
    wall = Wall()
    wall.took(0, HOUR_S + 2)
    for now_s in (2 * HOUR_S + 60, 3 * HOUR_S - 1):
        wall.look(0, now_s)
    assert wall.kinds == []
    for now_s in (3 * HOUR_S, 4 * HOUR_S, 50 * HOUR_S):
        wall.look(0, now_s)
    assert wall.kinds == ["silent"] and "2024-10-04T01:00:00Z has not come" in wall.events[0].text
    wall.took(1, 50 * HOUR_S)
    wall.took(49, 50 * HOUR_S + 1)
    assert wall.kinds == ["silent", "resumed"]
    assert wall.events[1].text == "2024-10-04T01:00:00Z came 172,800 s after its close"
    wall.look(49, 52 * HOUR_S)
    assert wall.kinds == ["silent", "resumed", "silent"]


def test_history_that_a_feed_brings_first_is_no_silence() -> None:
    wall = Wall()
    for hour in range(3):
        wall.took(hour, 500 * HOUR_S)
        assert wall.look(hour, 500 * HOUR_S) == f"{498 - hour} missing by the clock"
    assert wall.kinds == [] and wall.clock.state(None) is None
