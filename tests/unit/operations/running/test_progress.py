"""Reports of a run become figures for the store and signs of life."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from ktrdr.operations.running.progress import Progress


class Heard:
    def __init__(self) -> None:
        self.reports: list[tuple[str, int, int | None]] = []

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        self.reports.append((phase, done, total))


def test_every_report_is_a_sign_of_life_and_is_handed_on() -> None:
    heard = Heard()
    progress = Progress("backtest", heard)
    progress.report("bars", 1, 2, {"timeframe": "1h"})
    progress.report("indicators", 1, 9, {})
    progress.report("backtest", 4_096, 10_000, {"equity": 1.0, "trades": 0})
    assert progress.count == 3
    assert heard.reports == [("bars", 1, 2), ("indicators", 1, 9), ("backtest", 4_096, 10_000)]


def test_figures_while_loading_say_which_phase() -> None:
    progress = Progress("backtest")
    assert progress.figures() == {"phase": "starting", "percentage": 0.0}
    progress.report("indicators", 3, 9, {"indicator": "rsi"})
    assert progress.figures() == {"phase": "indicators", "percentage": 0.0, "done": 3, "total": 9}


def test_figures_of_a_run() -> None:
    progress = Progress("backtest")
    progress.report("backtest", 1_000, 10_000, {"equity": 100_000.0, "trades": 0})
    first = progress.figures()
    assert (first["percentage"], first["bars_per_second"], first["eta"]) == (10.0, None, None)
    time.sleep(0.05)
    progress.report("backtest", 3_000, 10_000, {"equity": 101_000.5, "trades": 7})
    progress.reached(1_709_251_200_000_000_000)
    figures = progress.figures()
    rate = figures.pop("bars_per_second")
    assert rate <= 2_000 / 0.05
    assert figures.pop("eta") == pytest.approx(7_000 / rate, rel=0.05, abs=0.1)
    assert figures == {
        "phase": "backtest", "percentage": 30.0, "bar": 3_000, "total_bars": 10_000, "time": "2024-03-01T00:00:00Z",
        "equity": 101_000.5, "trades": 7,
    }  # fmt: skip
    json.dumps(figures, allow_nan=False)
