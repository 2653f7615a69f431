"""Local clocks: an IANA zone, perhaps shifted, with the doubled and missing hours of its changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import polars as pl

from ktrdr._types import Stamps
from ktrdr.errors import ArgumentInvalid, DataAmbiguousTime, DataError, DataParse
from ktrdr.time import NS_PER_DAY, NS_PER_SECOND, iso

_SHIFTED = re.compile(r"(?P<zone>.+?)(?P<sign>[+-])(?P<hours>\d{1,2})h((?P<minutes>[0-5]?\d)m?)?")
_MINUTE_NS = 60 * NS_PER_SECOND

_UTC_OFFSET = re.compile(r"(?:(?:utc|gmt)\s*)?(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>[0-5]\d))?", re.I)

Place = Callable[[int], str]  # file and line of a row


@contextmanager
def placed(place: Place, row: Callable[[int], int] = int) -> Iterator[None]:
    """Names the place of the row in an error about one; ``row`` returns its number in the file."""
    try:
        yield
    except DataError as error:
        if error.row is None:
            raise
        raise error.but(where=place(error.row), row=row(error.row)) from None


@dataclass(frozen=True)
class Clock:
    """A local clock: the time of an IANA zone plus a fixed shift.

    >>> Clock.parse("America/New_York+7h")      # the usual MetaTrader broker clock
    Clock(zone='America/New_York', shift_minutes=420)
    """

    zone: str
    shift_minutes: int = 0

    @classmethod
    def parse(cls, text: str, option: str = "tz") -> Clock:
        """Returns a zone as written behind ``--tz``; raises ``ArgumentInvalid``.

        >>> Clock.parse("GMT+7")      # seven hours ahead, as people mean it; not the Etc/GMT+7 of IANA
        Clock(zone='UTC', shift_minutes=420)
        """
        if offset := _UTC_OFFSET.fullmatch(text.strip()):
            minutes = int(offset["hours"]) * 60 + int(offset["minutes"] or 0)
            return cls("UTC", -minutes if offset["sign"] == "-" else minutes)
        found = _SHIFTED.fullmatch(text)
        zone = text
        shift = 0
        if found:
            shift = int(found["hours"]) * 60 + int(found["minutes"] or 0)
            zone = found["zone"]
            shift = -shift if found["sign"] == "-" else shift
        try:
            # polars carries the zones itself: a machine may lack the old names, such as US/Eastern
            pl.Series([0]).cast(pl.Datetime("ns")).dt.replace_time_zone(zone)
        except pl.exceptions.PolarsError:
            expected = "an IANA zone, such as Europe/Athens or America/New_York+7h, or an offset such as GMT+7"
            raise ArgumentInvalid("unknown time zone", where=option, found=text, expected=expected) from None
        return cls(zone, shift)

    def local(self, utc: Stamps) -> Stamps:
        """Returns the times that the clock shows at these instants, as ns since 1970 of its own dial."""
        shown = _instants(utc, "UTC").dt.convert_time_zone(self.zone).dt.replace_time_zone(None)
        return _values(shown) + self.shift_minutes * _MINUTE_NS

    def to_utc(self, local: Stamps, place: Place) -> Stamps:
        """Returns the instants at which the clock shows these times, in file order.

        An hour that occurs twice is taken first, then second, as the rows go back once within it.
        Raises ``DataAmbiguousTime`` where they do not, ``DataParse`` for a time the clock never shows.
        """
        dial = _instants(local - self.shift_minutes * _MINUTE_NS, None)
        first, second = (
            dial.dt.replace_time_zone(self.zone, ambiguous=which, non_existent="null")
            for which in ("earliest", "latest")
        )
        if first.null_count():
            row = int(first.is_null().arg_max() or 0)
            raise DataParse(
                f"{self.zone} skips this local time",
                where=place(row),
                row=row,
                field="timestamp",
                found=_wall(local[row]),
                hint="is it another zone's?",
            )
        early = _values(first)
        late = _values(second)
        doubled = np.flatnonzero(early != late)
        utc = early.copy()
        for group in _runs(doubled, local):
            later = self._second_pass(group, local, place)
            utc[later] = late[later]
        return utc

    def _second_pass(self, rows: Stamps, local: Stamps, place: Place) -> Stamps:
        """Returns the rows of a doubled hour that come after the clock has gone back."""
        back = np.flatnonzero(np.diff(local[rows]) <= 0)
        if len(back) != 1:
            row = int(rows[0])
            raise DataAmbiguousTime(
                f"a local hour that {self.zone} has twice, and the order of the rows does not tell which",
                where=place(row),
                row=row,
                field="timestamp",
                found=_wall(local[row]),
                expected="its rows twice, one pass after the other",
                hint="stamps with an offset would tell",
            )
        return rows[back[0] + 1 :]


@dataclass(frozen=True)
class SessionEnd:
    """The local time at which a session ends.

    >>> SessionEnd.parse("17:00 America/New_York").minute_of_day
    1020
    """

    minute_of_day: int
    clock: Clock

    @classmethod
    def parse(cls, text: str) -> SessionEnd:
        """Reads ``HH:MM ZONE``; raises ``ArgumentInvalid``."""
        found = re.fullmatch(r"([01]?\d|2[0-4]):([0-5]\d)\s+(\S+)", text.strip())
        if not found or int(found[1]) * 60 + int(found[2]) > 24 * 60:
            expected = "HH:MM ZONE, such as 17:00 America/New_York"
            raise ArgumentInvalid("not the end of a session", where="session-end", found=text, expected=expected)
        return cls(int(found[1]) * 60 + int(found[2]), Clock.parse(found[3], "session-end"))

    def after(self, instants: Stamps, *, or_at: bool) -> Stamps:
        """Returns the first end of a session after (``or_at``: at or after) each instant, ns UTC."""
        midnight = self.clock.local(instants) // NS_PER_DAY * NS_PER_DAY
        ends = instants + 3 * NS_PER_DAY
        for days in (2, 1, 0, -1):
            end = self._on(midnight + days * NS_PER_DAY)
            late_enough = end >= instants if or_at else end > instants
            ends = np.where(late_enough, end, ends)
        return ends

    def _on(self, midnight: Stamps) -> Stamps:
        shown = _instants(midnight + (self.minute_of_day - self.clock.shift_minutes) * _MINUTE_NS, None)
        zone = self.clock.zone
        exact = shown.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
        # A skipped time of day: the session ends when the dial has jumped over it.
        later = shown.dt.offset_by("1h").dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
        return _values(exact.fill_null(later))


def _runs(doubled: Stamps, local: Stamps) -> list[Stamps]:
    """Parts rows of doubled hours by the change of the clock they belong to."""
    if len(doubled) == 0:
        return []
    apart = (np.diff(doubled) > 1) | (np.abs(np.diff(local[doubled])) > NS_PER_DAY)
    return np.split(doubled, np.flatnonzero(apart) + 1)


def _instants(values: Stamps, zone: str | None) -> pl.Series:
    return pl.Series(values).cast(pl.Datetime("ns", zone))


def _values(series: pl.Series) -> Stamps:
    return np.ascontiguousarray(series.to_physical().to_numpy())


def _wall(local: np.int64) -> str:
    return iso(int(local)).replace("T", " ").rstrip("Z")
