"""Small charts as inline SVG; the style sheet of the page gives them their colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from ktrdr._types import Floats

_WIDTH = 360
_HEIGHT = 170
_LEFT = 44
_RIGHT = 8
_TOP = 8
_BOTTOM = 22
_BINS = 24
_MOST_DOTS = 1_500
_STACK_WIDTH = 720
_STACK_LEFT = 64
_MARK_ROOM = 9
# Looks of a line where no style sheet of a page gives it others, as in a notebook.
_LOOKS = {
    "curve": 'fill="none" stroke="#0072b2" stroke-width="1.4"',
    "second": 'fill="none" stroke="#c14f00" stroke-dasharray="4 2"',
    "third": 'fill="none" stroke="#8a6d00" stroke-dasharray="1 2"',
    "price": 'fill="none" stroke="currentColor"',
    "depth": 'fill="#c14f00" fill-opacity="0.3" stroke="#c14f00"',
}
Format = Callable[[float], str]


class Scale:
    """A linear scale from values to positions.

    >>> Scale(0.0, 10.0, 0.0, 100.0)(2.5)
    25.0
    """

    def __init__(self, low: float, high: float, start: float, stop: float) -> None:
        self.low, self.high = (low, high) if high > low else (low - 0.5, low + 0.5)
        self._start = start
        self._factor = (stop - start) / (self.high - self.low)

    def __call__(self, value: float) -> float:
        """Returns the position of a value."""
        return round(self._start + (value - self.low) * self._factor, 2)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Returns round values between two limits.

    >>> ticks(0.0, 0.95)
    [0.0, 0.2, 0.4, 0.6, 0.8]
    """
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if (high - low) / (power * factor) <= most)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def histogram(
    values: Floats, text: Format, label: str, *, whole: bool = False, marks: Sequence[tuple[float, str]] = ()
) -> str:
    """Returns the counts of values in bins of equal width; bars below 0 have another colour.

    Args:
        values: finite numbers, at least one.
        text: the words of a value on the axis.
        label: the description that a screen reader speaks.
        whole: values are whole numbers, so bins are as well.
        marks: named values, each a dashed line.
    """
    ends = [float(values.min()), float(values.max()), *(value for value, _ in marks)]
    low = min(ends)
    high = max(ends)
    edges = _edges(low, high, whole)
    counts, _ = np.histogram(values, edges)
    x = Scale(edges[0], edges[-1], _LEFT, _WIDTH - _RIGHT)
    y = Scale(0, float(counts.max()), _HEIGHT - _BOTTOM, _TOP)
    bars = [
        _rect(x(left) + 0.5, y(count), max(x(right) - x(left) - 1, 0.5), y(0) - y(count), _sign((left + right) / 2))
        for left, right, count in zip(edges[:-1], edges[1:], counts.tolist(), strict=True)
        if count
    ]
    zero = _line(x(0), _TOP, x(0), y(0), "zero") if edges[0] < 0 < edges[-1] else ""
    named = [_mark(x(value), name, line) for line, (value, name) in enumerate(marks)]
    return _svg(
        "".join(
            [_y_axis(y, lambda count: f"{count:,.0f}", whole=True), *bars, zero, *named, _x_axis(x, text, whole=whole)]
        ),
        label,
    )


def columns(names: Sequence[str], values: Sequence[float], text: Format, label: str) -> str:
    """Returns one column for each name, up or down from 0."""
    every = max(1, -(-len(names) // 12))
    x = Scale(0, len(names), _LEFT, _WIDTH - _RIGHT)
    y = Scale(min(0.0, *values), max(0.0, *values), _HEIGHT - _BOTTOM, _TOP)
    parts = [_y_axis(y, text)]
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        top, bottom = sorted((y(value), y(0)))
        parts.append(_rect(x(place) + 1, top, x(place + 1) - x(place) - 2, max(bottom - top, 0.5), _sign(value)))
        if place % every == 0:
            parts.append(_text(x(place + 0.5), _HEIGHT - 6, name, "middle"))
    return _svg("".join([*parts, _line(_LEFT, y(0), _WIDTH - _RIGHT, y(0), "axis")]), label)


def interval_line(lower: float, middle: float, upper: float, text: Format, label: str) -> str:
    """Returns an interval as a line with its middle as a dot, over an axis that holds 0; blue where it lies above 0."""
    low = min(lower, 0.0)
    high = max(upper, 0.0)
    room = 0.06 * (high - low or 1.0)
    x = Scale(low - room, high + room, _LEFT, _WIDTH - _RIGHT)
    row = (_TOP + _HEIGHT - _BOTTOM) / 2
    kind = _sign(1.0 if lower > 0 else -1.0)
    ends = [_rect(x(end) - 1, row - 9, 2, 18, kind) for end in (lower, upper)]
    names = [
        _text(x(value), row - 16, text(value), "start" if x(value) < _LEFT + 30 else "middle")
        for value in (lower, upper)
    ]
    line = _rect(x(lower), row - 1.5, x(upper) - x(lower), 3, kind)
    dot = f'<circle class="{kind}" cx="{x(middle)}" cy="{row}" r="5"/>'
    names.append(_text(x(middle), row + 24, text(middle), "middle"))
    zero = _line(x(0), _TOP, x(0), _HEIGHT - _BOTTOM, "zero")
    return _svg("".join([zero, line, *ends, dot, *names, _x_axis(x, text)]), label)


def scatter(across: Floats, up: Floats, won: Sequence[bool], text: Format, label: str) -> str:
    """Returns a point for each pair: a full one for a trade that won, a ring for one that lost.

    Of many pairs every n-th is drawn.
    """
    every = max(1, -(-len(across) // _MOST_DOTS))
    x = Scale(float(across.min()), float(across.max()), _LEFT, _WIDTH - _RIGHT)
    y = Scale(float(up.min()), float(up.max()), _HEIGHT - _BOTTOM, _TOP)
    dots = [
        f'<circle class="{"up" if win else "hollow"}" cx="{x(left)}" cy="{y(height)}" r="2.2"/>'
        for left, height, win in zip(across[::every].tolist(), up[::every].tolist(), won[::every], strict=True)
    ]
    return _svg("".join([_y_axis(y, text), *dots, _x_axis(x, text)]), label)


@dataclass(frozen=True)
class Line:
    """A line of a panel: a value for each row, drawn in the looks of a class; ``filled`` down from 0."""

    values: Floats
    kind: str
    filled: bool = False


@dataclass(frozen=True)
class Band:
    """A stretch of rows behind the lines of a panel, with its name: first and last row, both included."""

    first: int
    last: int
    name: str


@dataclass(frozen=True)
class Panel:
    """A chart in a stack over one axis of time.

    Args:
        name: words above it.
        height: of its drawing, in units of the picture.
        lines: drawn in this order.
        text: the words of a value on its axis.
        marks: triangles at a row and a value: 1 up or -1 down, and the class of each.
        bands: named stretches of rows.
    """

    name: str
    height: int
    lines: Sequence[Line]
    text: Format
    marks: Sequence[tuple[float, float, int, str]] = ()
    bands: Sequence[Band] = ()


def stack(panels: Sequence[Panel], times: Sequence[str], label: str) -> str:
    """Returns panels above each other, over one axis of time.

    Args:
        panels: from the top; each line has as many values as there are times.
        times: the words of each row's time.
        label: the description that a screen reader speaks.
    """
    x = Scale(0, max(len(times) - 1, 1), _STACK_LEFT, _STACK_WIDTH - _RIGHT)
    parts: list[str] = []
    top = 4
    for panel in panels:
        parts.append(_panel(panel, x, top + 14, top + 14 + panel.height))
        top += panel.height + 26
    for row in ticks(0, len(times) - 1, 6) if len(times) > 1 else ():
        parts.append(_text(x(row), top, times[int(row)], "end" if x(row) > _STACK_WIDTH - 40 else "middle"))
    view = f"0 0 {_STACK_WIDTH} {top + 8}"
    return (
        f'<svg viewBox="{view}" width="{_STACK_WIDTH}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _panel(panel: Panel, x: Scale, top: float, bottom: float) -> str:
    low = min(float(line.values.min(initial=np.inf)) for line in panel.lines)
    high = max(float(line.values.max(initial=-np.inf)) for line in panel.lines)
    room = _MARK_ROOM if panel.marks else 0.0
    y = Scale(low, high, bottom - room, top + room)
    parts = [f'<text class="name" x="{_STACK_LEFT}" y="{top - 5}">{escape(panel.name)}</text>']
    for place, band in enumerate(panel.bands):
        left = x(band.first)
        parts.append(_rect(left, top, max(x(band.last) - left, 1), bottom - top, f"band{place % 2}"))
        parts.append(_text(left + 3, bottom - 4, band.name, "start"))
    for value in ticks(y.low, y.high, 4):
        parts.append(_line(_STACK_LEFT, y(value), _STACK_WIDTH - _RIGHT, y(value), "axis"))
        parts.append(_text(_STACK_LEFT - 4, y(value) + 4, panel.text(value), "end"))
    for line in panel.lines:
        points = [f"{x(row)},{y(value)}" for row, value in enumerate(line.values.tolist())]
        ends = [f"{x(0)},{y(0)}", *points, f"{x(len(points) - 1)},{y(0)}"] if line.filled else points
        tag = "polygon" if line.filled else "polyline"
        parts.append(f'<{tag} class="{line.kind}" {_LOOKS[line.kind]} points="{" ".join(ends)}"/>')
    for row, value, side, kind in panel.marks:
        left = x(row)
        height = y(value) + 2 * side
        path = f"M{left} {height:.1f}l3 {5 * side}h-6Z"
        parts.append(f'<path class="{kind}" d="{path}"/>')
    return "".join(parts)


def _edges(low: float, high: float, whole: bool) -> list[float]:
    if whole:
        step = max(1, math.ceil((high - low + 1) / _BINS))
        count = math.ceil((high - low + 1) / step)
        return [low - 0.5 + step * number for number in range(count + 1)]
    if high <= low:
        return [low - 0.5 * (abs(low) or 1.0), low + 0.5 * (abs(low) or 1.0)]
    width = (high - low) / _BINS
    # An edge at 0 keeps gains and losses in bins apart.
    first = math.floor(low / width) * width
    return [first + width * number for number in range(math.ceil((high - first) / width - 1e-9) + 1)]


def _sign(value: float) -> str:
    return "up" if value >= 0 else "down"


def _svg(inner: str, label: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">{inner}</svg>'


def _rect(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"/>'


def _line(x: float, y: float, to_x: float, to_y: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}"/>'


def _mark(x: float, name: str, line: int) -> str:
    """Returns a named line; the names of several lines lie below each other."""
    right = x > (_LEFT + _WIDTH) / 2
    words = _text(x + (-4 if right else 4), _TOP + 10 + 13 * line, name, "end" if right else "start")
    return _line(x, _TOP, x, _HEIGHT - _BOTTOM, "mark") + words


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _x_axis(x: Scale, text: Format, *, whole: bool = False) -> str:
    bottom = _HEIGHT - _BOTTOM
    found = [_line(_LEFT, bottom, _WIDTH - _RIGHT, bottom, "axis")]
    for value in _ticks(x.low, x.high, 5, whole=whole):
        # A label in the middle of the last tick would be cut off by the edge.
        anchor = "end" if x(value) > _WIDTH - 24 else "middle"
        found.append(_text(x(value), _HEIGHT - 6, text(value), anchor))
    return "".join(found)


def _y_axis(y: Scale, text: Format, *, whole: bool = False) -> str:
    found = []
    for value in _ticks(y.low, y.high, 4, whole=whole):
        found.append(_line(_LEFT, y(value), _WIDTH - _RIGHT, y(value), "axis"))
        found.append(_text(_LEFT - 4, y(value) + 4, text(value), "end"))
    return "".join(found)


def _ticks(low: float, high: float, most: int, *, whole: bool) -> list[float]:
    """Returns round values between two limits; of counts whole ones only, since half a trade has no name."""
    return [value for value in ticks(low, high, most) if not whole or value == round(value)]
