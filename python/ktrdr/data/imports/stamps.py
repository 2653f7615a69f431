"""The stamps of a foreign file: when each bar opened, from text, numbers or datetimes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from ktrdr._types import Stamps
from ktrdr.data.imports.clock import Clock, Place, placed
from ktrdr.data.imports.dates import read_dates
from ktrdr.data.units import (
    FIRST_YEAR,
    LAST_YEAR,
    NS_PER_UNIT,
    are_day_numbers,
    days_to_ns,
    require_reach,
    with_fraction,
)
from ktrdr.errors import ArgumentInvalid, DataNoTimezone, DataParse, DataTimeframe
from ktrdr.time import NS_PER_DAY, NS_PER_SECOND, iso

_ZONE = r"z|(?:utc|gmt)?[+-]\d{2}(?::?\d{2})?|utc|gmt"
_OFFSET = rf"(?i)\d:\d{{2}}(?:[.,]\d+)?\s*(?:[ap]m)?\s*({_ZONE})$"
_SUFFIX = rf"(?i)(\d:\d{{2}}(?:[.,]\d+)?\s*(?:[ap]m)?)\s*(?:{_ZONE})$"
# The plain ways to write a stamp, with the strptime format that reads a whole column in one pass.
_PLAIN = (
    (r"\d{4}-\d{2}-\d{2}", "%Y-%m-%d"),
    (r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}", "%Y-%m-%d %H:%M"),
    (r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}", "%Y-%m-%d %H:%M:%S"),
    (r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d+", "%Y-%m-%d %H:%M:%S%.f"),
    (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}", "%Y-%m-%dT%H:%M"),
    (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}", "%Y-%m-%dT%H:%M:%S"),
    (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d+", "%Y-%m-%dT%H:%M:%S%.f"),
    (r"\d{4}\.\d{2}\.\d{2} \d{2}:\d{2}", "%Y.%m.%d %H:%M"),
    (r"\d{4}\.\d{2}\.\d{2} \d{2}:\d{2}:\d{2}", "%Y.%m.%d %H:%M:%S"),
    (r"\d{8} \d{6}", "%Y%m%d %H%M%S"),
)
_NAMED_ZONE = r"\s([A-Za-z]+/[A-Za-z_]+(?:/[A-Za-z_]+)?)$"
_EPOCH = r"^(\d{1,7}|\d{9,13}|\d{15,19})([.,]\d*)?$"
_YEAR = r"(?:19|20)\d{2}"
_IN_YEAR = r"(?:0?[1-9]|1[0-2])"
_NAMED_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_MONTH = (
    rf"^(?i)(?:{_YEAR}(?:[-/. ]{_IN_YEAR}|[-/. ]?M{_IN_YEAR}|0[1-9]|1[0-2])|{_IN_YEAR}[-/.]{_YEAR}"
    rf"|{_NAMED_MONTH}[-/. ,']+(?:{_YEAR}|\d{{2}})|{_YEAR}[-/. ]+{_NAMED_MONTH})$"
)
_SHEET_DAY = r"^\d{5}(?:\.0*)?$"
_SHEET_TIME = r"^(?:0?[.,]\d+|0)$"
_BASIC = r"^(\d{8}T\d{2})(\d{2})(\d{2}(?:\.\d+)?)(Z|[+-]\d{2}:?\d{2})$"
_COMPACT = r"^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d$"
_MINUTE_NS = 60 * NS_PER_SECOND


@dataclass(frozen=True, eq=False)
class Moments:
    """Stamps as a clock showed them, ns since 1970 of its dial, and the instants if that clock is known.

    ``utc`` is None where only the user can know it; ``dates`` says that no time of day was written; ``epoch`` that
    the stamps are numbers since 1970; ``zone`` is the one that every cell names; ``notes`` say how they were read.
    """

    local: Stamps
    utc: Stamps | None
    dates: bool = False
    epoch: bool = False
    zone: str | None = None
    notes: tuple[str, ...] = ()

    def instants(self, clock: Clock | None, place: Place) -> Stamps:
        """Returns the stamps in ns UTC; raises ``DataNoTimezone`` for naive ones without a clock."""
        if self.utc is not None:
            return self.utc
        return _needed(clock).to_utc(self.local, place)

    def dial(self, clock: Clock | None) -> Stamps:
        """Returns the times of the user's clock, or of the file's own where the user names none."""
        if self.utc is None or clock is None:
            if self.utc is None and not self.dates and not whole_days(self.local):
                _needed(clock)
            return self.local
        return clock.local(self.utc)

    def newest_first(self) -> bool:
        """Returns True if most rows lie before the row above them."""
        steps = np.diff(self.local)
        return 2 * int(np.count_nonzero(steps < 0)) > len(steps)

    def turned_round(self) -> Moments:
        """Returns the stamps from the last row to the first."""
        utc = None if self.utc is None else np.ascontiguousarray(self.utc[::-1])
        return replace(self, local=np.ascontiguousarray(self.local[::-1]), utc=utc)

    def by_clock(self, clock: Clock | None, epoch_clock: bool, *, intraday: bool) -> Moments:
        """Returns stamps of which the zone is settled: epoch numbers are UTC, or the user's clock if that is said.

        Raises ``ArgumentInvalid`` for a clock that would be ignored.
        """
        if epoch_clock:
            if not self.epoch:
                raise ArgumentInvalid("only numbers since 1970 have one", where="epoch-clock", expected="epoch stamps")
            if clock is None:
                raise ArgumentInvalid("no clock is named", where="epoch-clock", hint="name it with --tz")
            return replace(self, utc=None)
        if clock is not None and self.epoch and intraday:
            raise ArgumentInvalid(
                "stamps that count from 1970 are UTC and need no zone",
                where="tz",
                found=clock.zone,
                hint="leave --tz away, or say --epoch-clock if the numbers are that zone's clock",
            )
        return self

    def on_the_minute(self, *, at_close: bool, place: Place) -> Moments:
        """Moves stamps that lie within a second before a minute onto it, as closes of bars are written.

        Raises ``DataTimeframe`` where the stamps are said to be opens.
        """
        before = -self.local % _MINUTE_NS
        short = (before > 0) & (before <= NS_PER_SECOND)
        if not short.any():
            return self
        if not at_close:
            row = int(np.argmax(short))
            raise DataTimeframe(
                "the stamp lies just before a minute, so it marks the close of a bar",
                where=place(row),
                row=row,
                field="timestamp",
                found=shown(self.local[row]),
                hint="import it with --stamps close",
            )
        ahead = np.where(short, before, 0)
        return replace(self, local=self.local + ahead, utc=None if self.utc is None else self.utc + ahead)


def shown(local: np.int64) -> str:
    """Returns a time of a dial as text.

    >>> shown(np.int64(0))
    '1970-01-01 00:00:00'
    """
    return iso(int(local)).replace("T", " ").rstrip("Z")


def _needed(clock: Clock | None) -> Clock:
    if clock is None:
        hint = "name their zone with --tz, such as --tz Europe/Athens or --tz America/New_York+7h"
        raise DataNoTimezone("the stamps have no time zone", field="timestamp", hint=hint)
    return clock


def read_moments(column: pl.Series, place: Place, dates: str | None = None) -> Moments:
    """Reads stamps from one column of text, whole numbers, dates or datetimes.

    ``dates`` is the order of day, month and year, or a strptime format. Raises ``DataParse`` with the place of a
    cell that is no stamp, ``DataTimeUnit``, ``DataNoTimezone`` where only some stamps have an offset.
    """
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    with placed(place):
        return _read(column, place, dates)


def _read(column: pl.Series, place: Place, dates: str | None) -> Moments:
    if column.dtype == pl.String:
        return _from_text(column, place, dates)
    _require_all(column, column, place)
    if isinstance(column.dtype, pl.Date):
        return Moments(_ns(column.cast(pl.Datetime("ms"))), None, dates=True)
    if isinstance(column.dtype, pl.Datetime):
        return _from_datetimes(column)
    if column.dtype.is_numeric():
        return _from_numbers(column, place)
    raise DataParse("the column holds no stamps", where=place(0), field="timestamp", found=str(column.dtype))


def _from_datetimes(column: pl.Series) -> Moments:
    if column.dtype.time_zone is None:  # type: ignore[attr-defined]
        return Moments(_ns(column), None)
    return Moments(_ns(column.dt.replace_time_zone(None)), _ns(column.dt.convert_time_zone("UTC")))


def _from_numbers(column: pl.Series, place: Place) -> Moments:
    if column.dtype.is_float():
        whole = column.fill_nan(None).floor()
        part = ((column - whole) * 10**6).round().cast(pl.Int64, strict=False) * 1_000  # floats hold no more
    else:
        whole = column
        part = pl.Series([0]).new_from_index(0, len(column))
    values = whole.cast(pl.Int64, strict=False)
    _require_all(values, column, place)
    return _counted(values, part, place)


def _counted(whole: pl.Series, billionths: pl.Series, place: Place) -> Moments:
    """Reads numbers: dates such as 20240102, the day numbers of spreadsheets, units since 1970."""
    values = whole.to_numpy()
    low = int(values.min())
    high = int(values.max())
    parted = bool((billionths != 0).any())
    if low >= 19_000_101 and high < 21_010_101 and not parted:
        return _from_text(whole.cast(pl.String), place, None)
    if low >= 190_001 and high <= 210_012 and not parted and ((values % 100 >= 1) & (values % 100 <= 12)).all():
        raise _months(str(whole[0]), place)
    if are_day_numbers(low, high):
        local = days_to_ns(np.asarray(values + billionths.to_numpy() / 10**9))
        note = "the stamps were read as a spreadsheet's day numbers, counted from 1900"
        return Moments(local, None, dates=not parted, notes=(note,))
    utc = with_fraction(values, billionths.to_numpy())
    return Moments(utc, utc, epoch=True)


def _months(found: str, place: Place) -> DataTimeframe:
    return DataTimeframe(
        "the stamps are months, which have no fixed length",
        where=place(0),
        row=0,
        field="timestamp",
        found=found,
        expected="a stamp for each bar, such as 2024-03-01",
        hint="import weekly or daily bars, with --timeframe 1w or 1d",
    )


def _from_text(text: pl.Series, place: Place, dates: str | None) -> Moments:
    if dates is None and (plain := _plainly(text)) is not None:
        return plain
    text = text.str.strip_chars()
    _require_all(text.replace("", None), text, place)
    if dates is None and text.str.contains(_MONTH).all():
        raise _months(text[0], place)
    if text.str.contains(_EPOCH).all() and not text.str.contains(_COMPACT).all():
        part = text.str.extract(r"[.,](\d*)$").fill_null("").str.slice(0, 9).str.pad_end(9, "0").cast(pl.Int64)
        return _counted(text.str.extract(r"^(\d+)").cast(pl.Int64), part, place)
    text = text.str.replace(_BASIC, "${1}:${2}:${3}${4}")
    zone = text[0] and re.search(_NAMED_ZONE, text[0])
    if zone and text.str.ends_with(zone[0]).all():  # as Interactive Brokers writes it
        return replace(_from_text(text.str.slice(0, text.str.len_chars() - len(zone[0])), place, dates), zone=zone[1])
    offset = text.str.extract(_OFFSET, 1)

    def refuse(row: int) -> DataParse:
        return _no_stamp(text, row, place)

    bare = text if offset.null_count() == len(offset) else text.str.replace(_SUFFIX, "${1}").str.strip_chars()
    local, only_dates = read_dates(bare, dates, place, refuse=refuse, written=lambda row: str(text[row]))
    if offset.null_count() not in (0, len(offset)):
        row = int(offset.is_null().arg_max() or 0)
        where = place(row)
        raise DataNoTimezone("no offset, unlike other rows", where=where, row=row, field="timestamp", found=text[row])
    if offset.null_count():
        return Moments(local, None, dates=only_dates)
    return Moments(local, local - _offset_ns(offset))


def _plainly(text: pl.Series) -> Moments | None:
    """Reads a column in which every cell has the plain form of the first one, in one pass over it."""
    first = text[0] if len(text) else None
    found = re.fullmatch(r"(?i)(.*?\d)\s*(z|[+-]\d{2}:?\d{2})?", first or "")
    form = next((form for shape, form in _PLAIN if found and re.fullmatch(shape, found[1])), None)
    if found is None or form is None:
        return None
    suffix = (first or "")[len(found[1]) :]
    if form == "%Y-%m-%d" and suffix:
        return None
    if not str(FIRST_YEAR) <= str(text.min())[:4] <= str(text.max())[:4] <= str(LAST_YEAR):
        return None
    read = text.str.to_datetime(form + suffix.replace("%", "%%"), time_unit="ns", strict=False)
    if read.null_count() or read.dtype.time_zone is not None:  # type: ignore[attr-defined]
        return None
    local = np.ascontiguousarray(read.to_physical().to_numpy())
    utc = local - _offset_ns(pl.Series([suffix.strip()]))[0] if suffix else None
    return Moments(local, utc, dates=form == "%Y-%m-%d")


def _offset_ns(offset: pl.Series) -> Stamps:
    sign = np.where(offset.str.contains("-", literal=True).to_numpy(), -1, 1)
    hours = offset.str.extract(r"[+-](\d{2})", 1).cast(pl.Int64).fill_null(0).to_numpy()
    minutes = offset.str.extract(r"[+-]\d{2}:?(\d{2})", 1).cast(pl.Int64).fill_null(0).to_numpy()
    return np.asarray(sign * (hours * 60 + minutes) * _MINUTE_NS, dtype=np.int64)


def _require_all(read: pl.Series, cells: pl.Series, place: Place) -> None:
    if read.null_count():
        raise _no_stamp(cells, int(read.is_null().arg_max() or 0), place)


def _no_stamp(cells: pl.Series, row: int, place: Place) -> DataParse:
    return DataParse(
        "the cell is no stamp",
        where=place(row),
        row=row,
        field="timestamp",
        found="an empty cell" if cells[row] in (None, "") else str(cells[row]),
        expected="a stamp, such as 2024-03-01 17:00",
        hint="--dates names the order of day, month and year (DMY, MDY, YMD), or a strptime format"
        + ("" if re.search(r"\d", str(cells[row])) else "; --repair drop leaves rows without a date out"),
    )


def _ns(column: pl.Series) -> Stamps:
    per_unit = NS_PER_UNIT[column.dtype.time_unit]  # type: ignore[attr-defined]
    values = column.to_physical().to_numpy()
    require_reach(values, column.dtype.time_unit)  # type: ignore[attr-defined]
    return np.ascontiguousarray(values if per_unit == 1 else values * per_unit)


def whole_days(local: Stamps) -> bool:
    """Returns True if every stamp is a midnight of its dial."""
    return bool((local % NS_PER_DAY == 0).all())


def join_parts(date: pl.Series, time: pl.Series) -> pl.Series:
    """Joins a column of dates and one of times; whole numbers such as 9, 100 and 93000 are times, too."""
    date, time = (part.cast(pl.String).str.strip_chars() for part in (date, time))
    if date.str.contains(_SHEET_DAY).all() and time.str.contains(_SHEET_TIME).all():
        return date.cast(pl.Float64) + time.str.replace(",", ".", literal=True).cast(pl.Float64)
    if time.str.contains(r"^\d{1,2}$").all() and (time.cast(pl.Int64) <= 24).all():
        time = time + ":00"
    if date.str.contains(r"\d:\d{2}").all():
        return date
    if time.str.contains(r"^\d{1,6}$").all():
        width = 6 if (time.cast(pl.Int64) > 2_400).any() or (time.str.len_chars() > 4).any() else 4
        digits = time.str.pad_start(width, "0")
        time = digits.str.slice(0, 2) + ":" + digits.str.slice(2, 2)
        time = time + ":" + digits.str.slice(4, 2) if width == 6 else time
    return date.str.replace(r"[ T]+00:00(:00)?$", "") + " " + time.str.replace(r"^(\d):", "0${1}:")
