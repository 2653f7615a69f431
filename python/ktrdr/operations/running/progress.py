"""Progress of a run: a counter for the heartbeat, and the newest figures for the store."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ktrdr.control import ProgressBridge, SilentBridge
from ktrdr.time import iso


@dataclass(frozen=True)
class _Report:
    """A report of the main phase, and the time it came at."""

    bar: int
    total_bars: int | None
    detail: Mapping[str, Any]
    at_s: float


class Progress:
    """A bridge that counts reports, keeps the newest and passes each to another bridge.

    ``count`` rises with every loaded file, indicator, block and training batch.

    Args:
        phase: name of the main phase, whose units are bars (or whatever the kind counts).
        bridge: also receives every report.
    """

    def __init__(self, phase: str, bridge: ProgressBridge | None = None) -> None:
        self.count = 0
        self._phase = phase
        self._bridge = bridge or SilentBridge()
        self._loading: dict[str, Any] = {"phase": "starting", "percentage": 0.0}
        self._first: _Report | None = None
        self._last: _Report | None = None
        self._time_ns: int | None = None

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        """Keeps one report and passes it to the bridge."""
        if phase == self._phase:
            self._last = _Report(done, total, dict(detail), time.monotonic())
            self._first = self._first or self._last
        else:
            self._loading = {"phase": phase, "percentage": 0.0, "done": done, "total": total}
        self.count += 1
        self._bridge.report(phase, done, total, detail)

    def reached(self, time_ns: int) -> None:
        """Notes the stamp of the last simulated bar, ns UTC."""
        self._time_ns = time_ns

    def figures(self) -> dict[str, Any]:
        """Returns phase, percentage, bar, total_bars, time, bars_per_second, eta (seconds) and the report's detail."""
        last = self._last
        if last is None:
            return dict(self._loading)
        rate = self._bars_per_second(last)
        left = None if last.total_bars is None else last.total_bars - last.bar
        return {
            "phase": self._phase,
            "percentage": round(100 * last.bar / last.total_bars, 2) if last.total_bars else 0.0,
            "bar": last.bar,
            "total_bars": last.total_bars,
            "time": None if self._time_ns is None else iso(self._time_ns),
            "bars_per_second": None if rate is None else round(rate, 1),
            "eta": None if rate is None or left is None else round(left / rate, 1),
            **last.detail,
        }

    def _bars_per_second(self, last: _Report) -> float | None:
        """Returns the rate since this process's first report; the time of that first block is unknown."""
        first = self._first or last
        seconds = last.at_s - first.at_s
        return (last.bar - first.bar) / seconds if seconds > 0 and last.bar > first.bar else None
