"""The syntax of a brief: the parts that a negation covers, those that belong together, and unknown names.

Each part becomes one letter, so that a pattern over letters finds what belongs together:

    I indicator   T timeframe   S symbol   A and, comma   B break   C colon   N not   P preposition   U unknown
    K a word of signals ("entries", "base")   F a word of confirmation   G "using", "with", "indicators"
    a article   p other plain word   O anything else
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ktrdr.research.designer.grammar.reading.parts import (
    IndicatorWords,
    Part,
    PartKind,
    SymbolWords,
    TimeframeWords,
    Value,
)
from ktrdr.research.designer.grammar.reading.words import listed
from ktrdr.time import Timeframe

_T = TypeVar("_T", bound=Value)

_PREPOSITIONS = listed("on in at from for over using with of")
_SIGNALS = listed(
    "signal signals entries entry enter execute executes executed execution decide decides decisions decision base "
    "primary main trigger triggers"
)
_CONFIRMS = listed("confirm confirmed confirms confirmation filter filtered context bias regime background")
_USING = listed(
    "use uses using with combine combines combining indicator indicators include including add adding via based "
    "combination oscillator"
)
_ARTICLES = listed("the a an my some both all any its their this that these those")
_FILLERS = listed(
    "a an the any use using of on in at for my more indicator indicators kind type sort like such as rely relying "
    "based trade trades trading it be to want need please include including with timeframe timeframes bars chart "
    "charts data"
)
_STYLE_NOUNS = listed("strategy style system approach trading trader")
_LETTERS = {
    PartKind.INDICATOR: "I",
    PartKind.TIMEFRAME: "T",
    PartKind.SYMBOL: "S",
    PartKind.AND: "A",
    PartKind.NOT: "N",
    PartKind.UNKNOWN: "U",
}
_AFTER = re.compile(r"(?P<of>I(?:[pa]{0,2}A+[pa]{0,2}I)*)[pa]{0,2}S?[PG][paS]{0,2}(?P<frames>T(?!I)(?:A+[pa]?T(?!I))*)")
_BEFORE = re.compile(r"(?P<frames>T(?:A+T)*)(?P<of>I)")
_COLON = re.compile(r"(?P<frames>T(?:A+T)*)[pa]{0,2}C[pa]?(?P<of>I(?:A+I)*)")
_BASES = (
    re.compile(r"K[paPGSKC]{0,3}(?P<base>T)(?!A+T)"),
    re.compile(r"(?P<base>T)[Ppa]{0,2}K(?![paPGSKC]{0,3}T)"),
)
_UNKNOWN_INDICATOR = re.compile(
    r"(?:G[aP]{0,2}|I[pa]?A+a?|(?<=G)a?)(?P<names>U+)(?=$|[ABCPTSGN])|(?P<marked>U+)(?=(?P<noun>G))"
)
_UNKNOWN_SYMBOL = re.compile(r"(?P<lead>[Pp])(?P<names>U)(?=$|[ABCPT])")
_BEFORE_SYMBOLS = listed("on for in of trade trading trades")
_TRADES = listed("for on trade trading trades")


@dataclass(frozen=True)
class Sentence:
    """The parts of a brief with their syntax.

    Args:
        parts: all of them in order.
        negated: numbers of the parts that the brief excludes.
        bound: timeframes of an indicator, by the number of its part.
        bases: timeframes that the brief says signals are made on.
        unknown_indicators: unknown names where an indicator belongs.
        unknown_symbols: unknown names where a symbol belongs.
        unknown_styles: unknown words before "strategy" or "trading".
        without_effect: unknown words anywhere else.
    """

    parts: tuple[Part, ...]
    negated: frozenset[int]
    bound: Mapping[int, tuple[Timeframe, ...]]
    bases: tuple[Timeframe, ...]
    unknown_indicators: tuple[str, ...]
    unknown_symbols: tuple[str, ...]
    unknown_styles: tuple[str, ...]
    without_effect: tuple[str, ...]

    def kept(self, kind: type[_T]) -> list[_T]:
        """Returns the values of a type that the brief asks for, in order."""
        return [p.value for i, p in enumerate(self.parts) if isinstance(p.value, kind) and i not in self.negated]

    def refused(self, kind: type[_T]) -> list[_T]:
        """Returns the values of a type that the brief excludes, in order."""
        return [p.value for i, p in enumerate(self.parts) if isinstance(p.value, kind) and i in self.negated]


def sentence_of(parts: Sequence[Part]) -> Sentence:
    """Returns the parts with their syntax."""
    guesses = _guessed_indicators(parts)
    parts = [replace(part, kind=PartKind.UNKNOWN, value=None) if i in guesses else part for i, part in enumerate(parts)]
    parts = _with_momentum(parts)
    negated = _negated(parts)
    letters = "".join(_letter(part) if index not in negated else "N" for index, part in enumerate(parts))
    indicators = _unknown_indicators(letters, parts) | (guesses - negated)
    has_symbol = any(part.kind is PartKind.SYMBOL for part in parts)
    symbols = set() if has_symbol else _unknown_symbols(letters, parts) - indicators
    styles = _unknown_styles(parts) - indicators - symbols
    taken = indicators | symbols | styles | negated
    others = [index for index, part in enumerate(parts) if part.kind is PartKind.UNKNOWN and index not in taken]
    return Sentence(
        tuple(parts),
        frozenset(negated),
        _bound(letters, parts),
        tuple(_frame(parts, found.start("base")) for found in _base_places(letters)),
        tuple(_runs(parts, indicators)),
        tuple(_runs(parts, symbols)),
        tuple(parts[index].words for index in sorted(styles)),
        tuple(dict.fromkeys(parts[index].words for index in others)),
    )


def _letter(part: Part) -> str:
    word = part.words.lower()
    if part.kind is PartKind.BREAK:
        return "C" if word == ":" else "B"
    if part.kind is not PartKind.PLAIN:
        return _LETTERS.get(part.kind, "O")
    tables = ((_SIGNALS, "K"), (_CONFIRMS, "F"), (_USING, "G"), (_PREPOSITIONS, "P"), (_ARTICLES, "a"))
    return next((letter for words, letter in tables if word in words), "p")


def _with_momentum(parts: Sequence[Part]) -> list[Part]:
    """Returns the parts with a bare "momentum" as a style, unless it has a number or is listed beside indicators."""
    made = list(parts)
    for index, part in enumerate(parts):
        words = part.value
        if not isinstance(words, IndicatorWords) or part.words != "momentum":
            continue
        before = [one for one in parts[:index] if one.words.lower() not in _ARTICLES]
        after = parts[index + 1] if index + 1 < len(parts) else None
        listed = bool(before) and (before[-1].kind is PartKind.AND or before[-1].words.lower() in _USING)
        leads = after is not None and after.kind is PartKind.AND and listed
        noun = after is not None and after.words.lower() in _STYLE_NOUNS
        if noun or not (listed or leads):
            made[index] = replace(part, kind=PartKind.STYLE, value="momentum")
    return made


def _negated(parts: Sequence[Part]) -> set[int]:
    """Returns the parts behind a negation: the first with a meaning, and those of its kind that are listed with it."""
    found: set[int] = set()
    for index, part in enumerate(parts):
        if part.kind is PartKind.NOT:
            found |= set(_covered(parts, index + 1))
    return found


def _covered(parts: Sequence[Part], start: int) -> Iterator[int]:
    kind: PartKind | None = None
    joined = True
    for index in range(start, len(parts)):
        part = parts[index]
        if part.kind is PartKind.AND:
            joined = True
        elif part.kind is PartKind.PLAIN and part.words.lower() in _FILLERS and (kind is None or part.words == "the"):
            continue
        elif part.kind in (PartKind.PLAIN, PartKind.BREAK, PartKind.NOT) or (kind is not None and not joined):
            return
        elif kind in (None, part.kind):
            kind = part.kind
            joined = False
            yield index
        else:
            return


def _bound(letters: str, parts: Sequence[Part]) -> dict[int, tuple[Timeframe, ...]]:
    bound: dict[int, tuple[Timeframe, ...]] = {}
    for pattern in (_COLON, _AFTER, _BEFORE):
        for found in pattern.finditer(letters):
            frames = [_frame(parts, place) for place in _places(letters, "T", *found.span("frames"))]
            for index in _places(letters, "I", *found.span("of")):
                bound[index] = tuple(dict.fromkeys([*bound.get(index, ()), *frames]))
    return bound


def _base_places(letters: str) -> list[re.Match[str]]:
    return [found for pattern in _BASES for found in pattern.finditer(letters)]


def _places(letters: str, letter: str, start: int, stop: int) -> list[int]:
    return [index for index in range(start, stop) if letters[index] == letter]


def _frame(parts: Sequence[Part], index: int) -> Timeframe:
    value = parts[index].value
    assert isinstance(value, TimeframeWords)
    return value.timeframe or Timeframe.H1  # a length that no bar has is refused by itself


def _unknown_indicators(letters: str, parts: Sequence[Part]) -> set[int]:
    found: set[int] = set()
    for match in _UNKNOWN_INDICATOR.finditer(letters):
        group = "names" if match["names"] else "marked"
        noun = match["noun"] is None or parts[match.start("noun")].words.lower().startswith(("indicator", "oscillator"))
        if noun:
            found |= {index for index in range(*match.span(group)) if not _is_number(parts[index].words)}
    return found


def _guessed_indicators(parts: Sequence[Part]) -> set[int]:
    """Returns the words that look like a ticker and stand where an indicator belongs.

    Without a stored symbol in the brief such a word may well be one, unless it is listed with an indicator.
    """
    words = [index for index, part in enumerate(parts) if part.words.lower() not in _ARTICLES]
    has_symbol = any(isinstance(part.value, SymbolWords) and part.value.symbol for part in parts)
    found: set[int] = set()
    for place, index in enumerate(words):
        value = parts[index].value
        if not isinstance(value, SymbolWords) or not value.guessed:
            continue
        around = [parts[words[at]] if 0 <= at < len(words) else None for at in range(place - 2, place + 3)]
        listed = {one.kind for side in (around[1::-1], around[3:]) if _is_and(side[0]) and (one := side[1])}
        before = around[1]
        led = before is not None and before.words.lower() in _BEFORE_SYMBOLS
        if PartKind.INDICATOR in listed or (has_symbol and PartKind.SYMBOL not in listed and not led):
            found.add(index)
    return found


def _is_and(part: Part | None) -> bool:
    return part is not None and part.kind is PartKind.AND


def _unknown_symbols(letters: str, parts: Sequence[Part]) -> set[int]:
    return {
        match.start("names")
        for match in _UNKNOWN_SYMBOL.finditer(letters)
        if parts[match.start("lead")].words.lower() in _TRADES and not _is_number(parts[match.start("names")].words)
    }


def _unknown_styles(parts: Sequence[Part]) -> set[int]:
    return {
        index
        for index, part in enumerate(parts[:-1])
        if part.kind is PartKind.UNKNOWN and parts[index + 1].words.lower() in _STYLE_NOUNS
    }


def _runs(parts: Sequence[Part], indexes: set[int]) -> Iterator[str]:
    """Yields the words of each row of neighbouring parts."""
    words: list[str] = []
    for index in range(len(parts) + 1):
        if index in indexes:
            words.append(parts[index].words)
        elif words:
            yield " ".join(words)
            words = []


def _is_number(words: str) -> bool:
    return words[:1].isdigit()
