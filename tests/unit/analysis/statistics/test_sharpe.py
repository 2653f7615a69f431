"""Sharpe ratios in doubt: the vectors of the specification, the core's moments, and simulated luck."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import ktrdr
from ktrdr.analysis.statistics.sharpe import (
    Moments,
    deflated_sharpe,
    expected_maximum,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_by_chance,
)
from ktrdr.errors import ArgumentInvalid

PAPER = Moments(24, 0.458, 1.0, -2.448, 10.164)


def annual(ratio: float, periods: float, n: int = 100, skew: float = 0.0, kurtosis: float = 3.0) -> Moments:
    return Moments(n, ratio / math.sqrt(periods), 1.0, skew, kurtosis)


def test_probabilistic_sharpe_by_the_paper() -> None:
    assert probabilistic_sharpe(PAPER) == pytest.approx(0.9134, rel=1e-4)
    assert probabilistic_sharpe(Moments(24, 0.458, 1.0)) == pytest.approx(0.9817, rel=1e-4)


@pytest.mark.parametrize(("periods", "expected"), [(252, 688.2), (52, 147.1), (12, 38.88)])
def test_minimum_track_record_by_the_paper(periods: int, expected: float) -> None:
    found = minimum_track_record(annual(2.0, periods), 1.0 / math.sqrt(periods))
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("n", "expected"), [(1, 0.0), (10, 1.5746), (45, 2.2356), (100, 2.5306), (1000, 3.2551)])
def test_expected_maximum_by_the_paper(n: int, expected: float) -> None:
    assert expected_maximum(n) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("n_trials", "expected"), [(100, 0.9004), (46, 0.9505)])
def test_deflated_sharpe_by_the_paper(n_trials: int, expected: float) -> None:
    chosen = annual(2.5, 250, 1250, -3.0, 10.0)
    # so many ratios whose variance with N - 1 is 0.5 / 250
    draws = np.linspace(-1.0, 1.0, n_trials)
    ratios = draws * math.sqrt(0.5 / 250 / np.var(draws, ddof=1))
    assert deflated_sharpe(chosen, ratios.tolist()) == pytest.approx(expected, rel=1e-4)
    assert probabilistic_sharpe(chosen, sharpe_by_chance(n_trials, 0.5 / 250)) == pytest.approx(expected, rel=1e-4)


def test_expected_maximum_of_draws() -> None:
    draws = np.random.default_rng(1).normal(size=(20_000, 50)).max(axis=1)
    assert expected_maximum(50) == pytest.approx(draws.mean(), rel=0.02)


def test_few_trials_deflate_nothing() -> None:
    plain = probabilistic_sharpe(PAPER)
    assert deflated_sharpe(PAPER, []) == deflated_sharpe(PAPER, [0.458]) == plain
    assert deflated_sharpe(PAPER, [None, None]) == plain


def test_idle_trials_never_flatter() -> None:
    """Trials without a ratio count, and their variance is the larger of the two readings."""
    spread = [0.3, -0.3, 0.458]
    alone = deflated_sharpe(PAPER, spread)
    idle = deflated_sharpe(PAPER, [*spread, *[None] * 50])
    assert alone is not None and idle is not None and idle < alone
    # all defined ratios equal: only the zeros give a variance
    assert deflated_sharpe(PAPER, [0.458, 0.458, None]) == deflated_sharpe(PAPER, [0.458, 0.458, 0.0])


def test_undefined_where_the_formula_has_no_root() -> None:
    """A skew of 3 with a kurtosis of 9 (the least is 1 + skew^2 = 10) leaves no variance at a ratio of 1."""
    impossible = Moments(100, 1.0, 1.0, 3.5, 3.0)
    assert probabilistic_sharpe(impossible) is None
    assert minimum_track_record(impossible) is None
    assert deflated_sharpe(impossible, [0.1, 0.2, 0.3]) is None
    assert probabilistic_sharpe(Moments(1, 1.0, 1.0)) is None


def test_no_record_is_long_enough_for_a_ratio_below_the_benchmark() -> None:
    assert minimum_track_record(Moments(100, 0.1, 1.0), 0.1) is None
    assert minimum_track_record(Moments(100, -0.1, 1.0)) is None


@pytest.mark.parametrize("confidence", [0.5, 1.0, math.nan])
def test_confidence_is_a_share_above_a_half(confidence: float) -> None:
    with pytest.raises(ArgumentInvalid, match="confidence"):
        minimum_track_record(PAPER, confidence=confidence)


def test_trials_are_counted_from_one() -> None:
    with pytest.raises(ArgumentInvalid, match="n_trials"):
        expected_maximum(0)


ratios = st.floats(-1.0, 1.0)


@given(ratio=ratios, step=st.floats(0.001, 1.0), n=st.integers(2, 5000), skew=st.floats(-3, 3), tail=st.floats(0, 20))
def test_probabilistic_sharpe_is_monotone(ratio: float, step: float, n: int, skew: float, tail: float) -> None:
    """It falls with the benchmark, and moves away from a half with the length of the record."""
    moments = Moments(n, ratio, 1.0, skew, 1 + skew * skew + tail)
    low = probabilistic_sharpe(moments, ratio - step)
    high = probabilistic_sharpe(moments, ratio + step)
    same = probabilistic_sharpe(moments, ratio)
    assume(low is not None and high is not None)
    assert low is not None and high is not None
    assert low >= (same or 0.0) >= high and same == 0.5
    longer = Moments(2 * n, ratio, 1.0, skew, moments.kurtosis)
    after = probabilistic_sharpe(longer, ratio - step)
    assert after is not None and after >= low


@given(ratio=st.floats(0.01, 1.0), skew=st.floats(-2, 2), confidence=st.floats(0.55, 0.999))
def test_track_record_and_probability_are_inverse(ratio: float, skew: float, confidence: float) -> None:
    """At the minimum length the probability is the confidence; the formula is continuous in n."""
    moments = Moments(10, ratio, 1.0, skew, 4 + skew * skew)
    length = minimum_track_record(moments, confidence=confidence)
    assert length is not None
    z = ratio * math.sqrt(length - 1) / math.sqrt(1 - skew * ratio + (3 + skew * skew) / 4 * ratio**2)
    assert 0.5 * math.erfc(-z / math.sqrt(2)) == pytest.approx(confidence, rel=1e-9)


def test_moments_equal_the_core() -> None:
    """The same days, counted by the core during a run, and from its equity."""
    rng = np.random.default_rng(4)
    days = 400
    closes = 100 * np.cumprod(1 + rng.standard_t(4, days) * 0.01)
    opens = np.concatenate([[100.0], closes[:-1]])
    start = datetime(2020, 1, 6, tzinfo=UTC)
    bars = pl.DataFrame(
        {
            "timestamp": [start + timedelta(days=day) for day in range(days)],
            "open": opens,
            "high": np.maximum(opens, closes),
            "low": np.minimum(opens, closes),
            "close": closes,
        }
    )
    signals = rng.choice([-1, 0, 1], days).astype(np.int8)
    rules = {"periods_per_year": 365, "risk_free_rate": 0.03}
    result = ktrdr.simulate(bars, signals, metrics=rules, timeframe="1d")
    points = np.concatenate([[result.metrics["initial_capital"]], result.equity["equity"].to_numpy()])
    counted = Moments.of_metrics(result.metrics, result.conventions["periods_per_year"])
    plain = Moments.of(points[1:] / points[:-1] - 1, risk_free=1.03 ** (1 / 365) - 1)
    assert counted is not None and plain is not None
    for name in ("n", "mean", "deviation", "skew", "kurtosis"):
        assert getattr(counted, name) == pytest.approx(getattr(plain, name), rel=1e-9), name


def test_no_moments_where_returns_do_not_vary() -> None:
    assert Moments.of(np.full(50, 0.1)) is None
    assert Moments.of(np.array([0.1])) is None
    undefined = {"daily_returns": 5, "sharpe": None, "volatility": None, "skew": None, "kurtosis": None}
    assert Moments.of_metrics(undefined, 252) is None


def test_returns_are_finite() -> None:
    with pytest.raises(ArgumentInvalid, match="returns"):
        Moments.of(np.array([0.1, math.nan, 0.2]))


def test_the_best_of_many_noise_strategies_is_nothing() -> None:
    """Of 200 strategies without skill the best has a PSR near 1, and a DSR that few draws bring above 0.95."""
    rng = np.random.default_rng(11)
    probabilities = []
    deflated = []
    for _ in range(200):
        returns = rng.normal(0, 0.01, (200, 250))
        trials = returns.mean(axis=1) / returns.std(axis=1, ddof=1)
        chosen = Moments.of(returns[trials.argmax()])
        assert chosen is not None
        probabilities.append(probabilistic_sharpe(chosen))
        deflated.append(deflated_sharpe(chosen, trials.tolist()))
    assert min(probabilities) > 0.95
    assert 0.4 < np.mean(deflated) < 0.6
    assert np.mean(np.array(deflated) >= 0.95) < 0.05


@pytest.mark.soak
@pytest.mark.parametrize("n_trials", [5, 20, 100, 500])
@pytest.mark.parametrize("tails", [3, 30], ids=["fat", "thin"])
def test_luck_passes_the_deflated_ratio_as_seldom_as_it_says(n_trials: int, tails: int) -> None:
    """Of the best of N without skill at most 5 % reach 0.95; of plain PSR, with many trials, nearly all do."""
    rng = np.random.default_rng(41)
    plain = []
    deflated = []
    for _ in range(1_000):
        returns = rng.standard_t(tails, (n_trials, 250)) * 0.01
        trials = returns.mean(axis=1) / returns.std(axis=1, ddof=1)
        chosen = Moments.of(returns[trials.argmax()])
        assert chosen is not None
        plain.append(probabilistic_sharpe(chosen) or 0.0)
        deflated.append(deflated_sharpe(chosen, trials.tolist()) or 0.0)
    assert np.mean(np.array(deflated) >= 0.95) <= 0.05
    assert np.mean(np.array(plain) >= 0.95) > 0.2 if n_trials == 5 else np.mean(np.array(plain) >= 0.95) > 0.6
