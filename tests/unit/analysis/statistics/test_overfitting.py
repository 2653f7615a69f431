"""PBO: against a slow version that is written out, its tie rules one by one, noise and a trial that dominates."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktrdr.analysis.statistics.overfitting import probability_of_overfitting
from ktrdr.errors import ArgumentInvalid

Returns = NDArray[np.float64]


def blocks(returns: Returns) -> Returns:
    """Sums of returns [n_trials, n_days] in 16 blocks, day k in block floor(16 k / n)."""
    of_day = 16 * np.arange(returns.shape[1]) // returns.shape[1]
    parts = [returns[:, of_day == block] for block in range(16)]
    return np.stack([[[len(row), row.sum(), (row**2).sum()] for row in part] for part in parts], axis=1)


def sharpes(returns: Returns) -> Returns:
    """The ratio of each trial over some of its days; 0 where they do not vary."""
    mean = returns.mean(axis=1)
    deviation = returns.std(axis=1, ddof=1)
    varies = deviation > 1e-9 * np.abs(mean)
    return np.where(varies, mean / np.where(varies, deviation, 1.0), 0.0)


def plainly(returns: Returns) -> float:
    """The definition from the returns themselves, split by split."""
    n_trials, n_days = returns.shape
    of_day = 16 * np.arange(n_days) // n_days
    points = 0.0
    for chosen in combinations(range(16), 8):
        inside = np.isin(of_day, chosen)
        here = sharpes(returns[:, inside])
        there = sharpes(returns[:, ~inside])
        best = there[list(here).index(max(here))]
        rank = (there < best).sum() + ((there == best).sum() + 1) / 2
        logit = math.log(rank / (n_trials + 1 - rank))
        points += 1.0 if logit < -1e-12 else 0.5 if logit < 1e-12 else 0.0
    return points / math.comb(16, 8)


def test_equals_the_definition() -> None:
    returns = np.random.default_rng(2).normal(0.0, 0.01, (11, 53))
    assert probability_of_overfitting(blocks(returns)) == plainly(returns)


def test_ties_equal_the_definition() -> None:
    """Days of whole numbers, so that sums are exact: equal trials, idle trials, trials with ties between them."""
    rng = np.random.default_rng(3)
    few = rng.integers(-2, 3, (5, 32)).astype(float)
    returns = np.concatenate([few, few[[1, 3]], np.zeros((3, 32)), np.ones((1, 32))])
    assert probability_of_overfitting(blocks(returns)) == plainly(returns)


def test_a_dominating_trial_is_never_overfitted() -> None:
    returns = np.random.default_rng(5).normal(0.0, 0.01, (40, 64))
    returns[17] += 0.05
    assert probability_of_overfitting(blocks(returns)) == 0.0


def test_a_trial_that_lives_from_one_half_is_overfitted() -> None:
    """Each trial is good where the others are bad: the best in sample is the worst out of it."""
    returns = np.random.default_rng(6).normal(0.0, 1e-4, (10, 160))
    signs = np.where(np.random.default_rng(7).random((10, 16)) < 0.5, -1.0, 1.0)
    signs -= signs.mean(axis=1, keepdims=True)
    returns += 0.01 * np.repeat(signs, 10, axis=1)
    found = probability_of_overfitting(blocks(returns))
    assert found is not None and found > 0.99


def test_pure_noise_is_near_a_half() -> None:
    rng = np.random.default_rng(8)
    found = [probability_of_overfitting(blocks(rng.normal(0.0, 0.01, (50, 160)))) for _ in range(30)]
    assert np.mean([value for value in found if value is not None]) == pytest.approx(0.5, abs=0.1)


def test_all_trials_equal_is_a_half() -> None:
    """The chosen one has the mean rank of all: every logit is 0."""
    one = np.random.default_rng(9).normal(size=(1, 48))
    assert probability_of_overfitting(blocks(np.repeat(one, 37, axis=0))) == 0.5


def test_none_under_ten_trials() -> None:
    returns = np.random.default_rng(10).normal(size=(10, 48))
    assert probability_of_overfitting(blocks(returns)) is not None
    assert probability_of_overfitting(blocks(returns[:9])) is None
    assert probability_of_overfitting([]) is None


def test_risk_free_rate_is_taken_off() -> None:
    returns = np.random.default_rng(12).normal(0.001, 0.01, (12, 80))
    assert probability_of_overfitting(blocks(returns), 0.002) == probability_of_overfitting(blocks(returns - 0.002))
    assert probability_of_overfitting(blocks(returns), 0.002) != probability_of_overfitting(blocks(returns))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 100.0))
def test_scale_and_order_of_the_other_trials_change_nothing(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    returns = rng.normal(size=(12, 32))
    found = probability_of_overfitting(blocks(returns))
    assert probability_of_overfitting(blocks(returns * scale)) == found
    assert probability_of_overfitting(blocks(returns[rng.permutation(12)])) == found


def test_copies_of_a_trial_tie_at_every_place() -> None:
    """Equal trials have equal ratios to the bit, wherever they lie among thousands; a tie takes the first."""
    rng = np.random.default_rng(13)
    three = blocks(rng.normal(size=(3, 48)))
    many = np.tile(three, (501, 1, 1))
    few = np.tile(three, (5, 1, 1))
    assert probability_of_overfitting(many) == probability_of_overfitting(few)


def test_trials_of_other_days_are_refused() -> None:
    sums = blocks(np.random.default_rng(14).normal(size=(10, 48)))
    other = sums.copy()
    other[3, 2, 0] += 1
    with pytest.raises(ArgumentInvalid, match="equally many returns"):
        probability_of_overfitting(other)
    with pytest.raises(ArgumentInvalid, match="16 blocks"):
        probability_of_overfitting(sums[:, :8])
    with pytest.raises(ArgumentInvalid, match="finite"):
        probability_of_overfitting(np.where(sums == sums[2, 5, 1], np.nan, sums))


@pytest.mark.soak
@pytest.mark.parametrize(("n_trials", "least", "most"), [(10, 0.5, 0.62), (50, 0.46, 0.56), (300, 0.46, 0.56)])
def test_noise_on_average(n_trials: int, least: float, most: float) -> None:
    """The mean over 400 sets of pure noise; a little above a half with few trials: the best one falls furthest."""
    rng = np.random.default_rng(31)
    found = [probability_of_overfitting(blocks(rng.normal(0.0, 0.01, (n_trials, 160)))) for _ in range(400)]
    assert least < np.mean([value for value in found if value is not None]) < most


@pytest.mark.soak
def test_an_edge_lowers_it_step_by_step() -> None:
    """One trial of 50 has a mean of so many deviations a day, the others are noise."""
    means = []
    for edge in (0.0, 0.1, 0.2, 0.4):
        rng = np.random.default_rng(37)
        found = []
        for _ in range(100):
            returns = rng.normal(0.0, 0.01, (50, 320))
            returns[11] += edge * 0.01
            found.append(probability_of_overfitting(blocks(returns)) or 0.0)
        means.append(np.mean(found))
    assert means == sorted(means, reverse=True)
    assert means[0] > 0.4 and means[-1] < 0.01


def test_many_trials_are_looked_at_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(4).normal(size=(23, 16, 6))
    noise[[5, 11]] = noise[2]  # ties: of equal ones the first is chosen, whichever part it is in
    trials = [[[6.0, block.sum(), (block**2).sum()] for block in trial] for trial in noise]
    together = probability_of_overfitting(trials, 0.01)
    for count in (1, 4, 9, 22):
        monkeypatch.setattr("ktrdr.analysis.statistics.overfitting._TABLED_TRIALS", count)
        assert probability_of_overfitting(trials, 0.01) == together


def test_of_very_many_trials_a_fixed_draw_of_the_splits_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(6).normal(size=(40, 16, 6))
    noise[7] += 0.25
    trials = [[[6.0, block.sum(), (block**2).sum()] for block in trial] for trial in noise]
    every = probability_of_overfitting(trials)
    monkeypatch.setattr("ktrdr.analysis.statistics.overfitting._MOST_RATIOS", 40 * 700)
    drawn = probability_of_overfitting(trials)
    assert every is not None and drawn is not None
    assert drawn == probability_of_overfitting(trials) != every
    assert (drawn * 4 * 700) % 1 == pytest.approx(0, abs=1e-9), "700 splits, in both directions"
    assert drawn == pytest.approx(every, abs=0.05)
    monkeypatch.setattr("ktrdr.analysis.statistics.overfitting._MOST_RATIOS", 40)
    assert (probability_of_overfitting(trials) or 0.1) * 4 * 512 % 1 == pytest.approx(0, abs=1e-9), "never fewer"
