"""Spans of a cycle: bars to train on, an embargo, later bars for the backtest; never one bar in two of them."""

from __future__ import annotations

import numpy as np
import pytest

from ktrdr._types import Floats, Stamps
from ktrdr.data.bars import BarSeries
from ktrdr.errors import DataNotFound, DataTooShort
from ktrdr.research.spans import Spans, choose_spans
from ktrdr.time import NS_PER_HOUR, Span, Timeframe

H1 = Timeframe.H1
H4 = Timeframe.H4


class Stored:
    """Stamps by symbol and timeframe."""

    def __init__(self, stamps: dict[tuple[str, Timeframe], Stamps]) -> None:
        self._stamps = stamps

    def stamps(self, symbol: str, timeframe: Timeframe) -> Stamps:
        if (symbol, timeframe) not in self._stamps:
            raise DataNotFound("no such series", symbol=symbol, timeframe=timeframe.value)
        return self._stamps[symbol, timeframe]

    def rows(self, symbol: str, timeframe: Timeframe, first: int, stop: int) -> BarSeries:
        raise AssertionError("spans need no prices")

    def context(self, context_id: str) -> tuple[Stamps, Floats]:
        raise AssertionError("spans need no context")


def hours(first: int, count: int, step: int = 1) -> Stamps:
    return (first + np.arange(count, dtype=np.int64) * step) * NS_PER_HOUR


def spans(stored: dict[tuple[str, Timeframe], Stamps], asked: Span | None = None) -> Spans:
    symbols = sorted({symbol for symbol, _ in stored})
    timeframes = sorted({timeframe for _, timeframe in stored})
    return choose_spans(Stored(stored), symbols, timeframes, asked or Span(), resample=False)


def test_training_embargo_and_evaluation_follow_each_other() -> None:
    found = spans({("A", H1): hours(0, 1_000)})
    assert found.train == Span(0, 700 * NS_PER_HOUR)
    assert found.evaluation == Span(710 * NS_PER_HOUR, 1_000 * NS_PER_HOUR)


def test_only_bars_that_every_series_covers_are_used() -> None:
    found = spans({("A", H1): hours(0, 2_000), ("A", H4): hours(400, 250, 4), ("B", H1): hours(0, 1_300)} | {
        ("B", H4): hours(0, 500, 4)
    })  # fmt: skip
    assert found.train.start_ns == 400 * NS_PER_HOUR
    assert found.evaluation.end_ns == 1_300 * NS_PER_HOUR


def test_dates_limit_them() -> None:
    asked = Span(100 * NS_PER_HOUR, 800 * NS_PER_HOUR)
    found = spans({("A", H1): hours(0, 1_000)}, asked)
    assert (found.train.start_ns, found.evaluation.end_ns) == (asked.start_ns, asked.end_ns)


def test_they_survive_as_text() -> None:
    found = spans({("A", H1): hours(480_000, 1_000)})
    assert Spans.of(found.to_dict()) == found


@pytest.mark.parametrize("count", [0, 1, 499])
def test_too_few_bars_are_refused_with_their_number(count: int) -> None:
    with pytest.raises(DataTooShort, match=rf"A 1h: too few bars .*: found {count} bars that all of 1h cover"):
        spans({("A", H1): hours(0, count)})


def test_a_series_that_is_missing_is_named() -> None:
    with pytest.raises(DataNotFound, match="A"):
        choose_spans(Stored({}), ["A"], [H1], Span(), resample=False)
