"""Numbers from the environment: where one is set it must make sense."""

from __future__ import annotations

import math
import os

from ktrdr.errors import ArgumentInvalid


def seconds(name: str, default: float) -> float:
    """A positive number of seconds; raises ``ArgumentInvalid``.

    >>> seconds("KTRDR_SURELY_NOT_SET_SECONDS", 30.0)
    30.0
    """
    text = os.environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ArgumentInvalid("not a number of seconds", where=name, found=text, expected="above 0")
    return value


def megabytes(name: str) -> int | None:
    """A positive whole number of MiB, None where it is not set; raises ``ArgumentInvalid``."""
    text = os.environ.get(name)
    if not text:
        return None
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentInvalid("not a number of megabytes", where=name, found=text, expected="a whole number above 0")
    return int(text)
