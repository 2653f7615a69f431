"""The stationary bootstrap: how positions are drawn, and how often intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr.analysis.statistics.bootstrap import (
    Interval,
    distribution,
    interval,
    optimal_block,
    percentiles,
    stationary_indices,
)
from ktrdr.errors import ArgumentInvalid


@given(n=st.integers(1, 200), mean_block=st.floats(1.0, 1e6), seed=st.integers(0, 100))
def test_positions_lie_in_range(n: int, mean_block: float, seed: int) -> None:
    found = stationary_indices(n, mean_block, np.random.default_rng(seed))
    assert found.dtype == np.int64 and found.shape == (n,)
    assert found.min() >= 0 and found.max() < n


def test_blocks_have_the_mean_length_and_wrap_around() -> None:
    n = 200_000
    found = stationary_indices(n, 25.0, np.random.default_rng(1))
    breaks = np.flatnonzero(np.diff(found) % n != 1)
    lengths = np.diff(breaks)
    assert lengths.mean() == pytest.approx(25.0, rel=0.03)
    # geometric: a share of 1/25 has length 1, and the deviation is almost the mean
    assert np.mean(lengths == 1) == pytest.approx(1 / 25, rel=0.15)
    assert lengths.std() == pytest.approx(np.sqrt(24 * 25), rel=0.05)
    around = stationary_indices(5, 1e9, np.random.default_rng(2))
    assert (np.diff(around) % 5 == 1).all() and (np.diff(around) < 0).any()


def test_every_position_is_equally_likely_everywhere() -> None:
    """A plain block bootstrap would take the ends less often."""
    generator = np.random.default_rng(3)
    counts = np.zeros((20, 20))
    for _ in range(8_000):
        counts[np.arange(20), stationary_indices(20, 6.0, generator)] += 1
    assert np.abs(counts / 400 - 1).max() < 0.25


def test_a_mean_block_of_one_draws_each_value_by_itself() -> None:
    found = stationary_indices(100_000, 1.0, np.random.default_rng(4))
    assert np.mean(np.diff(found) == 1) < 1e-3


def test_equal_seeds_give_equal_intervals() -> None:
    values = np.random.default_rng(5).normal(size=50)
    one = interval(values, np.mean, mean_block=4, seed=9, resamples=200)
    assert one == interval(values, np.mean, mean_block=4, seed=9, resamples=200)
    assert one != interval(values, np.mean, mean_block=4, seed=10, resamples=200)


def test_rows_stay_together() -> None:
    values = np.stack([np.arange(40.0), np.arange(40.0)], axis=1)
    found = distribution(values, lambda rows: float(np.abs(rows[:, 0] - rows[:, 1]).max()), mean_block=3, seed=1)
    assert (found == 0).all()


def test_percentiles_interpolate() -> None:
    assert percentiles(np.arange(5.0), 0.5) == Interval(1.0, 3.0)
    assert percentiles(np.array([0.0, 1.0]), 0.5) == Interval(0.25, 0.75)


def covered(correlation: float, mean_block: float, draws: int, n: int = 150) -> float:
    """Share of intervals that hold the true mean 0 of an autoregressive series."""
    rng = np.random.default_rng(17)
    hits = 0
    for seed in range(draws):
        noise = rng.normal(size=n + 100)
        values = np.empty_like(noise)
        values[0] = noise[0]
        for i in range(1, len(noise)):
            values[i] = correlation * values[i - 1] + noise[i]
        found = interval(values[100:], np.mean, mean_block=mean_block, seed=seed, resamples=200)
        hits += found.lower <= 0 <= found.upper
    return hits / draws


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    assert covered(0.0, 1.0, 120) == pytest.approx(0.95, abs=0.05)


def test_blocks_are_needed_where_values_depend_on_each_other() -> None:
    assert covered(0.6, 1.0, 80) < 0.80
    assert covered(0.6, 15.0, 80) > 0.82


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("mean_block", {"mean_block": 0.5}),
        ("mean_block", {"mean_block": float("nan")}),
        ("mean_block", {"mean_block": float("inf")}),
        ("level", {"level": 1.0}),
        ("resamples", {"resamples": 0}),
        ("statistic", {"statistic": lambda _: float("nan")}),
        ("n", {"values": np.empty(0)}),
    ],
)
def test_arguments_are_checked(name: str, changed: dict[str, object]) -> None:
    given: dict[str, object] = {"values": np.arange(5.0), "statistic": np.mean, "mean_block": 2, "seed": 1}
    with pytest.raises(ArgumentInvalid) as caught:
        interval(**(given | changed))  # type: ignore[arg-type]
    assert caught.value.where == name


def test_the_best_block_grows_with_dependence() -> None:
    noise = np.random.default_rng(6).normal(size=2_000)
    lengths = [optimal_block(np.convolve(noise, np.ones(width), mode="valid")) for width in (1, 5, 20)]
    assert lengths[0] < 5 < lengths[1] < lengths[2]


def test_the_best_block_has_ends() -> None:
    """At least 1, at most min(3 sqrt(n), n / 3); 1 where there is nothing to learn."""
    assert optimal_block(np.empty(0)) == optimal_block(np.arange(9.0)) == optimal_block(np.full(50, 0.1)) == 1.0
    assert optimal_block(np.arange(200.0) % 5) == 43.0  # 3 sqrt(200) is 42.4
    assert optimal_block(np.arange(10.0)) == 4.0
    assert optimal_block(np.tile([1.0, -1.0], 50)) >= 1.0


@pytest.mark.soak
@pytest.mark.parametrize(("correlation", "least", "most"), [(0.0, 0.92, 0.97), (0.3, 0.90, 0.97), (0.6, 0.87, 0.97)])
def test_coverage_with_the_block_that_a_series_asks_for(correlation: float, least: float, most: float) -> None:
    """Two thousand series of 500 values; no block is long enough for all dependence, so a little is missing."""
    rng = np.random.default_rng(23)
    hits = 0
    draws = 2_000
    for seed in range(draws):
        noise = rng.normal(size=600)
        values = np.empty(600)
        values[0] = noise[0]
        for i in range(1, 600):
            values[i] = correlation * values[i - 1] + noise[i]
        tail = values[100:]
        found = interval(tail, np.mean, mean_block=optimal_block(tail), seed=seed, resamples=500)
        hits += found.lower <= 0 <= found.upper
    assert least < hits / draws < most
