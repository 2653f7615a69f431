"""Dates as people write them: in any order of day, month and year, with names of months and am or pm."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ktrdr._types import Stamps
from ktrdr.data.imports.clock import Place
from ktrdr.data.units import NS_PER_UNIT, require_reach
from ktrdr.errors import ArgumentInvalid, DataParse
from ktrdr.time import NS_PER_DAY, NS_PER_SECOND

ORDERS = ("DMY", "MDY", "YMD", "YDM")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan ene",
            "feb fév fev",
            "mar mär mrz",
            "apr avr abr",
            "may mai",
            "jun",
            "jul",
            "aug aoû aou ago",
            "sep",
            "oct okt",
            "nov",
            "dec dez déc dic",
        ),
        1,
    )
    for name in names.split()
}
"""Months by their first three letters, in English, German, French and Spanish; French ``juin`` and ``juil`` by four."""
_TIME = (
    r"(?:[T ,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?"
    r"\s*(?:(?P<half>[AaPp])\.?[Mm]\.?)?|[T ,]+(?P<hour2>\d{1,2})-?\s?(?P<half2>[AaPp])[Mm])?:?$"
)
_COMPACT_TIME = r"(?:[T ]?(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2}))?)?$"
_SHAPES = (
    r"^(?P<first>\d{4})(?P<middle>\d{2})(?P<last>\d{2})" + _COMPACT_TIME,
    r"^(?P<first>\d{1,4})(?P<mark>[-/. ])(?P<middle>\d{1,2})[-/. ](?P<last>\d{1,4})" + _TIME,
    r"^(?P<first>\d{1,4})[-/. ]{0,2}(?P<month>[A-Za-zÀ-ÿ]{3,10})\.?[-/., ]+(?P<last>\d{1,4})" + _TIME,
    r"^(?P<month>[A-Za-zÀ-ÿ]{3,10})\.?[-/. ]+(?P<first>\d{1,2})(?:st|nd|rd|th)?,?[-/. ]+(?P<last>\d{1,4})" + _TIME,
)
_WEEKDAY = r"^(?i)(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+"
_MOST_DAYS_APART = 200
_FIRST_YEAR = 1_000
"""A year has four digits, or two of this and the last century."""
_US_PER_DAY = NS_PER_DAY // NS_PER_UNIT["us"]
_Numbers = NDArray[np.int64]


def check_dates(order: str | None) -> str | None:
    """Returns an order of day, month and year, or a strptime format; raises ``ArgumentInvalid``."""
    if order is not None and order not in ORDERS and "%" not in order:
        expected = f"{', '.join(ORDERS)}, or a format such as %d/%m/%Y %H:%M"
        raise ArgumentInvalid("unknown order of dates", where="dates", found=order, expected=expected)
    return order


def read_dates(
    text: pl.Series,
    order: str | None,
    place: Place,
    *,
    refuse: Callable[[int], Exception],
    written: Callable[[int], str],
) -> tuple[Stamps, bool]:
    """Returns what the cells show, ns since 1970 of their dial, and True if they show no time of day.

    Raises what ``refuse`` makes of the first cell that cannot be read, ``DataParse`` where day and month cannot be
    told apart, ``DataTimeUnit`` for a date that nanoseconds do not hold. ``written`` returns a cell as the file has it.
    """
    if order is not None and "%" in order:
        return _by_format(text, order, refuse, written)
    text = text.str.replace(_WEEKDAY, "").str.replace_all(r"\s+", " ")
    text = text.str.replace(r"^(\d{1,2}:\d{2}(?::\d{2})?)\s+(\S.*\d)$", "$2 $1")
    shape = next((one for one in _SHAPES if re.match(one.replace("(?i)", ""), str(text[0]))), None)
    if shape is None:
        raise refuse(0)
    groups = text.str.extract_groups(shape).struct.unnest()
    missing = groups["last"].is_null()
    if missing.any():
        raise refuse(int(missing.arg_max() or 0))
    days, bad = _days(groups, order, text, place)
    time_ns, wrong = _time_ns(groups)
    bad |= wrong
    if bad.any():
        raise refuse(int(np.argmax(bad)))
    require_reach(days * _US_PER_DAY + time_ns // NS_PER_UNIT["us"], "us", written=written)
    timed = groups["hour"].null_count() < len(groups)
    if "hour2" in groups.columns:
        timed |= groups["hour2"].null_count() < len(groups)
    return days * NS_PER_DAY + time_ns, not timed


def _by_format(
    text: pl.Series, form: str, refuse: Callable[[int], Exception], written: Callable[[int], str]
) -> tuple[Stamps, bool]:
    dates = not re.search(r"%[HIMSTRfcsp]", form)
    try:
        if dates:
            read = text.str.to_date(form, strict=False).cast(pl.Datetime("us"))
        else:
            read = text.str.to_datetime(form, time_unit="us", strict=False)
            read = read if read.dtype.time_zone is None else read.dt.replace_time_zone(None)  # type: ignore[attr-defined]
    except pl.exceptions.PolarsError as error:
        found = str(error).partition("\n")[0]
        raise ArgumentInvalid("not a format of dates", where="dates", found=form, expected=found) from None
    if read.null_count():
        raise refuse(int(read.is_null().arg_max() or 0))
    values = read.to_physical().to_numpy()
    require_reach(values, "us", written=written)
    return np.ascontiguousarray(values * NS_PER_UNIT["us"]), dates


def _days(groups: pl.DataFrame, order: str | None, text: pl.Series, place: Place) -> tuple[_Numbers, NDArray[np.bool_]]:
    """Returns days since 1970, and the rows whose date does not exist."""
    first = _whole(groups["first"])
    last = _whole(groups["last"])
    if "month" in groups.columns:
        named = groups["month"].str.to_lowercase().str.replace("^jui([nl])", "ju$1").str.slice(0, 3)
        month = named.replace_strict(_MONTHS, default=0, return_dtype=pl.Int64).to_numpy()
        year_first = order == "YMD" or bool((first > 31).any())
        return _since_1970(first if year_first else last, month, last if year_first else first)
    middle = _whole(groups["middle"])
    chosen = order or _order(groups, first, middle, last, text, place)
    parts = dict(zip(chosen, (first, middle, last), strict=True))
    return _since_1970(parts["Y"], parts["M"], parts["D"])


def _order(
    groups: pl.DataFrame, first: _Numbers, middle: _Numbers, last: _Numbers, text: pl.Series, place: Place
) -> str:
    """Returns the only order in which all dates exist; raises ``DataParse`` where two are possible."""
    four = [bool((groups[name].str.len_chars() == 4).all()) for name in ("first", "last")]
    if four[0]:
        return "YMD" if (middle <= 12).all() or (last > 12).any() else "YDM"
    candidates = {"DMY": (last, middle, first), "MDY": (last, first, middle)}
    if not four[1]:
        candidates["YMD"] = (first, middle, last)
    read = {name: _since_1970(*parts) for name, parts in candidates.items()}
    fits = [name for name, (dates, bad) in read.items() if not bad.any() and (name != "YMD" or _are_close(dates))]
    if len(fits) == 1:
        return fits[0]
    if "DMY" in fits and bool((groups["mark"] == ".").all()):
        return "DMY"  # nobody but Europeans parts dates with points
    if not fits:
        return "DMY"  # the first date that does not exist is named by the caller
    raise DataParse(
        "the order of day and month cannot be told",
        where=place(0),
        row=0,
        field="timestamp",
        found=str(text[0]),
        expected=" or ".join(fits),
        hint=f"say which: --dates {fits[0]}, or --dates {fits[1]}",
    )


def _are_close(days: _Numbers) -> bool:
    """Returns True if some dates are less than a year apart; none are where the day is read as the year."""
    steps = np.diff(np.unique(days))
    return len(steps) < 2 or int(steps.min()) < _MOST_DAYS_APART


def _since_1970(year: _Numbers, month: _Numbers, day: _Numbers) -> tuple[_Numbers, NDArray[np.bool_]]:
    year = np.where(year < 69, year + 2_000, np.where(year < 100, year + 1_900, year))
    bad = (month < 1) | (month > 12) | (day < 1) | (year < _FIRST_YEAR)
    months = np.where(bad, 0, (year - 1_970) * 12 + month - 1).astype("datetime64[M]")
    begin = months.astype("datetime64[D]").astype(np.int64)
    length = (months + 1).astype("datetime64[D]").astype(np.int64) - begin
    return begin + day - 1, bad | (day > length)


def _time_ns(groups: pl.DataFrame) -> tuple[_Numbers, NDArray[np.bool_]]:
    """Returns the time of day, and the rows in which no clock shows it."""
    hour = _whole(groups["hour"])
    half = None
    if "hour2" in groups.columns:
        hour = hour + _whole(groups["hour2"])
        half = groups["half"].fill_null(groups["half2"]).str.to_lowercase()
    minute = _whole(groups["minute"])
    second = _whole(groups["second"])
    bad = (hour > 24) | (minute > 59) | (second > 59) | ((hour == 24) & (minute + second > 0))
    if half is not None and half.null_count() < len(half):
        afternoon, morning = (np.asarray((half == one).fill_null(False).to_numpy()) for one in ("p", "a"))
        bad |= (afternoon | morning) & ((hour > 12) | (hour < 1))
        hour = np.where(afternoon | morning, hour % 12, hour) + 12 * afternoon
    part = 0
    if "part" in groups.columns and groups["part"].null_count() < len(groups):
        part = _whole(groups["part"].str.pad_end(9, "0"))
    return (hour * 3_600 + minute * 60 + second) * NS_PER_SECOND + part, bad


def _whole(digits: pl.Series) -> Any:
    return digits.cast(pl.Int64).fill_null(0).to_numpy()
