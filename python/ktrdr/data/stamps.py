"""From the stamps of a foreign file to bar opens in ns UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl

from ktrdr.data.bars import Stamps
from ktrdr.errors import ArgumentInvalid, DataAmbiguousTime, DataNoTimezone, DataParse, DataTimeframe
from ktrdr.values import NS_PER_DAY, NS_PER_SECOND, Timeframe, iso

_ZONE = re.compile(r"(?P<name>[A-Za-z0-9_/+-]+?)(?P<shift>[+-]\d{1,2})h")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class Clock:
    """A local clock: an IANA zone, shifted by whole hours (`America/New_York+7h` is a usual broker clock).

    >>> Clock.parse("America/New_York+7h")
    Clock(zone='America/New_York', shift_hours=7)
    """

    zone: str
    shift_hours: int = 0

    @classmethod
    def parse(cls, text: str) -> Clock:
        """A zone as written behind ``--tz``; raises ``ArgumentInvalid``."""
        found = _ZONE.fullmatch(text)
        name, shift = (found["name"], int(found["shift"])) if found else (text, 0)
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ArgumentInvalid(
                "unknown time zone", where="tz", found=text, expected="an IANA zone, as Europe/Athens"
            ) from None
        return cls(name, shift)

    def to_utc(self, local: pl.Series) -> Stamps:
        """Naive local datetimes as ns UTC; an hour that occurs twice is told apart by file order."""
        shifted = local.dt.cast_time_unit("ns").dt.offset_by(f"{-self.shift_hours}h")
        first = shifted.dt.replace_time_zone(self.zone, ambiguous="earliest", non_existent="null")
        second = shifted.dt.replace_time_zone(self.zone, ambiguous="latest", non_existent="null")
        if first.null_count() > local.null_count():
            row = int(first.is_null().arg_max() or 0)
            raise DataAmbiguousTime(
                "the local time does not exist in this zone", row=row, field="timestamp", found=str(local[row]),
                expected=f"times of {self.zone}", hint="is --tz right?",
            )  # fmt: skip
        early, late = (column.dt.timestamp("ns").to_numpy().astype(np.int64) for column in (first, second))
        return _by_file_order(early, late, local)


def _by_file_order(early: Stamps, late: Stamps, local: pl.Series) -> Stamps:
    """The first pass through a doubled hour is the earlier one, after the clock has gone back the later one."""
    stamps = early.copy()
    doubled = np.flatnonzero(early != late)
    wall = local.dt.timestamp("ns").to_numpy()
    seen: set[int] = set()
    for row in doubled:
        if int(wall[row]) in seen:
            stamps[row] = late[row]
        seen.add(int(wall[row]))
    steps = np.diff(stamps)
    if (steps <= 0).any() and len(doubled):
        row = int(np.argmax(steps <= 0)) + 1
        if early[row] != late[row] or early[row - 1] != late[row - 1]:
            raise DataAmbiguousTime(
                "a local hour that occurs twice cannot be told apart by file order", row=row, field="timestamp",
                found=str(local[row]), hint="give stamps with an offset",
            )  # fmt: skip
    return stamps


@dataclass(frozen=True)
class SessionEnd:
    """When a daily session ends: a local time of day and its zone."""

    hour: int
    minute: int
    zone: str

    @classmethod
    def parse(cls, text: str) -> SessionEnd:
        """``HH:MM ZONE``; raises ``ArgumentInvalid``."""
        time, _, zone = text.partition(" ")
        found = _CLOCK.fullmatch(time)
        if not found:
            raise ArgumentInvalid("not a session end", where="session-end", found=text, expected="HH:MM ZONE")
        return cls(int(found[1]), int(found[2]), Clock.parse(zone.strip()).zone)

    def dates(self, instants: Stamps) -> Stamps:
        """The date on which the session that holds each instant ends, ns UTC of its 00:00."""
        offset = f"{-(self.hour * 60 + self.minute)}m"
        local = pl.Series(instants).cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone(self.zone)
        naive = local.dt.replace_time_zone(None).dt.offset_by(offset)
        # An instant at the session's end opens the next one, so the date is that of its last instant.
        last = (
            naive.dt.truncate("1d")
            .dt.offset_by("1d")
            .dt.offset_by(f"{self.hour * 60 + self.minute}m")
            .dt.offset_by("-1ns")
        )
        return last.dt.truncate("1d").dt.timestamp("ns").to_numpy().astype(np.int64)


def parse_stamps(column: pl.Series, clock: Clock | None) -> tuple[Stamps, pl.Series | None]:
    """Bar stamps as ns UTC, and the wall clock they were written in (None for plain integers).

    Raises ``DataNoTimezone`` for naive stamps without a clock, ``DataParse`` for a cell that is no time.
    """
    if column.dtype.is_integer():
        return _epoch(column), None
    if column.dtype == pl.String:
        column = _from_text(column)
    if column.dtype == pl.Date:
        column = column.cast(pl.Datetime("ns"))
    if not isinstance(column.dtype, pl.Datetime):
        raise DataParse("the column holds no times", field="timestamp", found=str(column.dtype))
    if column.dtype.time_zone is None:
        if clock is None:
            raise DataNoTimezone("the stamps have no time zone", field="timestamp", hint="name their clock with --tz")
        return clock.to_utc(column), column
    utc = column.dt.convert_time_zone("UTC").dt.cast_time_unit("ns").dt.timestamp("ns").to_numpy().astype(np.int64)
    zone = clock.zone if clock else column.dtype.time_zone
    return utc, column.dt.convert_time_zone(zone).dt.replace_time_zone(None)


def _epoch(column: pl.Series) -> Stamps:
    """Whole numbers since 1970 in s, ms, us or ns, told apart by their size."""
    values = column.to_numpy().astype(np.int64)
    largest = int(np.abs(values).max(initial=0))
    for limit, factor in ((10**11, NS_PER_SECOND), (10**14, 10**6), (10**17, 10**3)):
        if largest < limit:
            return values * factor
    return values


def _from_text(column: pl.Series) -> pl.Series:
    text = column.str.strip_chars().str.replace(r"^(\d{4})\.(\d{2})\.(\d{2})", "$1-$2-$3")
    compact = text.str.contains(r"^\d{8} \d{6}$").all()
    try:
        if compact:
            return text.str.to_datetime("%Y%m%d %H%M%S", time_unit="ns")
        if text.str.contains(r"(Z|[+-]\d{2}:?\d{2})$").all():
            return text.str.to_datetime(time_unit="ns", time_zone="UTC")
        return text.str.to_datetime(time_unit="ns", strict=True)
    except pl.exceptions.PolarsError:
        row = next((i for i, cell in enumerate(text) if not cell or not cell[:4].isdigit()), 0)
        raise DataParse("the cell is no time", row=row, field="timestamp", found=str(column[row])) from None


def session_dates(stamps: Stamps, wall: pl.Series | None, timeframe: Timeframe, end: SessionEnd | None) -> Stamps:
    """Daily and weekly stamps as session dates at 00:00 UTC; a stamp not at local midnight needs ``--session-end``."""
    if end is not None:
        dates = end.dates(stamps)
    else:
        local = stamps if wall is None else wall.dt.timestamp("ns").to_numpy().astype(np.int64)
        if (local % NS_PER_DAY != 0).any():
            row = int(np.argmax(local % NS_PER_DAY != 0))
            raise DataTimeframe(
                "a daily stamp that is not at local midnight is an instant", row=row, field="timestamp",
                found=iso(int(stamps[row])), hint="say when the session ends with --session-end 'HH:MM ZONE'",
            )  # fmt: skip
        dates = local
    if timeframe is Timeframe.W1:
        # The Monday of the week that holds most of the seven days from the stamp: the nearest one.
        day = dates // NS_PER_DAY
        dates = (day + 3 - (day + 3 + 3) % 7) * NS_PER_DAY
    return dates


def opens_of(stamps: Stamps, timeframe: Timeframe, kind: str) -> Stamps:
    """Bar opens of stamps that mark the open or the close of their bar."""
    if kind not in ("open", "close"):
        raise ArgumentInvalid("unknown kind of stamps", where="stamps", found=kind, expected="open or close")
    shift = timedelta(seconds=timeframe.seconds if kind == "close" else 0)
    return stamps - int(shift.total_seconds()) * NS_PER_SECOND
