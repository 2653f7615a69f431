"""Pieces of a ledger laid end to end are the ledger, wherever it was cut and continued."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from ktrdr import Simulation

TABLES = ("fills", "trades", "equity", "refused")


def world(seed: int) -> tuple[pl.DataFrame, Any, dict[str, Any]]:
    rng = np.random.default_rng(seed)
    n = 600
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    opens = np.concatenate([[100.0], close[:-1]])
    bars = pl.DataFrame(
        {
            "timestamp": np.arange(n) * 3_600_000_000_000, "open": opens, "high": np.maximum(opens, close) * 1.002,
            "low": np.minimum(opens, close) * 0.998, "close": close,
            "conversion_rate": np.full(n, 0.9) + rng.uniform(0, 0.1, n),
        }
    )  # fmt: skip
    rules = {
        "decisions": {"filters": {"min_signal_separation": 0}, "allow_short_from_flat": True},
        "execution": {
            "on_opposite": "reverse", "exits": {"stop_loss": {"rate": 0.02}}, "margin": {"max_leverage": 2},
            "sizing": {"kind": "fixed_quantity", "quantity": 400.0}, "close_at_end": False,
        },
        "warmup_bars": 7,
    }  # fmt: skip
    return bars, rng.integers(-1, 2, n).astype(np.int8), rules


@pytest.mark.parametrize("seed", range(8))
def test_pieces_are_the_whole(seed: int) -> None:
    bars, signals, rules = world(seed)
    run = Simulation(bars, signals, **rules)
    cursor = run.cursor()
    pieces = []
    cuts = np.random.default_rng(seed).integers(0, 600, 12)
    for cut in sorted(cuts.tolist()):
        run.run(until=cut)
        pieces.append(cursor.take())
        if cut % 2:  # as a resume does it: another run, another cursor, told how far the first had come
            blob = run.snapshot()
            ledger = run.ledger()
            written = cursor.written
            run = Simulation.restore(blob, bars, signals, ledger=ledger)
            cursor = run.cursor(written)
    run.run()
    pieces.append(cursor.take())
    whole = run.result()
    assert whole.trades.height > 20
    for name in TABLES:
        assert pl.concat([piece[name] for piece in pieces]).equals(getattr(whole, name)), name
