"""The words that the grammar understands, from ``words.toml``: each table maps a phrase to its meaning.

A phrase is matched whole, the longest first. Every type, alias and title of the catalogue is a phrase as well, so a new
indicator is understood by its own names without a line here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Final

from ktrdr.strategy.catalog.indicators import INDICATORS

_TABLES = tomllib.loads((files(__package__) / "words.toml").read_text(encoding="utf-8"))


def listed(line: str) -> frozenset[str]:
    """Returns the words of a line.

    >>> sorted(listed("long short"))
    ['long', 'short']
    """
    return frozenset(line.split())


def _phrases(table: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {phrase: meaning for meaning, phrases in table.items() for phrase in phrases}


def _of_catalogue() -> dict[str, str]:
    """Returns the phrases of every indicator; those of the catalogue itself come last, so that they win."""
    own = _phrases({type_: phrases for type_, phrases in _TABLES["indicators"].items() if type_ in INDICATORS})
    named = {
        name.lower(): known.type for known in INDICATORS.values() for name in (known.title, *known.aliases, known.type)
    }
    return own | named


INDICATOR_PHRASES: Final[Mapping[str, str]] = _of_catalogue()
"""Types of the catalogue by phrase."""

STYLE_PHRASES: Final[Mapping[str, str]] = _phrases(_TABLES["styles"])
"""Styles by phrase: trend, reversion, breakout, momentum, scalping, swing."""

MODEL_PHRASES: Final[Mapping[str, str]] = _phrases(_TABLES["models"])
"""Nets by phrase; ``recurrent`` leaves the choice between LSTM and GRU open."""

LABEL_PHRASES: Final[Mapping[str, str]] = _phrases(_TABLES["labels"])
"""Label sources by phrase."""

ABSENT_INDICATORS: Final = frozenset(_TABLES["absent"]["indicators"]) - set(INDICATOR_PHRASES)
"""Indicators and data of other programs that the catalogue lacks: they are refused, not passed over."""

ABSENT_MODELS: Final = frozenset(_TABLES["absent"]["models"])
"""Models that a strategy cannot have."""

ASSET_PHRASES: Final[Mapping[str, str]] = _phrases(_TABLES["assets"])
"""Beginnings of symbols, between blanks, by the usual names of an asset."""

CURRENCY_PHRASES: Final[Mapping[str, str]] = _phrases(_TABLES["currencies"])
"""Codes of currencies by their names."""

NUMBER_WORDS: Final[Mapping[str, int]] = {
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "eight": 8,
    "ten": 10,
    "twelve": 12,
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
    "sixty": 60,
}
"""Numbers that a brief spells out before a unit of time."""

PLAIN_WORDS: Final = frozenset((files(__package__) / "plain_words.txt").read_text(encoding="ascii").split())
"""Words that carry no instruction by themselves; everything else that is not understood is named in a note."""

PLAIN_ENDINGS: Final = (
    "ing",
    "ed",
    "ly",
    "tion",
    "tions",
    "ness",
    "ment",
    "ments",
    "able",
    "ible",
    "ous",
    "ive",
    "ful",
    "less",
    "ity",
    "ities",
    "ism",
    "ist",
    "ists",
    "ical",
    "ance",
    "ence",
    "ers",
    "ally",
    "ise",
    "ize",
)
"""Endings of words that are English and no name of an indicator or of a market."""
