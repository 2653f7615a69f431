"""The band of equity: the run's own curve where days are alike, wider where they differ, none from a few days."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import ktrdr
from ktrdr.analysis.statistics.band import equity_band
from ktrdr.simulation.result import RunResult

WHOLE = {"sizing": {"kind": "cash_fraction", "fraction": 1.0}, "commission": {"rate": 0.0}, "slippage": {"rate": 0.0}}


def held(closes: np.ndarray) -> RunResult:
    """Buy and hold over daily closes, without costs."""
    stamps = np.arange(len(closes)) * 86_400_000_000_000
    bars = pl.DataFrame({"timestamp": stamps, **dict.fromkeys(("open", "high", "low", "close"), closes)})
    return ktrdr.simulate(bars, [1] + [0] * (len(closes) - 1), execution=WHOLE)  # type: ignore[arg-type]


def test_days_that_are_alike_have_no_band() -> None:
    result = held(100 * 1.01 ** np.arange(40.0))
    returns = result.daily_returns
    object.__setattr__(result, "daily_returns", np.full_like(returns, 0.01))
    band = equity_band(result)
    assert band is not None
    assert band.lower == pytest.approx(band.equity) == band.upper
    assert band.equity == pytest.approx(100_000 * 1.01 ** np.arange(1.0, 41.0))


def test_the_curve_is_the_ledgers_and_the_band_holds_its_share() -> None:
    result = held(100 * np.cumprod(1 + np.random.default_rng(2).normal(0, 0.01, 900)))
    band = equity_band(result, level=0.5)
    assert band is not None
    assert len(band.days) == 300
    assert band.equity == pytest.approx(result.equity["equity"].to_numpy()[band.days - 1], rel=1e-9)
    wide = equity_band(result, level=0.9)
    assert wide is not None
    assert ((wide.lower < band.lower) & (band.upper < wide.upper))[5:].all()
    again = equity_band(result, level=0.9)
    assert again is not None
    assert np.array_equal(wide.upper, again.upper)


@pytest.mark.parametrize("days", [2, 9])
def test_a_few_days_have_none(days: int) -> None:
    assert equity_band(held(100.0 + np.arange(days))) is None
