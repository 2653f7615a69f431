"""Signals without a strategy: a crossing of two averages, with costs, a stop and a comparison of fills."""

from __future__ import annotations

import numpy as np
import polars as pl

import ktrdr

COUNT = 2_000
HOUR_NS = 3_600_000_000_000


def made_up_bars() -> pl.DataFrame:
    """Returns hourly bars of a market that swings; take your own instead."""
    hours = np.arange(COUNT)
    close = 100 + 6 * np.sin(hours / 60) + 2 * np.sin(hours / 13)
    opened = np.concatenate(([close[0]], close[:-1]))
    return pl.DataFrame(
        {
            "timestamp": hours * HOUR_NS + 1_704_067_200 * 10**9,
            "open": opened,
            "high": np.maximum(opened, close) + 0.2,
            "low": np.minimum(opened, close) - 0.2,
            "close": close,
        }
    )


bars = made_up_bars()
fast, slow = bars["close"].rolling_mean(20), bars["close"].rolling_mean(60)
above = (fast > slow).fill_null(False)
entries = above & ~above.shift(1, fill_value=False)
exits = ~above & above.shift(1, fill_value=False)

execution = {
    "sizing": {"kind": "equity_fraction", "fraction": 0.5},
    "commission": {"rate": 0.0005},
    "exits": {"stop_loss": {"rate": 0.03}},
}
honest = ktrdr.simulate(bars, entries=entries, exits=exits, execution=execution)
same_close = ktrdr.simulate(bars, entries=entries, exits=exits, execution={**execution, "fill": "this_close"})

print(honest)
print(honest.trades.select("entry_time", "entry_price", "exit_price", "net_pnl", "exit_reason").head())
print("at the close that made the signal:", round(same_close.final_equity - honest.final_equity, 2), "more")
assert same_close.conventions["optimistic"] and not honest.conventions["optimistic"]
assert honest.metrics["trades"] == honest.trades.height > 5
