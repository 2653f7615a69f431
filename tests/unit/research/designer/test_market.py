"""The market of a data folder: series, those that a run can make, and figures of the first bars alone."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ktrdr._types import Floats
from ktrdr.data.bars import BarSeries
from ktrdr.data.store.repository import Repository
from ktrdr.research.designer.market import StoredMarket
from ktrdr.time import Span, Timeframe


def steps(calm: int, wild: int) -> Floats:
    return np.random.default_rng(1).normal(0, 1, calm + wild) * np.repeat([0.001, 0.01], [calm, wild])


def deviation(returns: Floats) -> float:
    """The deviation of normal returns with this mean size."""
    return float(np.abs(returns).mean()) * math.sqrt(math.pi / 2)


def stored(folder: Path, calm: int, wild: int, *, volume: float = 1.0) -> Repository:
    """A folder with hourly bars of EURUSD: calm ones, then ones that move ten times as much."""
    close = np.exp(np.cumsum(steps(calm, wild)))
    stamps = np.arange(calm + wild) * Timeframe.H1.ns
    made = BarSeries("EURUSD", Timeframe.H1, stamps, close, close, close, close, np.full(calm + wild, volume))
    repository = Repository(folder)
    repository.store(made)
    return repository


def test_figures_never_see_the_bars_of_the_evaluation(tmp_path: Path) -> None:
    figures = StoredMarket(stored(tmp_path, 500, 500)).figures("EURUSD", Timeframe.H1)
    assert figures is not None and figures.has_volume
    assert figures.volatility == pytest.approx(deviation(steps(500, 500)[1:500]))


def test_calm_times_are_seen_behind_wild_ones(tmp_path: Path) -> None:
    figures = StoredMarket(stored(tmp_path, 300, 700)).figures("EURUSD", Timeframe.H1)
    assert figures is not None
    assert figures.calm_volatility == pytest.approx(0.001, rel=0.1)
    assert figures.volatility > 0.004


def test_a_split_in_raw_prices_hardly_counts(tmp_path: Path) -> None:
    repository = stored(tmp_path, 1_000, 0)
    bars = repository.load("EURUSD", Timeframe.H1)
    cut = np.where(np.arange(1_000) < 250, 7.0, 1.0)
    made = replace(bars, open=bars.open * cut, high=bars.high * cut, low=bars.low * cut, close=bars.close * cut)
    Repository(tmp_path / "raw").store(made)
    whole, split = (
        StoredMarket(one).figures("EURUSD", Timeframe.H1) for one in (repository, Repository(tmp_path / "raw"))
    )
    assert whole is not None and split is not None
    assert split.calm_volatility == pytest.approx(whole.calm_volatility, rel=0.1)


def test_weeks_of_a_market_that_rests_are_counted(tmp_path: Path) -> None:
    """A market of seven hours on five days fills a fifth of the hours of a week."""
    hours = np.array([day * 24 + hour for day in range(700) if day % 7 < 5 for hour in range(7)])
    flat = np.ones(len(hours))
    made = BarSeries("SPY", Timeframe.H1, (hours + 4 * 24) * Timeframe.H1.ns, flat, flat, flat, flat, flat)
    repository = Repository(tmp_path)
    repository.store(made)
    found = {one.timeframe: one.bars for one in StoredMarket(repository).series()}
    assert (found[Timeframe.W1], found[Timeframe.D1]) == (100, 500)


def test_longer_bars_can_be_made(tmp_path: Path) -> None:
    repository = stored(tmp_path, 480, 0, volume=0.0)
    found = {one.timeframe: one for one in StoredMarket(repository).series()}
    assert found[Timeframe.H1].made_from is None
    assert (found[Timeframe.H4].bars, found[Timeframe.H4].made_from) == (120, Timeframe.H1)
    assert [one.timeframe for one in StoredMarket(repository, resample=False).series()] == [Timeframe.H1]
    figures = StoredMarket(repository).figures("EURUSD", Timeframe.H4)
    assert figures is not None and not figures.has_volume


def test_only_the_span_counts(tmp_path: Path) -> None:
    market = StoredMarket(stored(tmp_path, 480, 0), Span.parse("1970-01-02", "1970-01-03"))
    hourly = next(one for one in market.series() if one.timeframe is Timeframe.H1)
    assert (hourly.bars, hourly.first_ns) == (48, 24 * Timeframe.H1.ns)


def test_a_damaged_series_hides_no_other(tmp_path: Path) -> None:
    repository = stored(tmp_path, 100, 0)
    (tmp_path / "SPY_1h.parquet").write_bytes(b"no parquet")
    market = StoredMarket(repository)
    assert {one.symbol for one in market.series()} == {"EURUSD"}
    assert market.figures("SPY", Timeframe.H1) is None
