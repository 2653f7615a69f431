"""Drawing of small charts as SVG: candles, lines, levels and labels. Colours are classes that the site's style sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np
from numpy.typing import NDArray
from scripts.guide.markdown import html

Floats = NDArray[np.float64]


@dataclass
class Panel:
    """One chart over bars: ``x`` counts bars, ``y`` is in the unit of its values.

    Args:
        low, high: values at the lower and upper edge.
        bars: bars from the left to the right edge.
        top, height, left, width: place in the picture, in its units.
    """

    low: float
    high: float
    bars: int
    top: float
    height: float
    left: float = 8.0
    width: float = 572.0
    parts: list[str] = field(default_factory=list)

    def x(self, bar: float) -> float:
        """Returns the horizontal place of the middle of a bar."""
        return self.left + (bar + 0.5) / self.bars * self.width

    def y(self, value: float) -> float:
        """Returns the vertical place of a value."""
        span = self.high - self.low or 1.0
        return self.top + (self.high - value) / span * self.height

    def grid(self, ticks: Sequence[float], spell: str) -> None:
        """Draws a line and a number on the right edge for each tick."""
        right = self.left + self.width
        for tick in ticks:
            y = self.y(tick)
            self.parts.append(f'<line class="grid" x1="{self.left:.1f}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
            self.text(right + 6, y + 4, format(tick, spell), "axis")

    def candles(self, bars: Sequence[Sequence[float]]) -> None:
        """Draws rows of open, high, low, close."""
        half = min(9.0, self.width / self.bars * 0.32)
        for bar, (opened, high, low, close) in enumerate(bars):
            name = "up" if close >= opened else "down"
            x = self.x(bar)
            top = self.y(max(opened, close))
            bottom = self.y(min(opened, close))
            self.parts.append(
                f'<line class="wick {name}" x1="{x:.1f}" x2="{x:.1f}" y1="{self.y(high):.1f}" y2="{self.y(low):.1f}"/>'
                f'<rect class="body {name}" x="{x - half:.1f}" y="{top:.1f}" width="{2 * half:.1f}" '
                f'height="{max(bottom - top, 1.0):.1f}"/>'
            )

    def curve(self, values: Floats, name: str) -> None:
        """Draws a line through the defined values; it is broken where there is none."""
        pieces = np.split(np.arange(len(values)), np.flatnonzero(np.isnan(values)))
        for piece in pieces:
            points = " ".join(
                f"{self.x(bar):.1f},{self.y(values[bar]):.1f}" for bar in piece if values[bar] == values[bar]
            )
            if points:
                self.parts.append(f'<polyline class="curve {name}" points="{points}"/>')

    def level(self, value: float, first: float, last: float, name: str) -> None:
        """Draws a level from one bar to another."""
        y = self.y(value)
        self.parts.append(
            f'<line class="level {name}" x1="{self.x(first):.1f}" x2="{self.x(last):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )

    def mark(self, bar: float, value: float, name: str) -> None:
        """Draws a dot at a value of a bar."""
        self.parts.append(f'<circle class="mark {name}" cx="{self.x(bar):.1f}" cy="{self.y(value):.1f}" r="4.5"/>')

    def text(self, x: float, y: float, words: str, name: str = "", anchor: str = "start") -> None:
        """Writes words at a place of the picture."""
        self.parts.append(f'<text class="{name}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>')


def ticks_of(low: float, high: float, count: int = 4) -> list[float]:
    """Returns round values between two others.

    >>> ticks_of(97.3, 106.2)
    [98.0, 100.0, 102.0, 104.0, 106.0]
    """
    rough = (high - low) / count
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(min((1, 2, 5, 10), key=lambda one: abs(one * power - rough)) * power)
    return [float(round(tick, 10)) for tick in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]


def picture(panels: Iterable[Panel], height: float, title: str, width: float = 640.0) -> str:
    """Returns a block of a page that shows the panels; ``title`` is read out by screen readers."""
    parts = "".join("".join(panel.parts) for panel in panels)
    return html(
        f'<figure class="chart"><svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}">'
        f"{parts}</svg></figure>"
    )
