"""Leads over returns: seen where values are stamped early, not where they merely move with the market."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ktrdr.analysis.lookahead.lead import find_lead, is_interpolated, rank_correlation
from ktrdr.data.bars import BarSeries
from ktrdr.data.resample import resample
from ktrdr.time import Timeframe
from support.inputs import markets

BARS = markets.walk(11, 6_000)
DAYS = np.arange(23, len(BARS) - 48, 24)
KNOWN_NS = BARS.close_ns[DAYS]


@pytest.mark.parametrize("seed", range(5))
def test_noise_and_what_moves_with_the_market_lead_nothing(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 1, len(DAYS))
    assert find_lead(BARS, KNOWN_NS, noise) is None
    assert find_lead(BARS, KNOWN_NS, np.cumsum(noise)) is None
    assert find_lead(BARS, KNOWN_NS, 1.0 / BARS.close[DAYS]) is None


@pytest.mark.parametrize(("ahead", "window"), [(24, (0, 1)), (48, (1, 2))])
def test_a_close_that_is_stamped_early_leads(ahead: int, window: tuple[int, int]) -> None:
    found = find_lead(BARS, KNOWN_NS, BARS.close[DAYS + ahead])
    assert found is not None
    assert (found.from_change, found.to_change) == window
    assert found.of_change
    assert found.correlation > 0.9


def test_a_noisy_forecast_leads_too() -> None:
    later = np.log(BARS.close[DAYS + 24] / BARS.close[DAYS])
    noise = np.random.default_rng(1).normal(0, later.std(), len(DAYS))
    found = find_lead(BARS, KNOWN_NS, later + noise)
    assert found is not None
    assert not found.of_change


@pytest.mark.real_data
def test_gold_moves_with_the_euro_and_leads_it_only_when_stamped_early(real_data: Path) -> None:
    euro, gold, shares = (
        BarSeries.from_frame(pl.read_parquet(real_data / f"{name}_1h.parquet"), "X", Timeframe.H1)
        for name in ("EURUSD-BID", "XAUUSD-BID", "SPY")
    )
    days = resample(gold, Timeframe.D1)
    for bars in (gold, days, resample(shares, Timeframe.D1)):
        assert find_lead(euro, bars.close_ns, bars.close) is None
    for bars in (gold, days):
        assert find_lead(euro, bars.timestamp, bars.close) is not None


def test_few_values_prove_nothing() -> None:
    assert find_lead(BARS, KNOWN_NS[:40], BARS.close[DAYS + 24][:40]) is None


def test_ranks_of_equal_values_are_their_mean() -> None:
    assert rank_correlation(np.array([1.0, 1.0, 2.0, 2.0]), np.array([1.0, 2.0, 1.0, 2.0])) == 0.0
    assert rank_correlation(np.array([3.0, 2.0, 1.0]), np.array([1.0, 2.0, 3.0])) == -1.0
    assert rank_correlation(np.ones(3), np.arange(3.0)) == 0.0


def test_lines_between_values_are_seen() -> None:
    stamps = np.arange(60) * Timeframe.D1.ns
    corners = np.random.default_rng(2).normal(0, 1, 7)
    assert is_interpolated(stamps, np.interp(np.arange(60), np.arange(0, 61, 10), corners))


@pytest.mark.parametrize(
    "values",
    [np.arange(60.0), np.arange(60.0) % 12, np.repeat(np.arange(6.0) ** 2, 10), np.ones(60), BARS.close[:60]],
    ids=["a counter", "a counter that is reset", "steps", "a constant", "prices"],
)
def test_what_is_no_interpolation_is_left_alone(values: np.ndarray) -> None:
    assert not is_interpolated(np.arange(60) * Timeframe.D1.ns, values)
