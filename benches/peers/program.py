"""One program over one file of bars: prints what it found and how long it took, as JSON.

    python -m benches.peers.program NAME FILE

It runs where that program is installed, so it imports nothing of ktrdr unless that is the program.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from benches.peers.market import Arrays, Call

LEAST_CALLS = 5
SECONDS = 1.5
"""Time for calls after the first; a slow program makes one more."""
SLOW = 20
"""A program that calls a strategy at every bar is given one bar out of so many."""


@dataclass(frozen=True)
class Program:
    """A program and the way in which it is called."""

    file: str
    function: str
    options: dict[str, Any] = field(default_factory=dict)
    home: str = "peers"
    part: int = 1
    difference: str = ""
    """Reason why its final equity is not that of ktrdr to a cent."""

    def prepare(self, given: Arrays) -> Call:
        """Returns the call to measure, with all in place that a user would keep from call to call."""
        call: Call = getattr(import_module(f"benches.peers.{self.file}"), self.function)(given, **self.options)
        return call


PROGRAMS = {
    "ktrdr, entries and exits": Program("columns", "ktrdr", {"as_signals": False}, home="ktrdr"),
    "ktrdr, signals": Program("columns", "ktrdr", {"as_signals": True}, home="ktrdr"),
    "vectorbt, rust": Program("columns", "vectorbt", {"engine": "rust"}),
    "vectorbt, numba": Program("columns", "vectorbt", {"engine": "numba"}),
    "raptorbt": Program("columns", "raptorbt", {"batch": False}),
    "raptorbt, batch of one": Program("columns", "raptorbt", {"batch": True}),
    "backtesting.py": Program(
        "events", "backtesting_py", part=SLOW, difference="takes the slippage of both fills at the entry"
    ),
    "backtrader": Program("events", "backtrader", part=SLOW),
    "nautilus_trader": Program("nautilus", "nautilus", home="nautilus", part=SLOW),
    "akquant": Program(
        "events",
        "akquant",
        part=SLOW,
        difference="sizes an order at the close before its fill, in units of 1/128, and keeps 1e-4 of the cash",
    ),
}


def main(name: str, file: str) -> None:
    with np.load(file) as stored:
        given = {key: stored[key] for key in stored.files}
    call = PROGRAMS[name].prepare(given)
    start = time.perf_counter()
    equity, fills = call()
    first_s = time.perf_counter() - start
    calls = []
    while not calls or (sum(calls) < SECONDS and len(calls) < 200) or (len(calls) < LEAST_CALLS and first_s < SECONDS):
        gc.collect()
        start = time.perf_counter()
        found = call()
        calls.append(time.perf_counter() - start)
        assert found == (equity, fills)
    print(json.dumps({"first_s": first_s, "best_s": min(calls), "equity": equity, "fills": fills}))


if __name__ == "__main__":
    main(*sys.argv[1:])
