"""A look-ahead proof of your own data: an external series that is honest, and the same series dated a day early."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import polars as pl

from ktrdr.analysis import LookaheadReport, verify_lookahead

HOUR_NS = 3_600_000_000_000
random = np.random.default_rng(11)
close = 100 * np.exp(np.cumsum(random.normal(0, 0.002, 600)))
opened = np.concatenate(([close[0]], close[:-1]))
hourly = pl.DataFrame(
    {
        "timestamp": np.arange(600) * HOUR_NS + 1_704_067_200 * 10**9,
        "open": opened,
        "high": np.maximum(opened, close) * 1.001,
        "low": np.minimum(opened, close) * 0.999,
        "close": close,
    }
)
strategy = {
    "name": "reads_a_mood",
    "training_data": {
        "symbols": {"mode": "single", "symbol": "ACME"},
        "timeframes": {"mode": "single", "timeframe": "1h"},
    },
    "context_data": [{"provider": "own", "series": "mood", "alignment": "forward_fill"}],
    "indicators": {"mood": {"type": "ema", "period": 5, "data_source": "mood"}},
    "fuzzy_sets": {"mood_level": {"indicator": "mood", "low": [-1, -0.5, 0], "high": [0, 0.5, 1]}},
    "nn_inputs": [{"fuzzy_set": "mood_level"}],
    "model": {"type": "mlp", "architecture": {"hidden_layers": [4]}},
}


def mood(bars: Mapping[str, pl.DataFrame], known_after: timedelta) -> pl.DataFrame:
    """Returns the sign of each day's move, dated so long after the open of the bar whose close it needs."""
    hours = bars["1h"]
    move = (hours["close"] / hours["close"].shift(24) - 1).sign()
    return pl.DataFrame({"timestamp": hours["timestamp"] + known_after, "value": move}).drop_nulls()


def proof(known_after: timedelta) -> LookaheadReport:
    """Builds the features with and without the future; the series is made anew at each cut."""
    recipes = {"mood": lambda bars: mood(bars, known_after)}
    return verify_lookahead(strategy, "ACME", "1h", bars={"1h": hourly}, context=recipes, cuts=20, seconds=5)


honest = proof(timedelta(hours=1))  # known when the bar has closed
assert honest.clean, honest.lines()
early = proof(timedelta(hours=-23))  # the same values, dated a day early
assert not early.clean
print(early.headline, *early.lines(), sep="\n")
