"""Runs side by side: equity at the ends of months and years, and the likeness of their days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import ktrdr
from ktrdr.analysis.comparison import daily_correlations, equity_by_month
from ktrdr.simulation.result import RunResult
from support.runs.signal_runs import market, signals_for


def traded(days: int, first: datetime, sign: int = 1) -> RunResult:
    """A run of daily bars that is always long or always short."""
    stamps = [first + timedelta(days=day) for day in range(days)]
    bars = market(days).drop("conversion_rate").with_columns(timestamp=pl.Series(stamps))
    free = {"commission": {"rate": 0.0}, "slippage": {"rate": 0.0}, "sizing": {"kind": "fixed_quantity", "quantity": 1}}
    return ktrdr.simulate(bars, np.full(days, sign, np.int8), execution=free)


def test_equity_at_the_ends_of_months_is_that_of_their_last_bars() -> None:
    early = traded(80, datetime(2024, 1, 10, tzinfo=UTC))
    late = traded(60, datetime(2024, 2, 20, tzinfo=UTC), -1)
    found = equity_by_month([early, late])
    assert found["period"].to_list() == ["2024-01", "2024-02", "2024-03", "2024-04"]
    for place, run in (("0", early), ("1", late)):
        ends = {f"{row['time']:%Y-%m}": row["equity"] for row in run.equity.iter_rows(named=True)}
        assert found[place].to_list() == [ends.get(period) for period in found["period"]]
    assert found["0"][3] is None and found["1"][0] is None


def test_more_than_two_years_are_compared_by_year() -> None:
    run = traded(800, datetime(2022, 1, 1, tzinfo=UTC))
    found = equity_by_month([run, run])
    assert found["period"].to_list() == ["2022", "2023", "2024"]
    assert found["1"][2] == run.final_equity


def test_days_of_opposite_runs_are_opposite() -> None:
    long, short = (traded(120, datetime(2024, 1, 1, tzinfo=UTC), sign) for sign in (1, -1))
    found = daily_correlations([long, short])
    assert found[0][0] == pytest.approx(1) and found[1][1] == pytest.approx(1)
    assert found[0][1] == found[1][0] == pytest.approx(-1, abs=1e-4)


def test_only_common_days_count() -> None:
    """The second run repeats the prices of the first 50 days later, so that common days are not alike."""
    first = traded(100, datetime(2024, 1, 1, tzinfo=UTC))
    second = traded(100, datetime(2024, 2, 20, tzinfo=UTC))
    found = daily_correlations([first, second])[0][1]
    mine = first.daily_returns[50:]
    theirs = second.daily_returns[:50]
    assert found == pytest.approx(np.corrcoef(mine, theirs)[0, 1], rel=1e-9)


def test_no_correlation_of_few_days_or_of_a_run_that_does_not_move() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    assert daily_correlations([traded(9, start)] * 2) == [[None, None], [None, None]]
    idle = ktrdr.simulate(market(480), np.zeros(480, np.int8))
    moving = ktrdr.simulate(market(480), signals_for(480))
    assert daily_correlations([idle, moving])[0] == [None, None]
