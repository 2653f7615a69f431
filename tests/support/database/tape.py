"""Real snapshots and ledger rows of one tiny run, for tests of the store that need some at every bar."""

from __future__ import annotations

from functools import cache

import polars as pl

from ktrdr.backtesting.identity import identity_of
from ktrdr.backtesting.job.stored import encode
from ktrdr.operations.models import Outcome, Segment
from ktrdr.simulation.arrays import Simulation

BARS = 12
LAST = BARS - 1
"""The last bar a snapshot is taken at."""
_HOUR_NS = 3_600_000_000_000
PARTS = (("bars", b"b" * 32), ("strategy", b"s" * 32))
identity = identity_of
IDENTITY = identity(PARTS)
MANIFEST = {
    "identity": IDENTITY.hex(),
    "parts": {name: value.hex() for name, value in PARTS},
    "symbol": "T",
    "conventions": {"timeframe": "1h"},
    "rules": {"execution": {"fill": "next_open"}, "decisions": {}, "metrics": {}},
    "warnings": ["one"],
}
OUTCOME = Outcome(
    result_hash="blake3:aa",
    identity=IDENTITY.hex(),
    summary={
        "metrics": {"sharpe": None, "total_return": 0.25, "trades": 5},
        "undefined": {"sharpe": "no variance"},
        "trades": 5,
        "signals": {"signals": 11, "traded": 10, "threshold": 1, "separation": 0, "position": 0, "short": 0},
        "blocks": [[2, 0.5, 0.25]],
        "open_position": None,
    },
    manifest=MANIFEST,
    warnings=("one",),
)


def _run() -> Simulation:
    """In and out with every bar, so that every ledger but the refused grows all the time."""
    prices = [100.0 + bar % 3 for bar in range(BARS)]
    bars = pl.DataFrame({
        "timestamp": [bar * _HOUR_NS for bar in range(BARS)], "open": prices, "close": prices,
        "high": [price + 1 for price in prices], "low": [price - 1 for price in prices],
    })  # fmt: skip
    signals = [1 if bar % 2 == 0 else -1 for bar in range(BARS)]
    return Simulation(bars, signals, decisions={"filters": {"min_signal_separation": 0}})


@cache
def _cut(bar: int, parts: tuple[tuple[str, bytes], ...]) -> tuple[bytes, dict[str, pl.DataFrame]]:
    run = _run()
    run.run(until=bar)
    return run.seal(parts), {kind: frame for kind, frame in run.ledger().items() if kind != "inputs"}


def snapshot(bar: int, parts: tuple[tuple[str, bytes], ...] = PARTS) -> bytes:
    """The state before that bar, 1 to ``LAST``."""
    return _cut(bar, parts)[0]


def rows(bar: int) -> dict[str, pl.DataFrame]:
    """Every ledger up to that bar."""
    return _cut(bar, PARTS)[1] if bar else {kind: frame.clear() for kind, frame in _cut(1, PARTS)[1].items()}


def segments(after: int, bar: int) -> list[Segment]:
    """The rows of the bars from ``after`` up to, not including, ``bar``."""
    before = rows(after)
    found = []
    for kind, frame in rows(bar).items():
        first = before[kind].height
        if frame.height > first:
            found.append(Segment(kind, first, frame.height, encode(frame[first:])))
    return found
