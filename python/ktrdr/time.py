"""Timeframes, spans of time, and instants as ns UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from ktrdr.errors import ArgumentInvalid

SECONDS_PER_UNIT = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
"""Seconds of each unit of time by its letter, as in the names of timeframes."""

NS_PER_SECOND = 1_000_000_000
NS_PER_HOUR = SECONDS_PER_UNIT["h"] * NS_PER_SECOND
NS_PER_DAY = SECONDS_PER_UNIT["d"] * NS_PER_SECOND

_MONTHS = ("1M", "1mo", "1MN", "MN1", "1month")


class Timeframe(StrEnum):
    """The length of a bar, as a name and in seconds.

    >>> Timeframe.parse("4h").seconds
    14400
    >>> Timeframe.M5 < Timeframe.H1      # by length, not by letters
    True
    """

    M1 = "1m"
    M2 = "2m"
    M3 = "3m"
    M5 = "5m"
    M10 = "10m"
    M15 = "15m"
    M30 = "30m"
    M45 = "45m"
    H1 = "1h"
    H2 = "2h"
    H4 = "4h"
    H6 = "6h"
    H8 = "8h"
    H12 = "12h"
    D1 = "1d"
    W1 = "1w"

    @classmethod
    def parse(cls, text: str) -> Timeframe:
        """Returns the timeframe written as text; ``ArgumentInvalid`` names the choices."""
        try:
            return cls(text)
        except ValueError:
            hint = "a month has no fixed length: use 1w or 1d" if text in _MONTHS else ""
            raise ArgumentInvalid(
                "unknown timeframe", where="timeframe", found=text, expected=" ".join(cls), hint=hint
            ) from None

    @property
    def seconds(self) -> int:
        """Returns the seconds of a bar."""
        return _SECONDS[self.value]

    @property
    def ns(self) -> int:
        """Returns the nanoseconds of a bar."""
        return self.seconds * NS_PER_SECOND

    @property
    def intraday(self) -> bool:
        """True if several bars fit into a day."""
        return self.seconds < SECONDS_PER_UNIT["d"]

    def __lt__(self, other: str) -> bool:
        return self.seconds < Timeframe(other).seconds

    def __le__(self, other: str) -> bool:
        return self.seconds <= Timeframe(other).seconds

    def __gt__(self, other: str) -> bool:
        return self.seconds > Timeframe(other).seconds

    def __ge__(self, other: str) -> bool:
        return self.seconds >= Timeframe(other).seconds


_SECONDS = {name.value: int(name[:-1]) * SECONDS_PER_UNIT[name[-1]] for name in Timeframe}


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time, ``start_ns`` inclusive, ``end_ns`` exclusive, ns UTC; ``None`` is open.

    >>> Span.parse("2024-03-01", "2024-03-31").end_ns == Span.parse(None, "2024-04-01T00:00").end_ns
    True
    """

    start_ns: int | None = None
    end_ns: int | None = None

    @classmethod
    def parse(cls, start: str | date | datetime | None, end: str | date | datetime | None) -> Span:
        """Returns the span between two dates or instants; a bare end date includes that whole day.

        Raises ``ArgumentInvalid`` for text that is no date and for an end that is not after the start.
        """
        start_ns = None if start is None else _instant_ns(start, "start")
        end_ns = None if end is None else _instant_ns(end, "end")
        if end_ns is not None and _is_bare_date(end):
            end_ns += NS_PER_DAY
        if start_ns is not None and end_ns is not None and end_ns <= start_ns:
            raise ArgumentInvalid("the end is not after the start", where="end", found=end, expected=f"after {start}")
        return cls(_within_int64(start_ns), _within_int64(end_ns))


def _within_int64(moment_ns: int | None) -> int | None:
    """Clips an instant to int64: a year like 9999 means an open end."""
    return None if moment_ns is None else min(max(moment_ns, -(2**63)), 2**63 - 1)


def _is_bare_date(value: object) -> bool:
    if not isinstance(value, str):
        return isinstance(value, date) and not isinstance(value, datetime)
    try:
        date.fromisoformat(value.strip())
    except ValueError:
        return False
    return True


def _instant_ns(value: str | date | datetime, name: str) -> int:
    try:
        moment: object = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
    except ValueError:
        moment = None
    if not isinstance(moment, date):
        raise ArgumentInvalid("not a date or an instant", where=name, found=value, expected="YYYY-MM-DD")
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000


def iso(stamp_ns: int) -> str:
    """Returns a stamp as text, to the second.

    >>> iso(1_709_251_200_000_000_000)
    '2024-03-01T00:00:00Z'
    """
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=stamp_ns // NS_PER_SECOND)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
