"""Joined tests by hand: scaled equity, compounded returns, a ruined test, and what is left of the in-sample result."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from ktrdr import simulate
from ktrdr.analysis.walk_forward.stitch import Stitched, comparison
from ktrdr.simulation.result import RunResult

FREE = {"commission": {"rate": 0.0}, "slippage": {"rate": 0.0}, "sizing": {"kind": "fixed_notional", "notional": 500.0}}
DAY_NS = 86_400 * 10**9
MONDAY = 19_723  # 2024-01-01, in days since 1970


def run_of(prices: list[float], first_day: int) -> RunResult:
    """A run that buys half of its capital of 1,000 at the second day's open, which is the first day's close."""
    days = [first_day + number for number in range(len(prices))]
    opens = [prices[0], *prices[:-1]]
    bars = pl.DataFrame(
        {
            "timestamp": [day * DAY_NS for day in days],
            "open": opens,
            "high": np.maximum(opens, prices),
            "low": np.minimum(opens, prices),
            "close": prices,
        }
    )
    signals = [1, *[0] * (len(prices) - 1)]
    return simulate(bars, signals, execution=FREE, initial_capital=1_000.0)


UP = [100.0, 110.0, 110.0, 121.0]
"""Half of the capital: 1,000 to 1,105 by two steps (50 and 55)."""
DOWN = [50.0, 40.0, 40.0]
"""Half of the capital: 1,000 to 900."""


def test_each_test_begins_where_the_one_before_ended() -> None:
    joined = Stitched([run_of(UP, MONDAY), run_of(DOWN, MONDAY + 7)], 1_000.0)
    assert joined.equity["fold"].to_list() == [1, 1, 1, 1, 2, 2, 2]
    assert joined.equity["equity"].to_list() == pytest.approx([1_000, 1_050, 1_050, 1_105, 1_105, 994.5, 994.5])
    returns = [0.0, 0.05, 0.0, 1_105 / 1_050 - 1, 0.0, -0.1, 0.0]
    assert joined.returns.tolist() == pytest.approx(returns, abs=1e-12)
    found = joined.metrics()
    assert found["final_equity"] == pytest.approx(994.5)
    assert found["total_return"] == pytest.approx(np.prod(1 + np.array(returns)) - 1)
    assert found["max_drawdown"] == pytest.approx(0.1)
    assert found["daily_returns"] == 7
    assert found["sharpe"] is None, "fewer than ten returns"
    assert found["cagr"] == pytest.approx(0.9945 ** (365.25 / 10) - 1)


def test_one_test_alone_has_the_figures_of_its_run() -> None:
    random = np.random.default_rng(3)
    prices = (100 * np.exp(np.cumsum(random.normal(0, 0.01, 400)))).tolist()
    run = run_of(prices, MONDAY)
    found = Stitched([run], 1_000.0).metrics()
    same = [name for name in found if name in run.metrics]
    assert {"sharpe", "volatility", "cagr", "max_drawdown", "total_return", "daily_returns", "trades"} <= set(same)
    for name in same:
        assert found[name] == pytest.approx(run.metrics[name], rel=1e-9), name


def test_nothing_is_left_after_a_ruined_test() -> None:
    borrowed = FREE | {"sizing": {"kind": "fixed_notional", "notional": 1_000.0}, "allow_short": True}
    bars = pl.DataFrame(
        {
            "timestamp": [(MONDAY + number) * DAY_NS for number in range(3)],
            "open": [10.0, 10.0, 31.0],
            "high": [10.0, 10.0, 31.0],
            "low": [10.0, 10.0, 30.0],
            "close": [10.0, 10.0, 30.0],
        }
    )
    short = {"allow_short_from_flat": True}
    ruined = simulate(bars, [-1, 0, 0], execution=borrowed, decisions=short, initial_capital=1_000.0)
    assert ruined.final_equity <= 0
    joined = Stitched([ruined, run_of(UP, MONDAY + 7)], 1_000.0)
    assert joined.equity["equity"][-1] == 0.0
    assert joined.metrics()["sharpe"] is None
    assert joined.metrics()["total_return"] == -1.0
    assert comparison(joined, Stitched([run_of(UP, MONDAY)], 1_000.0))["efficiency"] is None


def test_what_is_left_of_the_in_sample_result() -> None:
    random = np.random.default_rng(4)
    good = (100 * np.exp(np.cumsum(random.normal(0.002, 0.01, 300)))).tolist()
    poor = (100 * np.exp(np.cumsum(random.normal(0.0005, 0.01, 300)))).tolist()
    inside, outside = (Stitched([run_of(prices, MONDAY)], 1_000.0) for prices in (good, poor))
    found = comparison(outside, inside)
    assert found["degradation"] == pytest.approx(inside.sharpe() - outside.sharpe())
    assert found["efficiency"] == pytest.approx(outside.returns.mean() / inside.returns.mean())
    assert comparison(inside, Stitched([run_of(DOWN, MONDAY)], 1_000.0))["efficiency"] is None
