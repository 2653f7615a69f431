"""Reduces a user's mapping to plain scalars, lists and mappings, within the limits of a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from numbers import Integral, Real
from typing import Any

from ktrdr.config.faults import Faults
from ktrdr.config.place import KeyPath, Place
from ktrdr.errors import ConfigNonfinite, ConfigTooDeep, ConfigType

MAX_DEPTH = 16


def plain(value: object, place: Place, path: KeyPath = ()) -> Any:
    """Returns ``value`` with numpy scalars, tuples, enums and dates as YAML would give them.

    Raises ``ConfigTooDeep``, ``ConfigNonfinite`` for NaN, infinity and overflow, ``ConfigType`` for anything else.

    >>> plain({"epochs": 3, "list": ("1h", "4h")}, Place())
    {'epochs': 3, 'list': ['1h', '4h']}
    """
    if isinstance(value, Mapping):
        _check_depth(value, place, path)
        faults = Faults()
        keys = {faults.attempt(text_key, key, place, path): (key, item) for key, item in value.items()}
        items = {name: faults.attempt(plain, item, place, (*path, key)) for name, (key, item) in keys.items()}
        faults.raise_all()
        return items
    if isinstance(value, list | tuple):
        _check_depth(value, place, path)
        faults = Faults()
        entries = [faults.attempt(plain, item, place, (*path, index)) for index, item in enumerate(value)]
        faults.raise_all()
        return entries
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Real):
        return finite(int(value) if isinstance(value, Integral) else float(value), place, path)
    raise place.error(ConfigType, "not a value of a configuration", path, found=type(value).__name__)


def finite(number: float, place: Place, path: KeyPath, text: str | None = None) -> float:
    """Returns a number that is a finite float64; raises ``ConfigNonfinite`` (``text``: as it was written)."""
    try:
        if math.isfinite(number):
            return number
    except OverflowError:  # an integer beyond float64
        raise place.error(ConfigNonfinite, "number overflows", path, expected="a finite number") from None
    raise place.error(ConfigNonfinite, "number is not finite", path, found=text or number)


def _check_depth(value: object, place: Place, path: KeyPath) -> None:
    if value and len(path) >= MAX_DEPTH:
        raise place.error(ConfigTooDeep, "nested too deeply", path[:MAX_DEPTH], expected=f"at most {MAX_DEPTH} levels")


def text_key(key: object, place: Place, path: KeyPath) -> str:
    """Returns a key that is text; raises ``ConfigType`` (``1:`` and ``true:`` need quotes)."""
    if not isinstance(key, str):
        raise place.error(ConfigType, "a key must be text", path, found=key, expected="text (quote it)")
    return str(key)
