"""The bars that a base bar may know, against the rule written out bar by bar."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr.data.bars import BarSeries
from ktrdr.feature_pipeline.alignment import align, align_known
from ktrdr.time import Timeframe
from support.inputs import markets

HOUR_NS = Timeframe.H1.ns


def reference(base: BarSeries, other: BarSeries) -> list[tuple[int, bool]]:
    """Visible row (-1: none) and staleness of every base bar, one sentence of the rule a line."""
    length = other.timeframe.ns
    found = []
    for opened in base.timestamp:
        closed = opened + base.timeframe.ns
        visible = [row for row, stamp in enumerate(other.timestamp) if stamp + length <= closed]
        row = visible[-1] if visible else -1
        stale = False
        if row >= 0 and other.timeframe < base.timeframe:
            row = row if other.timestamp[row] >= opened else -1
        elif row >= 0:
            value_closed = other.timestamp[row] + length
            stale = any(value_closed <= one <= closed - 2 * length for one in base.timestamp)
        found.append((-1 if stale else row, stale))
    return found


def kept(bars: BarSeries, rows: list[int]) -> BarSeries:
    names = ("timestamp", "open", "high", "low", "close", "volume")
    return replace(bars, **{name: getattr(bars, name)[rows] for name in names})


@pytest.mark.parametrize(
    ("base", "other"),
    [
        (Timeframe.M15, Timeframe.H1), (Timeframe.H1, Timeframe.H4), (Timeframe.H4, Timeframe.D1),
        (Timeframe.H1, Timeframe.M15), (Timeframe.D1, Timeframe.W1), (Timeframe.H4, Timeframe.H1),
    ],
)  # fmt: skip
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_rows_and_staleness_follow_the_rule(base: Timeframe, other: Timeframe, data: st.DataObject) -> None:
    ratio = max(base.ns // other.ns, other.ns // base.ns)
    long = 14
    short = 14 * ratio
    counts = (short, long) if base < other else (long, short)
    draw = lambda n: data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=n, unique=True).map(sorted))  # noqa: E731
    series = [kept(markets.walk(1, n, timeframe), draw(n)) for n, timeframe in zip(counts, (base, other), strict=True)]
    offset = data.draw(st.sampled_from([0, Timeframe.M15.ns])) if base.intraday and other.intraday else 0
    series[1] = replace(series[1], timestamp=series[1].timestamp + offset)
    found = align(*series)
    assert list(zip(found.row.tolist(), found.stale.tolist(), strict=True)) == reference(*series)


def bars(timeframe: Timeframe, hours: list[float]) -> BarSeries:
    column = np.ones(len(hours))
    stamps = np.array([int(hour * HOUR_NS) for hour in hours], np.int64)
    return BarSeries("X", timeframe, stamps, column, column, column, column)


def test_an_hour_is_known_at_the_five_minute_bar_that_closes_with_it() -> None:
    base = bars(Timeframe.M5, [10 + k / 12 for k in range(13)])
    found = align(base, bars(Timeframe.H1, [10]))
    assert found.row.tolist() == [-1] * 11 + [0, 0]  # opens 10:55, closes 11:00


def test_a_missing_hour_is_bridged_and_two_are_not() -> None:
    # The 1h bars of 11:00 and 12:00 are missing. At c = 13:00 the base had opened a bar at 11:00 = c - 2h: stale.
    base = bars(Timeframe.M30, [10 + k / 2 for k in range(10)])
    found = align(base, bars(Timeframe.H1, [10, 13]))
    closes = [10.5 + k / 2 for k in range(10)]
    stale_at = [close for close, stale in zip(closes, found.stale, strict=True) if stale]
    assert stale_at == [13.0, 13.5]
    assert [row for close, row in zip(closes, found.row, strict=True) if close >= 14] == [1, 1, 1]


def test_a_weekend_is_not_stale() -> None:
    base = bars(Timeframe.H1, [16, 17, 18, 19, *range(66, 72)])
    found = align(base, bars(Timeframe.H4, [16, 66]))
    assert not found.stale.any()
    assert found.row.tolist() == [-1, -1, -1, 0, 0, 0, 0, 1, 1, 1]


def test_a_series_that_ended_is_stale_for_good() -> None:
    base = bars(Timeframe.H1, [float(k) for k in range(40)])
    found = align(base, bars(Timeframe.H4, [0, 4]))
    assert found.row[7:15].tolist() == [1] * 8  # closed at 8; a base bar opened at 8 is two lengths before 16
    assert found.row[15:].tolist() == [-1] * 25
    assert found.stale[15:].all()


def test_a_finer_bar_counts_only_inside_the_base_bar() -> None:
    base = bars(Timeframe.H1, [0, 1, 2])
    found = align(base, bars(Timeframe.M30, [0, 0.5, 2.0]))
    assert found.row.tolist() == [1, -1, 2]


def test_nothing_is_known_of_an_empty_series() -> None:
    base = bars(Timeframe.H1, [0, 1, 2])
    for timeframe in (Timeframe.H4, Timeframe.M5):
        assert align(base, bars(timeframe, [])).row.tolist() == [-1] * 3


def test_external_values_are_carried_forward_without_limit() -> None:
    base = bars(Timeframe.H1, [0, 1, 2, 500])
    known = np.array([0, 2 * HOUR_NS, 2 * HOUR_NS + 1], np.int64)
    assert align_known(base, known).row.tolist() == [0, 1, 2, 2]
    assert align_known(base, known[1:]).row.tolist() == [-1, 0, 1, 1]
    assert align_known(base, known[:0]).row.tolist() == [-1] * 4
