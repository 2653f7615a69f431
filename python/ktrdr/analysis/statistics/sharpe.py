"""Doubt about a Sharpe ratio: its length of record, the shape of its returns, the number of trials behind it.

Every ratio here is per period, never annual: an annual one divided by the root of the periods in a year.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, variance
from typing import Final

import numpy as np
import polars as pl

from ktrdr._types import Floats
from ktrdr.errors import ArgumentInvalid

_NORMAL: Final = NormalDist()
_EULER_GAMMA: Final = 0.5772156649015329
_LEAST_RETURNS: Final = 2
_FLAT: Final = 1e-9
"""The core's rule: a deviation of at most this part of the mean is rounding, and counts as zero."""


@dataclass(frozen=True)
class Moments:
    """Moments of the returns of a strategy, per period (a day; of weekly bars a week), less the risk-free rate.

    Args:
        n: number of returns.
        mean: mean return, a rate.
        deviation: standard deviation with n - 1, a rate.
        skew: third standardised moment of the population; 0 is normal.
        kurtosis: fourth standardised moment of the population, raw; 3 is normal.

    >>> Moments(24, 0.458, 1.0, -2.448, 10.164).sharpe
    0.458
    """

    n: int
    mean: float
    deviation: float
    skew: float = 0.0
    kurtosis: float = 3.0

    @property
    def sharpe(self) -> float:
        """Returns mean / deviation, per period."""
        return self.mean / self.deviation

    @property
    def _spread(self) -> float:
        """Returns the variance of the estimated ratio, times n - 1: 1 - g3 SR + (g4 - 1) / 4 SR^2."""
        ratio = self.sharpe
        return 1 - self.skew * ratio + (self.kurtosis - 1) / 4 * ratio * ratio

    @classmethod
    def of(cls, returns: Floats, risk_free: float = 0.0) -> Moments | None:
        """Returns the moments of returns that no run carries, such as those of joined test windows.

        A run has counted its moments itself: read them with `of_metrics`. None for fewer than two returns or returns
        that do not vary.

        Args:
            returns: of successive periods [n, float64, rate].
            risk_free: rate per period, taken off each return.

        >>> found = Moments.of(np.array([.010, -.005, .007, -.012, .004, 0, .015, -.008, .003, .006, -.002, .001]))
        >>> round(found.sharpe * 252 ** 0.5, 6)
        3.287696
        """
        excess = np.asarray(returns, np.float64) - risk_free
        if not np.isfinite(excess).all():
            raise ArgumentInvalid("must be finite", where="returns")
        if len(excess) < _LEAST_RETURNS:
            return None
        mean = float(excess.mean())
        away = excess - mean
        squares = float((away**2).mean())
        deviation = math.sqrt(squares * len(excess) / (len(excess) - 1))
        if deviation <= _FLAT * abs(mean):
            return None
        root = math.sqrt(squares)
        scaled = away / root
        return cls(len(excess), mean, deviation, float((scaled**3).mean()), float((scaled**4).mean()))

    @classmethod
    def of_metrics(cls, metrics: Mapping[str, float | None], periods_per_year: float) -> Moments | None:
        """Returns the moments that a run's metrics hold: ``sharpe``, ``volatility``, ``skew``, ``kurtosis``.

        None where one of them is undefined, as in a run of fewer than ten days.

        Args:
            metrics: of a run, by name.
            periods_per_year: of the run's conventions.

        >>> found = Moments.of_metrics(
        ...     {"daily_returns": 500, "sharpe": 1.0, "volatility": 0.16, "skew": -1.0, "kurtosis": 5.0}, 256)
        >>> found.n, found.sharpe, found.deviation
        (500, 0.0625, 0.01)
        """
        count, ratio, volatility, skew, kurtosis = (
            metrics.get(name) for name in ("daily_returns", "sharpe", "volatility", "skew", "kurtosis")
        )
        if count is None or ratio is None or volatility is None or skew is None or kurtosis is None:
            return None
        root = math.sqrt(periods_per_year)
        deviation = volatility / root
        return cls(int(count), ratio / root * deviation, deviation, skew, kurtosis)


def ratios_of(runs: pl.DataFrame, periods_per_year: float) -> pl.Series:
    """Returns the Sharpe ratio per period of each run in a table of metrics, with the bits of `Moments.of_metrics`.

    Args:
        runs: a row for each run, with every metric as a column.
        periods_per_year: of the runs' conventions.

    >>> runs = pl.DataFrame({"daily_returns": [500, 0], "sharpe": [1.0, None], "volatility": [0.16, None],
    ...                      "skew": [-1.0, None], "kurtosis": [5.0, None]})
    >>> ratios_of(runs, 256).to_list()
    [0.0625, None]
    """
    root = math.sqrt(periods_per_year)
    deviation = pl.col("volatility") / root
    known = pl.all_horizontal(pl.col("daily_returns", "skew", "kurtosis").is_not_null())
    ratio = pl.when(known).then(pl.col("sharpe") / root * deviation / deviation)
    return runs.select(ratio.alias("sharpe"))["sharpe"]


def probabilistic_sharpe(moments: Moments, benchmark: float = 0.0) -> float | None:
    """Returns the probability that the true Sharpe ratio is above a benchmark: PSR.

    PSR(SR*) = Z[(SR - SR*) sqrt(n - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2)]. (Bailey and Lopez de Prado, "The Sharpe
    ratio efficient frontier", 2012.) None where the expression under the last root is not above 0: such moments are
    those of a few extreme returns, and the formula says nothing about them.

    Args:
        moments: of the strategy's returns.
        benchmark: SR*, per period.

    >>> round(probabilistic_sharpe(Moments(24, 0.458, 1.0, -2.448, 10.164)), 4)
    0.9134
    """
    if moments.n < _LEAST_RETURNS or moments._spread <= 0:
        return None
    return _below((moments.sharpe - benchmark) * math.sqrt((moments.n - 1) / moments._spread))


def minimum_track_record(moments: Moments, benchmark: float = 0.0, confidence: float = 0.95) -> float | None:
    """Returns the number of periods after which the ratio would be above the benchmark with confidence: MinTRL.

    MinTRL = 1 + [1 - g3 SR + (g4 - 1) / 4 SR^2] (z / (SR - SR*))^2, not rounded up. (Bailey and Lopez de Prado, 2012.)
    None where the ratio is not above the benchmark, since then no record is long enough, and where
    `probabilistic_sharpe` is None.

    Args:
        moments: of the strategy's returns.
        benchmark: SR*, per period.
        confidence: one-sided, above 0.5 and below 1.

    >>> daily = Moments(252, 2 / 252 ** 0.5, 1.0)
    >>> round(minimum_track_record(daily, 1 / 252 ** 0.5), 1)
    688.2
    """
    _check_share("confidence", confidence, 0.5)
    ahead = moments.sharpe - benchmark
    if ahead <= 0 or moments._spread <= 0:
        return None
    return 1 + moments._spread * (_NORMAL.inv_cdf(confidence) / ahead) ** 2


def expected_maximum(n_trials: int) -> float:
    """Returns the expected largest of N standard normal draws: E[max], in standard deviations.

    E[max] = (1 - g) Zinv(1 - 1/N) + g Zinv(1 - 1/(N e)), g the Euler-Mascheroni constant; 0 for one draw. (Bailey and
    Lopez de Prado, "The deflated Sharpe ratio", 2014.) It is the limit law of extremes: 8 % below the exact value for
    two draws, and from three on at most 3 % above it.

    >>> [round(expected_maximum(n), 4) for n in (1, 10, 1000)]
    [0.0, 1.5746, 3.2551]
    """
    if n_trials < 1:
        raise ArgumentInvalid("must be 1 or more", where="n_trials", found=n_trials)
    if n_trials == 1:
        return 0.0
    # -Zinv(p), not Zinv(1 - p): the second loses the digits of a small p.
    return -(1 - _EULER_GAMMA) * _NORMAL.inv_cdf(1 / n_trials) - _EULER_GAMMA * _NORMAL.inv_cdf(1 / (n_trials * math.e))


def sharpe_by_chance(n_trials: int, variance_of_trials: float) -> float:
    """Returns the Sharpe ratio that the best of N trials without any skill is expected to reach, per period: SR*.

    Args:
        n_trials: number of trials, N.
        variance_of_trials: of the trials' Sharpe ratios, per period, with N - 1.

    >>> round(sharpe_by_chance(100, 0.5 / 250) * 250 ** 0.5, 3)
    1.789
    """
    return math.sqrt(variance_of_trials) * expected_maximum(n_trials)


def sharpe_of_luck(trial_sharpes: Sequence[float | None]) -> float:
    """Returns the Sharpe ratio that the best of these trials would reach without any skill, per period: SR* of the DSR.

    Trials without a ratio count as `deflated_sharpe` says; with fewer than two trials it is 0.

    Args:
        trial_sharpes: ratios of all trials per period; None where undefined.

    >>> sharpe_of_luck([0.1]), round(sharpe_of_luck([-0.05, 0.05] * 50), 3)
    (0.0, 0.127)
    """
    return sharpe_by_chance(max(len(trial_sharpes), 1), _variance(trial_sharpes))


def deflated_sharpe(moments: Moments, trial_sharpes: Sequence[float | None]) -> float | None:
    """Returns the probability that the true ratio is above that of the best of so many trials without skill: DSR.

    DSR = PSR(sqrt(Var of the trials' ratios) E[max] of their number). (Bailey and Lopez de Prado, 2014.) With fewer
    than two trials SR* is 0. None where `probabilistic_sharpe` is None.

    A trial without a ratio, such as one that never traded, counts as a trial. In the variance its ratio is 0 or left
    out, whichever gives the larger variance: idle trials must not make a result look better.

    Args:
        moments: of the returns of the chosen trial.
        trial_sharpes: ratios of all trials per period, the chosen one included; None where undefined.

    >>> chosen = Moments(1250, 2.5 / 250 ** 0.5, 1.0, -3.0, 10.0)
    >>> few, many = [0.158, 0.03], [0.158, *[-0.05, 0.05] * 50]
    >>> round(deflated_sharpe(chosen, few), 2), round(deflated_sharpe(chosen, many), 2)
    (1.0, 0.77)
    """
    return probabilistic_sharpe(moments, sharpe_of_luck(trial_sharpes))


def _variance(ratios: Sequence[float | None]) -> float:
    known = [ratio for ratio in ratios if ratio is not None]
    filled = [0.0 if ratio is None else ratio for ratio in ratios]
    return max((variance(values) for values in (known, filled) if len(values) > 1), default=0.0)


def _below(z: float) -> float:
    """Returns the standard normal distribution function; by ``erfc``, which keeps the digits of a small probability."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _check_share(name: str, value: float, low: float) -> None:
    if not low < value < 1:
        raise ArgumentInvalid(f"must be above {low:g} and below 1", where=name, found=value)
