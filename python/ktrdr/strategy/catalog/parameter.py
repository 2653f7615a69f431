"""Parameters of an indicator, with their bounds and defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Params = Mapping[str, Any]
"""Parameters of one use of an indicator, by canonical name."""

SOURCES = ("open", "high", "low", "close", "hl2", "hlc3", "ohlc4", "volume")
MAX_PERIOD = 10_000


@dataclass(frozen=True)
class Parameter:
    """One parameter: its bounds are inclusive unless ``low_exclusive``."""

    name: str
    kind: Literal["int", "float", "source", "choice"]
    default: Any
    low: float = -math.inf
    high: float = math.inf
    low_exclusive: bool = False
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


SOURCE = Parameter("source", "source", "close", choices=SOURCES)
MA_TYPE = Parameter("ma_type", "choice", "SMA", choices=("SMA", "EMA"))


def period(default: int, name: str = "period", *, low: int = 1, aliases: tuple[str, ...] = ()) -> Parameter:
    """Returns a number of bars from ``low`` to 10,000.

    >>> period(14).low, period(14).high
    (1, 10000)
    """
    return Parameter(name, "int", default, low, MAX_PERIOD, aliases=aliases)


def multiplier(default: float, name: str = "multiplier") -> Parameter:
    """Returns a factor above 0, at most 100."""
    return Parameter(name, "float", default, 0, 100, low_exclusive=True)


def acceleration(default: float, name: str) -> Parameter:
    """Returns an acceleration factor above 0, at most 1."""
    return Parameter(name, "float", default, 0, 1, low_exclusive=True)
