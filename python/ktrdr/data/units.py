"""The unit of integer stamps: seconds, milliseconds, microseconds or nanoseconds since 1970."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ktrdr._types import Floats
from ktrdr.errors import DataTimeUnit
from ktrdr.time import iso

NS_PER_UNIT = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
FIRST_YEAR = 1_678
"""First year that 64 bits of nanoseconds since 1970 hold as a whole: earlier ones wrap round, without a word."""
LAST_YEAR = 2_261
# 1973 to 2100: the four units' ranges do not touch
_EARLIEST_S = 100_000_000
_LATEST_S = 4_102_444_800
_MINUTE_NS = 60 * NS_PER_UNIT["s"]
# 1970 to 2119; days that count from 1970 are fewer until 2040
_FIRST_DAY = 25_569
_LAST_DAY = 80_000
_DAYS_TO_1970 = 25_569
_MS_PER_DAY = 86_400_000
_MS_PER_MINUTE = 60_000


def unit_of(value: int) -> str | None:
    """Returns the unit in which the value is an instant between 1973 and 2100, if there is one.

    >>> unit_of(1_704_067_200), unit_of(1_704_067_200_000), unit_of(42)
    ('s', 'ms', None)
    """
    for unit, ns in NS_PER_UNIT.items():
        per_second = NS_PER_UNIT["s"] // ns
        if _EARLIEST_S * per_second <= value < _LATEST_S * per_second:
            return unit
    return None


def require_ns(
    stamps: NDArray[np.int64],
    symbol: str = "",
    *,
    rising: bool = False,
    written: Callable[[int], str] | None = None,
) -> None:
    """Raises ``DataTimeUnit`` with the first stamp that is not in nanoseconds, or after 2099.

    ``rising`` spares a look at all of them, where the caller makes sure that they rise: the ends are the extremes.
    ``written`` returns the stamp of a row as a file has it, where the stamps were made of dates.
    """
    if len(stamps) == 0:
        return
    bounds = stamps[[0, -1]] if rising else stamps
    if bounds.min() >= _EARLIEST_S * NS_PER_UNIT["s"] and bounds.max() < _LATEST_S * NS_PER_UNIT["s"]:
        return
    # Before 1973 a stamp in ns is as large as one in us; but bars begin at whole minutes.
    for row in np.flatnonzero((stamps % _MINUTE_NS != 0) | (stamps >= _LATEST_S * NS_PER_UNIT["s"])):
        unit = unit_of(int(stamps[row]))
        if unit != "ns" and (unit is not None or stamps[row] > 0):
            raise _no_ns(int(stamps[row]), unit, int(row), symbol, written)


def require_reach(ticks: NDArray[np.int64], unit: str, *, written: Callable[[int], str] | None = None) -> None:
    """Raises ``DataTimeUnit`` with the first datetime, counted in ``unit``, that 64 bits of nanoseconds cannot hold.

    A cast of numpy would wrap it round to another century. NaT, the smallest number, passes. ``written`` returns
    the datetime of a row as a file has it.

    >>> require_reach(np.array([0, 9_400_000_000]), "s")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ktrdr.errors.DataTimeUnit: row 1: timestamp: the stamp cannot be counted in nanoseconds: found 2267-11-16T07...
    """
    most = np.iinfo(np.int64).max // NS_PER_UNIT[unit]
    beyond = (ticks > most) | ((ticks < -most) & (ticks != np.iinfo(np.int64).min))
    if beyond.any():
        row = int(np.argmax(beyond))
        raise DataTimeUnit(
            "the stamp cannot be counted in nanoseconds",
            row=row,
            field="timestamp",
            found=str(ticks[row].astype(f"datetime64[{unit}]")) if written is None else written(row),
            expected=f"a year from {FIRST_YEAR} to {LAST_YEAR}",
        )


def _no_ns(stamp: int, unit: str | None, row: int, symbol: str, written: Callable[[int], str] | None) -> DataTimeUnit:
    what = "the stamp is not in nanoseconds"
    found = f"{stamp}" + (f", which looks like {unit}" if unit else "")
    expected = "ns since 1970 UTC"
    if stamp >= _LATEST_S * NS_PER_UNIT["s"] and written is not None:
        what = "the stamp is after 2099"
        found = written(row)
        expected = "a stamp before 2100"
    elif stamp >= _LATEST_S * NS_PER_UNIT["s"]:  # a datetime, or a whole number of any unit
        what = "the stamp is after 2099, or not in nanoseconds"
        found = f"{stamp}, which is {iso(stamp)} in ns"
        expected = "ns since 1970 UTC, before 2100"
    return DataTimeUnit(what, symbol=symbol or None, row=row, field="timestamp", found=found, expected=expected)


def to_ns(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns stamps as nanoseconds; their size tells their unit.

    Raises ``DataTimeUnit`` where the unit cannot be told, or differs within the column.

    >>> to_ns(np.array([1_704_067_200_000])).tolist()
    [1704067200000000000]
    """
    unit = unit_of(int(np.median(np.abs(values))))
    if unit is None:
        raise DataTimeUnit(
            "the unit of the stamps cannot be told",
            field="timestamp",
            row=0,
            found=int(values[0]),
            expected="s, ms, us or ns since 1970, from 1973 to 2099",
        )
    latest = _LATEST_S * (NS_PER_UNIT["s"] // NS_PER_UNIT[unit])
    for row in np.flatnonzero(np.abs(values) >= latest):
        raise _other_unit(values, int(row), unit)
    stamps = values * NS_PER_UNIT[unit]
    for row in np.flatnonzero(stamps % _MINUTE_NS != 0):
        if unit_of(int(values[row])) not in (unit, None):
            raise _other_unit(values, int(row), unit)
    return stamps


def _other_unit(values: NDArray[np.int64], row: int, unit: str) -> DataTimeUnit:
    found = f"{int(values[row])}, which looks like {unit_of(int(values[row])) or 'no stamp'}"
    return DataTimeUnit(
        "the stamps are not of one unit", field="timestamp", row=row, found=found, expected=f"{unit}, as most rows"
    )


def are_day_numbers(low: float, high: float) -> bool:
    """Returns True for numbers that a spreadsheet shows as dates, in its system that counts from 1900."""
    return low >= _FIRST_DAY and high < _LAST_DAY


def days_to_ns(days: Floats) -> NDArray[np.int64]:
    """Returns a spreadsheet's day numbers as ns since 1970 of their dial.

    A fraction is the time of day. Sheets round it, so times within a second of whole minutes are those minutes.

    >>> days_to_ns(np.array([43831.0, 43831.04167])).tolist() == [1577836800 * 10**9, 1577840400 * 10**9]
    True
    """
    ms = np.rint((days - _DAYS_TO_1970) * _MS_PER_DAY).astype(np.int64)
    minutes = (ms + _MS_PER_MINUTE // 2) // _MS_PER_MINUTE * _MS_PER_MINUTE
    near = bool((np.abs(ms - minutes) <= 1_000).all())
    return (minutes if near else ms) * NS_PER_UNIT["ms"]


def with_fraction(whole: NDArray[np.int64], billionths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns stamps of whole units and billionths of one as nanoseconds; raises as ``to_ns``.

    >>> with_fraction(np.array([1_546_300_800]), np.array([123_000_000])).tolist()
    [1546300800123000000]
    """
    stamps = to_ns(whole)
    per_unit = NS_PER_UNIT[unit_of(int(np.median(np.abs(whole)))) or "ns"]
    return stamps + billionths * per_unit // 10**9
