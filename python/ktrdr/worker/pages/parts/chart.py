"""Curves over time as inline SVG that fills its column: lines stretch with the screen, words keep their size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl
from markupsafe import Markup, escape

from ktrdr._types import Floats, Stamps
from ktrdr.report.figures import Format, Scale, ticks
from ktrdr.time import NS_PER_SECOND, SECONDS_PER_UNIT

_WIDTH = 1_000.0
_HEIGHT = 220.0
_POINTS = 600
"""Pairs of extremes that are drawn of a curve; more would lie on the same pixels."""
_DAY_S = SECONDS_PER_UNIT["d"]
_STEPS = (
    *(("m", count, SECONDS_PER_UNIT["m"], "%H:%M") for count in (1, 5, 15)),
    *(("h", count, SECONDS_PER_UNIT["h"], "%m-%d %H:%M") for count in (1, 3, 6, 12)),
    *(("D", count, _DAY_S, "%Y-%m-%d") for count in (1, 2, 7, 14)),
    *(("M", count, 30.44 * _DAY_S, "%Y-%m") for count in (1, 2, 3, 4, 6)),
    *(("Y", count, 365.25 * _DAY_S, "%Y") for count in (1, 2, 5, 10, 50, 200)),
)
"""Steps of an axis of time, the finest first: unit, number of units, seconds of a unit, words."""


@dataclass(frozen=True)
class Curve:
    """Values over an axis of time.

    Args:
        times_ns: stamps, increasing [n, int64, ns UTC].
        values: of each stamp [n, float64].
    """

    times_ns: Stamps
    values: Floats

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Curve:
        """Returns the equity of a frame with ``time`` and ``equity``, account currency; bars without one left out."""
        known = frame.filter(pl.col("equity").is_finite())
        return cls(known["time"].dt.timestamp("ns").to_numpy(), known["equity"].to_numpy())

    def growth(self) -> Curve:
        """Returns the change since the first value, as rates."""
        return Curve(self.times_ns, self.values / self.values[0] - 1.0)

    def thinned(self) -> Curve:
        """Returns lowest and highest value of each part of the time, so that no drawdown is lost."""
        count = len(self.values)
        size = -(-count // _POINTS)
        if size < 3:
            return self
        whole = count // size * size
        parts = self.values[:whole].reshape(-1, size)
        first = np.arange(0, whole, size)
        ends = (first + parts.argmin(axis=1), first + parts.argmax(axis=1), np.arange(whole, count), [0, count - 1])
        kept = np.unique(np.concatenate(ends))
        return Curve(self.times_ns[kept], self.values[kept])


def curves_chart(curves: Sequence[Curve], text: Format, label: str) -> Markup:
    """Returns curves over one axis of time; the style sheet gives the n-th one its colour and its dashes.

    Args:
        curves: those without values are not drawn.
        text: the words of a value on the axis.
        label: the description that a screen reader speaks.
    """
    known = [curve for curve in curves if len(curve.values)]
    if not known:
        return Markup("")
    x = Scale(float(min(it.times_ns[0] for it in known)), float(max(it.times_ns[-1] for it in known)), 0.0, _WIDTH)
    y = Scale(min(it.values.min() for it in known), max(it.values.max() for it in known), _HEIGHT, 0.0)
    lines = [_line(curve.thinned(), number, x, y) for number, curve in enumerate(curves) if len(curve.values)]
    return Markup(
        f'<svg class="curves" role="img" aria-label="{escape(label)}">{_grid(y)}'
        f'<svg class="plot" y="20" width="100%" height="{_HEIGHT:.0f}" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" '
        f'preserveAspectRatio="none">{"".join(lines)}</svg>{_words(y, text)}{_times(x)}</svg>'
    )


def time_ticks(low_ns: int, high_ns: int, most: int = 4) -> list[tuple[int, str]]:
    """Returns round instants between two limits, ns UTC, each with its words.

    >>> [words for _, words in time_ticks(1_704_067_200_000_000_000, 1_735_689_600_000_000_000)]
    ['2024-01', '2024-05', '2024-09', '2025-01']
    """
    seconds = (high_ns - low_ns) / NS_PER_SECOND
    unit, count, _, words = next(step for step in _STEPS if seconds <= most * step[1] * step[2])
    low, high = (int(np.datetime64(edge, "ns").astype(f"M8[{unit}]").astype(np.int64)) for edge in (low_ns, high_ns))
    first = -(-low // count) * count
    stamps = np.arange(first, high + 1, count).astype(f"M8[{unit}]").astype("M8[ns]").astype(np.int64)
    return [
        (stamp, f"{datetime.fromtimestamp(stamp // NS_PER_SECOND, UTC):{words}}")
        for stamp in stamps.tolist()
        if low_ns <= stamp <= high_ns
    ]


def _line(curve: Curve, number: int, x: Scale, y: Scale) -> str:
    points = " ".join(f"{x(when)},{y(value)}" for when, value in zip(curve.times_ns, curve.values, strict=True))
    return f'<polyline class="curve c{number}" points="{points}"/>'


def _grid(y: Scale) -> str:
    rows = (20 + y(value) for value in ticks(y.low, y.high, 4))
    return "".join(f'<line class="axis" x1="0" x2="100%" y1="{row:.1f}" y2="{row:.1f}"/>' for row in rows)


def _words(y: Scale, text: Format) -> str:
    found = ((16 + y(value), escape(text(value))) for value in ticks(y.low, y.high, 4))
    return "".join(f'<text class="value" x="2" y="{row:.1f}">{words}</text>' for row, words in found)


def _times(x: Scale) -> str:
    found = []
    for when, words in time_ticks(int(x.low), int(x.high)):
        share = x(when) / _WIDTH
        # A word in the middle of the first or the last tick would be cut off by the edge.
        anchor = "start" if share < 0.06 else "end" if share > 0.94 else "middle"
        row = f"{_HEIGHT + 38:.0f}"
        found.append(f'<text x="{100 * share:.2f}%" y="{row}" text-anchor="{anchor}">{escape(words)}</text>')
    return "".join(found)
