"""``ktrdr data import``: what a person reads of an import."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

LINES = ["timestamp,open,high,low,close", *(f"2024-01-01T{hour:02}:00:00Z,10,11,9,10" for hour in range(24))]
LENGTHS = ("5m", "4h", "1d")


def test_made_up_bars_that_leave_are_named(ktrdr: Callable[..., Any], folder: Path) -> None:
    file = folder.parent / "bars.csv"
    file.write_text("\n".join(LINES))
    ktrdr("data sample")
    said = ktrdr(f"data import {file} --symbol EURUSD --timeframe 1h")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[1] == "replaced EURUSD 1h (synthetic)"
    removed = [f"removed EURUSD {length} (synthetic): no made-up bars stay beside real ones" for length in LENGTHS]
    assert lines[2:5] == removed
    again = ktrdr(f"data import {file} --symbol EURUSD --timeframe 1h --replace --json").object
    assert (again["replaced"], again["removed"]) == (["EURUSD 1h"], [])
