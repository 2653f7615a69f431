"""Columns of a stored row, read strictly: SQLite keeps any value in any column, and a disk may change a byte."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from ktrdr._types import Json

REMEMBERED = 512
"""Rows of a table that stay read, for the next who asks for them."""
LONGEST_REMEMBERED = 16_384
"""Characters of the longest text of such a row; an upload may have a million."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAULTS = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Column:
    """One column of a row.

    Args:
        read: returns its value, or raises a ``ValueError``, ``TypeError`` or ``KeyError``.
        instead: the value that takes its place where it cannot be read.
        optional: whether NULL is a value.
    """

    read: Callable[[Any], Any]
    instead: Any = None
    optional: bool = False


def read_columns(row: Json, columns: Mapping[str, Column]) -> tuple[dict[str, Any], list[str]]:
    """Returns the values of a row by name, and the names of the columns that cannot be read.

    >>> read_columns({"pid": 17, "host": b"box"}, {"pid": Column(whole), "host": Column(words, "")})
    ({'pid': 17, 'host': ''}, ['host'])
    """
    values: dict[str, Any] = {}
    unreadable = []
    for name, column in columns.items():
        try:
            stored = row[name]
            values[name] = None if stored is None and column.optional else column.read(stored)
        except _FAULTS:
            values[name] = column.instead
            unreadable.append(name)
    return values, unreadable


def words(stored: object) -> str:
    """Returns text that UTF-8 can encode."""
    if not isinstance(stored, str):
        raise TypeError(stored)
    stored.encode()
    return stored


def whole(stored: object) -> int:
    """Returns a whole number from 0 on."""
    if isinstance(stored, bool) or not isinstance(stored, int) or stored < 0:
        raise ValueError(stored)
    return stored


def truth(stored: object) -> bool:
    """Returns a truth value, which SQLite keeps as 0 or 1."""
    if not isinstance(stored, int) or stored not in (0, 1):
        raise ValueError(stored)
    return bool(stored)


def number(stored: object) -> float:
    """Returns a finite number."""
    if isinstance(stored, bool) or not isinstance(stored, int | float) or not math.isfinite(stored):
        raise ValueError(stored)
    return float(stored)


def instant(stored: object) -> datetime:
    """Returns seconds since 1970 as an aware datetime, UTC."""
    return _EPOCH + timedelta(seconds=number(stored))


def blob(stored: object) -> bytes:
    """Returns a stored value that is bytes."""
    if not isinstance(stored, bytes):
        raise TypeError(stored)
    return stored


def to_json(value: object) -> str:
    """Returns one text for one value, whatever the order of its keys.

    >>> to_json({"b": 1, "a": [2.5, None]})
    '{"a":[2.5,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def optional_json(value: Mapping[str, Any] | None) -> str | None:
    """Returns ``to_json(value)``, or None for NULL."""
    return None if value is None else to_json(value)


def from_json(stored: object) -> Any:
    """Returns the value of a JSON text; NaN and infinities are no JSON.

    >>> from_json('{"bar": 7}')
    {'bar': 7}
    """
    return json.loads(words(stored), parse_constant=_refuse, parse_float=_finite)


def mapping(stored: object) -> dict[str, Any]:
    """Returns the mapping that a JSON text holds."""
    found = from_json(stored)
    if not isinstance(found, dict):
        raise TypeError(stored)
    return found


def mapping_with(*keys: str) -> Callable[[Any], dict[str, Any]]:
    """Returns a reader of mappings that have these keys.

    >>> mapping_with("code")('{"code": "lease_lost"}')
    {'code': 'lease_lost'}
    """

    def read(stored: object) -> dict[str, Any]:
        found = mapping(stored)
        if missing := [key for key in keys if key not in found]:
            raise KeyError(missing)
        return found

    return read


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    return number(float(text))
