"""Every set of trading days, over spans of several lengths: what a year is, and where a Sunday goes.

The truth is counted with the calendar of Python's library, date by date.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from reference.case import DAY_NS, Case, bars_of
from reference.metrics import daily_points, periods_per_year
from support.runs.core import BareRun

SUBSETS = range(1, 128)
SPANS = (1, 3, 6, 8, 13, 14, 15, 40)
FIRST = date(1970, 1, 1)
FRIDAY = 4
SATURDAY = 5
SUNDAY = 6
GIVEN = (None, 252.0, 365.0)


def dates_of(subset: int, first: date, length: int, kept: float, rng: Random) -> list[date]:
    """The dates of the span on which a market of these weekdays has bars; some are missing."""
    dates = [first + timedelta(days=day) for day in range(length)]
    open_days = [day for day in dates if subset >> day.weekday() & 1]
    return [day for day in open_days if rng.random() < kept]


def is_traded(weekday: int, dates: list[date]) -> bool:
    span = [dates[0] + timedelta(days=day) for day in range((dates[-1] - dates[0]).days + 1)]
    all_dates = sum(day.weekday() == weekday for day in span)
    return 10 * sum(day.weekday() == weekday for day in dates) > all_dates


def expected_of(given: float | None, dates: list[date]) -> tuple[float, int, bool]:
    """Periods of a year, number of periods, whether Sundays belong to Mondays."""
    saturdays = is_traded(SATURDAY, dates)
    year = given if given is not None else 365.0 if saturdays else 252.0
    joins = year < 365 and is_traded(FRIDAY, dates) and not saturdays
    joined = sum(day.weekday() == SUNDAY and day + timedelta(days=1) in dates for day in dates) if joins else 0
    return year, len(dates) - joined, joins


def case_of(dates: list[date], given: float | None) -> Case:
    stamps = [(day - FIRST).days * DAY_NS for day in dates]
    bars = bars_of([100.0] * len(stamps), times=stamps)
    return Case(bars, [0] * len(stamps), rules={"metrics": {"periods_per_year": given}}, timeframe_seconds=86_400)


def in_core(case: Case, core: BareRun) -> tuple[float, int, bool]:
    run = core.start(case, *core.columns(case))
    values, _, year, joins = run.metrics()
    return year, int(next(value for name, value, _ in values if name == "daily_returns")), joins


def in_reference(case: Case, given: float | None) -> tuple[float, int]:
    times: Any = case.bars.time
    year = periods_per_year(given, times, 86_400)
    return year, len(daily_points(times, [1.0] * len(times), year, 86_400))


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("kept", [1.0, 0.5, 0.1])
def test_every_set_of_trading_days(given: float | None, kept: float) -> None:
    rng = Random(7)
    core = BareRun({"metrics": {"periods_per_year": given}})
    for subset in SUBSETS:
        for length in SPANS:
            dates = dates_of(subset, date(2024, 1, 1) + timedelta(days=rng.randrange(7)), length, kept, rng)
            if not dates:
                continue
            case = case_of(dates, given)
            expected = expected_of(given, dates)
            assert in_core(case, core) == expected, dates
            assert in_reference(case, given) == expected[:2], dates
