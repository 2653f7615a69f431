"""Rows that are taken wherever a draw says, laid end to end, are the ledger of a run that kept them."""

from __future__ import annotations

import functools
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr.simulation.ledger import TABLES
from ktrdr.simulation.result import RunResult
from ktrdr.simulation.stream import SimulationStream
from support.runs.signal_runs import RULES, market, signals_for

ROWS = 9_000
"""Two full pages of every table with a row per bar, and part of a third."""
WARMUP_BARS = 3


def opened() -> SimulationStream:
    metrics = {"periods_per_year": 252}
    return SimulationStream(timeframe="1h", metrics=metrics, warmup_bars=WARMUP_BARS, symbol="X", **RULES)


@functools.cache
def inputs() -> tuple[pl.DataFrame, Any]:
    return market(ROWS), signals_for(ROWS)


@functools.cache
def whole() -> tuple[RunResult, bytes]:
    run = opened()
    run.feed(*inputs(), last=True)
    return run.result(), run.snapshot()


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(1, ROWS - 1), st.sampled_from(["", "take", "restore", "both"])), max_size=8),
    st.sampled_from([WARMUP_BARS, 4_096, ROWS]),
)
def test_taken_rows_end_to_end_are_the_whole_ledger(drawn: list[tuple[int, str]], edge: int) -> None:
    bars, signals = inputs()
    stops = {edge: "take"} | dict(sorted(drawn)) | {ROWS: "take"}
    run = opened()
    parts = []
    first = 0
    for stop, deed in sorted(stops.items()):
        run.feed(bars[first:stop], signals[first:stop], last=stop == ROWS)
        first = stop
        if deed in ("take", "both"):
            parts.append(run.take())
        if deed in ("restore", "both"):
            run = SimulationStream.restore(run.snapshot(), ledger=run.ledger())
    kept, snapshot = whole()
    for name in TABLES:
        assert pl.concat([part[name] for part in parts]).equals(kept.source.frame(name)), name
    found = run.result()
    assert (found.metrics, found.undefined, found.signal_counts) == (kept.metrics, kept.undefined, kept.signal_counts)
    assert run.snapshot() == snapshot
