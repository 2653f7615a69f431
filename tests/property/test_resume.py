"""A run that is cut at any bar, saved as bytes and continued ends bit for bit where the uninterrupted run ends."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import polars as pl
import pytest

import ktrdr
from support.soak import seeds

FIVE_MINUTES_NS = 300_000_000_000
START_NS = 1_577_836_800_000_000_000  # 2020-01-01
COSTS: dict[str, Any] = {
    "commission": {"rate": 0.0002, "minimum": 1.0},
    "slippage": {"range_fraction": 0.1},
    "financing": {"long_rate": 0.05, "short_rate": 0.03},
    "on_opposite": "reverse",
    "margin": {"max_leverage": 3.0, "maintenance": 0.6},
}
RULE_SETS: dict[str, dict[str, Any]] = {
    "levels in atr, volatility target": {
        **COSTS,
        "sizing": {"kind": "volatility_target", "annual": 0.3, "window": 20},
        "exits": {"stop_loss": {"atr": 2.0}, "take_profit": {"atr": 3.0}, "trailing_stop": {"atr": 2.5}},
        "intrabar": "ohlc",
    },
    "rates at this close, holding limit, borrowed": {
        **COSTS,
        "fill": "this_close",
        "sizing": {"kind": "equity_fraction", "fraction": 2.5},
        "exits": {"stop_loss": {"rate": 0.01}, "trailing_stop": {"rate": 0.012}, "max_holding_bars": 37},
        "instrument": {"tick_size": 0.001, "lot_size": 0.01},
    },
}


def market(rows: int, seed: int) -> tuple[pl.DataFrame, Any, Any]:
    """A walk with weekends, every optional column, signals and confidences of which some are undefined."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.001, rows)))
    opened = np.concatenate([[100.0], close[:-1]]) * np.exp(random.normal(0, 0.0002, rows))
    weeks = np.arange(rows) // 1_440
    bars = pl.DataFrame(
        {
            "timestamp": START_NS + (np.arange(rows) + weeks * 576) * FIVE_MINUTES_NS,
            "open": opened,
            "high": np.maximum(opened, close) * (1 + 0.001 * random.random(rows)),
            "low": np.minimum(opened, close) * (1 - 0.001 * random.random(rows)),
            "close": close,
            "half_spread": 0.01 * random.random(rows),
            "atr": 0.1 + 0.2 * random.random(rows),
            "conversion_rate": 0.9 + 0.01 * random.random(rows),
        }
    )
    signals = random.choice(np.array([-1, 0, 1], np.int8), rows, p=[0.04, 0.92, 0.04])
    confidence = random.random(rows, np.float32)
    confidence[random.random(rows) < 0.05] = np.nan
    return bars, signals, confidence


def rules_of(name: str) -> dict[str, Any]:
    decisions = {
        "confidence_threshold": 0.2,
        "allow_short_from_flat": True,
        "filters": {"min_signal_separation": 0.5},
    }
    return {"execution": RULE_SETS[name], "decisions": decisions, "warmup_bars": 25}


def begun(columns: tuple[Any, Any, Any], name: str) -> Any:
    return ktrdr.Simulation(*columns, **rules_of(name))


def continued(part: Any, columns: tuple[Any, Any, Any]) -> str:
    """Returns the result hash of a run that continues from the bytes of another."""
    bars, signals, confidence = columns
    again = ktrdr.Simulation.restore(part.snapshot(), bars, signals, confidence, ledger=part.ledger())
    again.run()
    found: str = again.result().result_hash
    return found


def expected_of(columns: tuple[Any, Any, Any], name: str) -> str:
    result = ktrdr.simulate(*columns, **rules_of(name))
    assert {-1, 1} <= set(result.trades["direction"])
    assert len(set(result.trades["exit_reason"])) >= 3
    assert result.metrics["financing"] != 0
    return result.result_hash


@pytest.mark.parametrize("rows", [400, pytest.param(1_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("name", RULE_SETS)
def test_every_cut(name: str, rows: int) -> None:
    columns = market(rows, seed=1)
    expected = expected_of(columns, name)
    part = begun(columns, name)
    for bar in range(rows + 1):
        part.run(until=bar)
        assert continued(part, columns) == expected, bar


def cuts_of_a_million(name: str, seed: int, cuts: int) -> None:
    columns = market(1_000_000, seed)
    expected = expected_of(columns, name)
    part = begun(columns, name)
    for bar in sorted(Random(seed).sample(range(1_000_001), cuts)):
        part.run(until=bar)
        assert continued(part, columns) == expected, bar


@pytest.mark.parametrize("name", RULE_SETS)
def test_some_cuts_of_a_million_bars(name: str) -> None:
    cuts_of_a_million(name, seed=2, cuts=2)


@pytest.mark.soak
@pytest.mark.parametrize("name", RULE_SETS)
def test_many_cuts_of_a_million_bars(name: str) -> None:
    for seed in seeds(f"many_cuts_of_a_million_bars {name}", 20, batch=10):
        cuts_of_a_million(name, seed=100 + seed, cuts=10)


@pytest.mark.parametrize("seed", range(3))
def test_random_chunks_of_a_long_run(seed: int) -> None:
    columns = market(50_000, seed)
    bars, signals, confidence = columns
    rules = {**rules_of("levels in atr, volatility target"), "metrics": {"periods_per_year": 252}}
    whole = ktrdr.simulate(*columns, **rules)
    random = Random(seed)
    live = ktrdr.Simulation.open(timeframe="5m", **rules)
    low = 0
    while low < len(bars):
        high = min(len(bars), low + random.choice([1, 2, 17, random.randint(1, 9_000)]))
        live.feed(bars[low:high], signals[low:high], confidence[low:high], last=high == len(bars))
        low = high
    fed = live.result()
    assert fed.metrics == whole.metrics
    for table in ("fills", "trades", "refused", "equity"):
        assert getattr(fed, table).equals(getattr(whole, table)), table
