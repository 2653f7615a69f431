"""Joins the tests of all folds into one record: equity, daily returns, and the figures made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from ktrdr._types import Floats
from ktrdr.analysis.statistics.sharpe import Moments, minimum_track_record, probabilistic_sharpe
from ktrdr.simulation.result import RunResult
from ktrdr.time import NS_PER_DAY, Timeframe

_DAYS_PER_YEAR = 365.25
_LEAST_RETURNS = 10
"""The core's rule: fewer returns have no Sharpe ratio."""


@dataclass(frozen=True, eq=False)
class Stitched:
    """The tests of all folds, one after the other.

    Each test begins with the same capital. Its equity is scaled so that it begins where the one before ended: returns
    are compounded as if every size were a fraction of equity.

    Args:
        tests: results in order of time.
        capital: capital before the first test.
    """

    tests: Sequence[RunResult]
    capital: float

    @cached_property
    def equity(self) -> pl.DataFrame:
        """Returns time, fold (from 1) and equity, a row for each bar of a test."""
        parts = []
        scale = 1.0
        for number, test in enumerate(self.tests, 1):
            scaled = pl.col("equity") * scale
            parts.append(test.equity.select("time", pl.lit(number).alias("fold"), scaled.alias("equity")))
            scale *= max(test.final_equity, 0.0) / self.capital
        return pl.concat(parts)

    @cached_property
    def returns(self) -> Floats:
        """Returns the daily returns of all tests [n, float64, rate], up to a day that ends without equity."""
        joined = np.concatenate([test.daily_returns for test in self.tests])
        ruined = np.flatnonzero(~(joined > -1.0))
        return joined[: int(ruined[0]) + 1] if len(ruined) else joined

    @property
    def periods_per_year(self) -> float:
        """Returns the number of daily returns in a year, by the conventions of the tests."""
        return float(self.tests[0].conventions["periods_per_year"])

    def moments(self) -> Moments | None:
        """Returns the moments of the daily returns less the risk-free rate; None where they say nothing."""
        if len(self.returns) < _LEAST_RETURNS or not np.isfinite(self.returns).all():
            return None
        return Moments.of(self.returns, self._risk_free)

    @property
    def _risk_free(self) -> float:
        annual = self.tests[0].conventions["risk_free_rate"]
        return float((1 + annual) ** (1 / self.periods_per_year) - 1)

    def sharpe(self) -> float | None:
        """Returns the annual Sharpe ratio of the daily returns."""
        found = self.moments()
        return None if found is None else found.sharpe * self.periods_per_year**0.5

    def metrics(self) -> dict[str, float | int | None]:
        """Returns the figures of the whole record, under the names of a run's where the definition is the same."""
        curve = self.equity["equity"].to_numpy()
        peak = np.maximum(np.maximum.accumulate(curve), self.capital)
        final = float(curve[-1])
        found = self.moments()
        track = None if found is None else minimum_track_record(found)
        return {
            "initial_capital": self.capital,
            "final_equity": final,
            "net_profit": final - self.capital,
            "total_return": final / self.capital - 1,
            "cagr": (final / self.capital) ** (1 / self._years) - 1 if final > 0 else -1.0,
            "sharpe": self.sharpe(),
            "volatility": None if found is None else found.deviation * self.periods_per_year**0.5,
            "max_drawdown": float((1 - curve / peak).max()),
            "daily_returns": len(self.returns),
            "trades": sum(int(test.metrics["trades"] or 0) for test in self.tests),
            "psr": None if found is None else probabilistic_sharpe(found),
            "minimum_track_record": track,
        }

    @property
    def _years(self) -> float:
        stamps = self.equity["time"].dt.timestamp("ns")
        length_ns = Timeframe.parse(self.tests[0].conventions["timeframe"]).ns
        return float(stamps[-1] + length_ns - stamps[0]) / (NS_PER_DAY * _DAYS_PER_YEAR)


def mean_return(results: Sequence[RunResult]) -> float | None:
    """Returns the mean daily return over several runs; None where a run was ruined."""
    joined = np.concatenate([result.daily_returns for result in results])
    return float(joined.mean()) if len(joined) and np.isfinite(joined).all() and (joined > -1).all() else None


def comparison(tests: Stitched, in_sample: Stitched) -> dict[str, Any]:
    """Returns what is left of the in-sample result out of sample.

    ``degradation`` is the in-sample less the out-of-sample Sharpe ratio, both annual. ``efficiency`` is the mean daily
    return out of sample over that in sample; None where the model earned nothing even in sample.
    """
    inside = in_sample.sharpe()
    outside = tests.sharpe()
    earned = mean_return(in_sample.tests)
    kept = mean_return(tests.tests)
    has_both = earned is not None and kept is not None and earned > 0
    return {
        "sharpe_in_sample": inside,
        "degradation": None if inside is None or outside is None else inside - outside,
        "efficiency": kept / earned if has_both and kept is not None and earned is not None else None,
    }
