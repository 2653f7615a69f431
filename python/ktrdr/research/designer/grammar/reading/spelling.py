"""Misspelt words of a brief: each becomes the nearest known word, and a note says so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ktrdr.research.designer.grammar.reading.words import (
    ABSENT_INDICATORS,
    ABSENT_MODELS,
    INDICATOR_PHRASES,
    LABEL_PHRASES,
    MODEL_PHRASES,
    NUMBER_WORDS,
    PLAIN_ENDINGS,
    PLAIN_WORDS,
    STYLE_PHRASES,
    listed,
)

_WORD = re.compile(r"[A-Za-z]+")
_SHORTEST = 5
_LONG = 8
_TIME_WORDS = listed("minute minutes minutely hour hours hourly day days daily week weeks weekly month monthly")
_TABLES: Sequence[Mapping[str, object]] = (INDICATOR_PHRASES, STYLE_PHRASES, MODEL_PHRASES, LABEL_PHRASES, NUMBER_WORDS)


@dataclass(frozen=True)
class Correction:
    """One word that was read as another."""

    written: str
    read: str


@cache
def meaningful_words() -> frozenset[str]:
    """Returns every single word that occurs in a phrase with a meaning."""
    phrases = [*(phrase for table in _TABLES for phrase in table), *ABSENT_INDICATORS, *ABSENT_MODELS]
    return frozenset(word for phrase in phrases for word in _WORD.findall(phrase)) | _TIME_WORDS


def is_known(word: str) -> bool:
    """Returns True for a word of the vocabulary, with a meaning or plain.

    >>> is_known("bollinger"), is_known("strategies"), is_known("zorblax")
    (True, True, False)
    """
    return any(form in PLAIN_WORDS or form in meaningful_words() for form in (word, word.removesuffix("s")))


def is_plain(word: str) -> bool:
    """Returns True for a word that may be passed over: a plain one, or one with an English ending.

    >>> is_plain("diligently"), is_plain("mars")
    (True, False)
    """
    return is_known(word) or (len(word) > 5 and word.endswith(PLAIN_ENDINGS))


def corrected(text: str, spared: Iterable[tuple[int, int]] = ()) -> tuple[str, list[Correction]]:
    """Returns the text with misspelt words replaced by the nearest known ones, and the list of these words.

    Args:
        text: the brief.
        spared: spans that hold names, where nothing is misspelt.

    >>> corrected("bolinger bands and stochastik")[0]
    'bollinger bands and stochastic'
    """
    held = list(spared)
    made: list[Correction] = []

    def replace(found: re.Match[str]) -> str:
        word = found[0]
        if any(start < found.end() and found.start() < stop for start, stop in held):
            return word
        better = None if word.isupper() and len(word) < 6 else nearest_known(word.lower())
        if better is None:
            return word
        made.append(Correction(word, better))
        return better

    return _WORD.sub(replace, text), made


@cache
def nearest_known(word: str) -> str | None:
    """Returns the one known word nearest to an unknown one; None where none is near, or two are equally near.

    >>> nearest_known("momentun"), nearest_known("rsl")
    ('momentum', None)
    """
    if len(word) < _SHORTEST or is_known(word):
        return None
    most = 2 if len(word) >= _LONG else 1
    for known in (meaningful_words(), PLAIN_WORDS):
        # People misspell the end of a word and its middle, hardly its first letter.
        alike = [other for other in known if other[0] == word[0] and abs(len(other) - len(word)) <= most]
        near = {other: distance(word, other) for other in alike if len(other) >= _SHORTEST}
        least = min(near.values(), default=most + 1)
        best = [other for other, steps in near.items() if steps == least]
        if least <= most:
            return best[0] if len(best) == 1 or len({_stem(one) for one in best}) == 1 else None
    return None


def distance(one: str, other: str) -> int:
    """Returns the letters to insert, delete, replace or swap with a neighbour (optimal string alignment).

    >>> distance("donchain", "donchian"), distance("ichimuko", "ichimoku")
    (1, 2)
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for index, letter in enumerate(one, 1):
        older = before
        before = row
        row = [index]
        for column, wanted in enumerate(other, 1):
            steps = min(before[column] + 1, row[column - 1] + 1, before[column - 1] + (letter != wanted))
            if index > 1 and column > 1 and letter == other[column - 2] and one[index - 2] == wanted:
                steps = min(steps, older[column - 2] + 1)
            row.append(steps)
    return row[-1]


def _stem(word: str) -> str:
    return word.removesuffix("s")


def unknown_parts(chunk: str) -> list[str]:
    """Returns the words of a hyphenated name that nothing explains.

    >>> unknown_parts("ichimoku-clouds-of-mars")
    ['mars']
    """
    words = [word.lower() for word in _WORD.findall(chunk)]
    return [word for word in words if len(word) > 1 and not is_plain(word)]
