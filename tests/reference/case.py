"""One run written down: what goes in, nothing of what comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reference.money import NS_PER_SECOND, Bars
from reference.simulation import Outcome, simulate

HOUR_NS = 3_600 * NS_PER_SECOND
DAY_NS = 24 * HOUR_NS


@dataclass(frozen=True)
class Case:
    """Bars, signals and rules of one run."""

    bars: Bars
    signals: list[int]
    confidence: list[float] | None = None
    rules: Mapping[str, Any] = field(default_factory=dict)
    initial_capital: float = 100_000.0
    warmup: int = 0
    timeframe_seconds: int = 3_600

    def outcome(self) -> Outcome:
        """Returns the case as the reference computes it."""
        return simulate(
            self.bars,
            self.signals,
            self.confidence,
            self.rules,
            initial_capital=self.initial_capital,
            warmup=self.warmup,
            timeframe_seconds=self.timeframe_seconds,
        )


def bars_of(
    prices: Sequence[float | Sequence[float]],
    spacing_ns: int = HOUR_NS,
    times: list[int] | None = None,
    **columns: list[float],
) -> Bars:
    """Bars, evenly spaced from 1970 on unless `times` are given; a single number is a bar that does not move."""
    rows = [(row,) * 4 if isinstance(row, int | float) else tuple(row) for row in prices]
    opens, highs, lows, closes = ([float(row[k]) for row in rows] for k in range(4))
    stamps = [k * spacing_ns for k in range(len(rows))] if times is None else times
    return Bars(stamps, opens, highs, lows, closes, **columns)
