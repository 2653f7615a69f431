"""The shape of a feed, and a bar as a feed writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

import numpy as np

from ktrdr.data.audit import PRICES
from ktrdr.data.bars import BarSeries
from ktrdr.data.units import NS_PER_UNIT, unit_of
from ktrdr.errors import DataNonfinite, DataNoTimezone, DataParse, DataTimeUnit
from ktrdr.simulation.inputs import check_opens
from ktrdr.text import one_line, repeated
from ktrdr.time import Timeframe

OPTIONAL = ("volume", "half_spread", "conversion_rate")
_MOST_NS = 2**62
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Line(NamedTuple):
    """One message of a feed.

    Args:
        values: of a bar by name, as they were written; None where the line could not be read as one.
        where: the line of the file, or the number of the message.
        fault: what is wrong with a line that could not be read.
        ends: whether the feed says that no more bars will come.
    """

    values: Mapping[str, Any] | None
    where: str
    fault: str = ""
    ends: bool = False


class Feed(Protocol):
    """A source of closed bars, oldest first."""

    def start(self, after_ns: int | None) -> None:
        """Asks for the bars after a stamp, ns UTC; None asks for all that the feed has."""

    def take(self, wait_s: float) -> Sequence[Line]:
        """Returns the lines that have come, in order; waits for the first one that long at most."""

    def taken(self, last_ns: int) -> None:
        """Notes the stamp of the newest bar that was taken: a connection that is made anew asks for those after it."""

    @property
    def state(self) -> str:
        """Returns a few words about the connection."""

    def close(self) -> None:
        """Ends the connection, if there is one."""


class _Twice(NamedTuple):
    """Takes the place of an object that gives a name twice: the others of a message are read all the same."""

    name: str
    values: tuple[object, ...]


def decoded(text: str | bytes) -> object:
    """Returns the value of JSON text for `line_of`; raises ``ValueError`` or ``RecursionError`` for other text."""
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, object]]) -> object:
    inner = next((value for _, value in pairs if isinstance(value, _Twice)), None)
    if inner is not None:
        return inner
    name = repeated(name for name, _ in pairs)
    return dict(pairs) if name is None else _Twice(name, tuple(value for other, value in pairs if other == name))


def line_of(content: object, where: str) -> Line:
    """Returns a `decoded` value as a line: an object with a bar's values, or ``{"end": true}``.

    >>> line_of(decoded('{"end": true}'), "line 3").ends
    True
    >>> line_of(decoded("[1, 2]"), "line 4").fault
    'not a JSON object'
    >>> line_of(decoded('{"close": 1, "close": 2}'), "line 5").fault
    'close: two values of one name: found 1, 2, expected one; write each name once'
    """
    if isinstance(content, _Twice):
        found = one_line(", ".join(str(value) for value in content.values))
        fault = DataParse(
            "two values of one name",
            field=str(one_line(content.name)),
            found=found,
            expected="one",
            hint="write each name once",
        )
        return Line(None, where, str(fault))
    if not isinstance(content, dict):
        return Line(None, where, "not a JSON object")
    return Line(None, where, ends=True) if content.get("end") is True else Line(content, where)


def read_bar(line: Line, symbol: str, timeframe: Timeframe) -> BarSeries:
    """Returns the bar of a line as a series of one row, checked.

    Raises:
        DataParse: a value is missing or cannot be read; the bar is of another symbol.
        DataError: a leaf for a bar that breaks a rule.
    """
    values = line.values or {}
    other = values.get("symbol", symbol)
    if other != symbol:
        raise DataParse("a bar of another symbol", where=line.where, found=str(other)[:40], expected=symbol)
    missing = [name for name in ("timestamp", *PRICES) if values.get(name) in (None, "")]
    if missing:
        found = ", ".join(map(str, values))[:200]
        raise DataParse("values are missing", where=line.where, found=found, expected=", ".join(missing))
    stamp_ns = _stamp_ns(values["timestamp"], line.where)
    given = [*PRICES, *(name for name in OPTIONAL if values.get(name) not in (None, ""))]
    columns: dict[str, Any] = {name: np.array([_number(values[name], name, line.where)]) for name in given}
    bar = BarSeries(symbol, timeframe, np.array([stamp_ns], np.int64), **columns)
    check_opens(bar.timestamp, timeframe, None)
    return bar


def _number(value: object, name: str, where: str) -> float:
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        found = float(value)
    except (ValueError, OverflowError):
        raise DataParse("not a number", where=f"{where}: {name}", found=str(value)[:40]) from None
    if not np.isfinite(found):
        raise DataNonfinite("the value must be finite", where=where, field=name, found=found)
    return found


def _stamp_ns(value: object, where: str) -> int:
    """Returns an instant as ns UTC: ISO 8601 with a zone, or a number since 1970 whose size tells its unit."""
    if isinstance(value, str) and not value.strip().lstrip("-").isdigit():
        return _instant_ns(value.strip(), where)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise DataParse("not a stamp", where=f"{where}: timestamp", found=str(value)[:40])
    try:
        number = int(value)
    except ValueError:  # a digit of another script, or thousands of them
        raise DataParse("not a stamp", where=f"{where}: timestamp", found=str(value)[:40]) from None
    unit = unit_of(number)
    if unit is None:
        raise DataTimeUnit("the unit of the stamp cannot be told", where=where, found=str(number)[:40])
    return number * NS_PER_UNIT[unit]


def _instant_ns(text: str, where: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        found = text[:40]
        expected = "ISO 8601 as 2024-03-01T10:00:00Z"
        raise DataParse("not a stamp", where=f"{where}: timestamp", found=found, expected=expected) from None
    if moment.tzinfo is None:
        raise DataNoTimezone("the stamp has no zone", where=where, found=text[:40], expected=f"{text[:40]}Z for UTC")
    found_ns = (moment - _EPOCH) // timedelta(microseconds=1) * 1_000
    if not -_MOST_NS <= found_ns <= _MOST_NS:
        raise DataParse("not a stamp of a bar", where=f"{where}: timestamp", found=text[:40], expected="1970 to 2100")
    return found_ns
