"""Curves as pictures: nothing of a drawdown is lost, and an axis has round times at every scale."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl
import pytest

from ktrdr.worker.pages.parts.chart import Curve, curves_chart, time_ticks

HOUR_NS = 3_600_000_000_000


def curve(values: list[float], step_ns: int = HOUR_NS) -> Curve:
    return Curve(np.arange(len(values), dtype=np.int64) * step_ns, np.array(values))


def test_a_long_curve_keeps_its_ends_and_extremes() -> None:
    values = np.linspace(100.0, 200.0, 100_003)
    values[70_001] = 5.0
    values[3] = 900.0
    found = Curve(np.arange(100_003, dtype=np.int64), values).thinned()
    assert len(found.values) < 1_500
    assert (found.values.min(), found.values.max()) == (5.0, 900.0)
    assert (found.times_ns[0], found.times_ns[-1]) == (0, 100_002)
    assert (np.diff(found.times_ns) > 0).all()


def test_bars_without_equity_are_left_out() -> None:
    times = pl.Series([0, 1, 2], dtype=pl.Datetime("ns", "UTC"))
    frame = pl.DataFrame({"time": times, "equity": [1.0, float("nan"), 3.0]})
    assert Curve.of(frame).values.tolist() == [1.0, 3.0]


@pytest.mark.parametrize("values", [[100.0], [100.0] * 5, [1.0, 2.0, 3.0]])
def test_every_curve_is_a_whole_picture(values: list[float]) -> None:
    found = curves_chart([curve(values), curve([])], lambda value: f"<{value}>", "of <b>")
    root = ET.fromstring(found)
    assert root.get("aria-label") == "of <b>"
    (points,) = re.findall('points="([^"]+)"', found)
    assert len(points.split()) == len(values)
    assert "nan" not in found
    assert curves_chart([curve([])], str, "nothing") == ""


@pytest.mark.parametrize("span_s", [0, 60, 3_600, 86_400, 40 * 86_400, 400 * 86_400, 30 * 365 * 86_400, 9e9])
def test_an_axis_of_time_at_every_scale(span_s: float) -> None:
    low = 1_704_067_200_000_000_000
    high = low + int(span_s * 1e9)
    found = time_ticks(low, min(high, 2**63 - 2))
    assert len(found) <= 5
    assert all(low <= stamp <= high for stamp, _ in found)
    assert len({words for _, words in found}) == len(found)
