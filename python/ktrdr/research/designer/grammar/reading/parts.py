"""The parts of a brief: a span of its text with a meaning."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ktrdr.time import Timeframe


class PartKind(StrEnum):
    """The sort of a part, which says what its ``value`` holds."""

    INDICATOR = "indicator"
    TIMEFRAME = "timeframe"
    SYMBOL = "symbol"
    STYLE = "style"
    MODEL = "model"
    LABELS = "labels"
    RULE = "rule"
    ABSENT = "absent"
    NOT = "not"
    AND = "and"
    BREAK = "break"
    PLAIN = "plain"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class IndicatorWords:
    """An indicator as a brief names it.

    Args:
        type: its type in the catalogue.
        numbers: parameters in the order of the brief; several values of a lone parameter mean several indicators.
        named: parameters that the brief names, by the catalogue's names.
        low: the level below which it counts as low; None where the brief has none.
        high: the level above which it counts as high.
        unit: of the numbers, such as day, where the brief counts in time; empty for bars.
    """

    type: str
    numbers: tuple[float, ...] = ()
    named: tuple[tuple[str, float | str], ...] = ()
    low: float | None = None
    high: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class TimeframeWords:
    """A timeframe as a brief names it; ``timeframe`` is None for a length that no bar has."""

    timeframe: Timeframe | None
    hint: str = ""


@dataclass(frozen=True)
class SymbolWords:
    """A market as a brief names it; ``symbol`` is None where nothing stored fits.

    ``guessed``: it only looks like a ticker, and may be the name of an indicator.
    """

    symbol: str | None
    others: tuple[str, ...] = ()
    hint: str = ""
    guessed: bool = False


@dataclass(frozen=True)
class Rule:
    """A rule with its value, such as a stop loss; ``fault`` says why it cannot be met.

    Args:
        name: the key of the rule.
        value: a number; None where the brief gives none.
        unit: rate, atr, bars, seconds, or empty.
    """

    name: str
    value: float | None = None
    unit: str = ""
    fault: str = ""


Value = IndicatorWords | TimeframeWords | SymbolWords | Rule | str | None


@dataclass(frozen=True)
class Part:
    """One part of a brief, from ``start`` up to, not including, ``stop``."""

    kind: PartKind
    start: int
    stop: int
    words: str
    value: Value = field(default=None)
