"""Text becomes a row of parts, from left to right: at each word the most special meaning is tried first."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ktrdr.research.designer.grammar.reading.frames import read_timeframes
from ktrdr.research.designer.grammar.reading.instruments import Instruments
from ktrdr.research.designer.grammar.reading.parameters import indicator_words, numbers_before, takes_numbers_before
from ktrdr.research.designer.grammar.reading.parts import Part, PartKind
from ktrdr.research.designer.grammar.reading.rules import read_rule
from ktrdr.research.designer.grammar.reading.spelling import Correction, corrected, is_plain, unknown_parts
from ktrdr.research.designer.grammar.reading.words import (
    ABSENT_INDICATORS,
    ABSENT_MODELS,
    INDICATOR_PHRASES,
    LABEL_PHRASES,
    MODEL_PHRASES,
    STYLE_PHRASES,
)

# Quotation marks and dashes that word processors put in the place of the plain ones.
_QUOTES = dict.fromkeys((0x2018, 0x2019), "'") | dict.fromkeys((0x201C, 0x201D), '"')
_DASHES = dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2212), "-") | {0x2014: ", ", 0x00D7: "x", ord("_"): " "}
_SIGNS = _QUOTES | _DASHES
_BLANKS = re.compile(r"[^\S\n]+")
_WORD = re.compile(r"\d+(?:\.\d+)?|[^\W_]+(?:'[a-z]+)?|%")
_BREAK = re.compile(r"[.;:!?\n](?!\d)|,?\s+\bbut\b")
_AND = re.compile(r"(?:,\s*(?:and\s+|or\s+)?|\band/or\b|\band\b|\bor\b|\bnor\b|\bplus\b|&|\+|/|\bas\s+well\s+as\b)")
_NOT_THESE = re.compile(
    r"(?:not\s+only|no\s+(?:more|less|later|longer|matter|need)|not\s+(?:more|less|longer|too|sure|necessarily|just))(?![a-z])"
)
_NOT = re.compile(
    r"(?:without|instead\s+of|rather\s+than|other\s+than|apart\s+from|except(?:\s+for)?|excluding|exclude|excludes|avoid"
    r"|avoiding|ignore|ignoring|omit|skip|neither|never|nor|no|not|don't|do\s+not|free\s+of|leave\s+out|leaving\s+out)(?![a-z])"
)
_OF_TIME = ("day", "week")
_CHUNK = re.compile(r"[A-Za-z][A-Za-z%]*(?:-[A-Za-z]+){1,8}(?![A-Za-z])")


def _table() -> dict[str, tuple[PartKind, str]]:
    kinds: Sequence[tuple[PartKind, Mapping[str, str]]] = (
        (PartKind.ABSENT, dict.fromkeys(ABSENT_MODELS, "model")),
        (PartKind.ABSENT, dict.fromkeys(ABSENT_INDICATORS, "indicator")),
        (PartKind.STYLE, STYLE_PHRASES),
        (PartKind.MODEL, MODEL_PHRASES),
        (PartKind.LABELS, LABEL_PHRASES),
        (PartKind.INDICATOR, INDICATOR_PHRASES),
    )
    return {phrase: (kind, meaning) for kind, table in kinds for phrase, meaning in table.items()}


_MEANINGS = _table()
_PHRASE = re.compile(
    "|".join(re.escape(phrase).replace(r"\ ", r"[\s-]+") for phrase in sorted(_MEANINGS, key=len, reverse=True))
)


@dataclass(frozen=True)
class Scan:
    """A brief as a row of parts, and the words that were read as others."""

    parts: tuple[Part, ...]
    corrections: tuple[Correction, ...]


def scan(brief: str, instruments: Instruments) -> Scan:
    """Returns the parts of a brief in order.

    >>> [part.words for part in scan("Bolinger bands on 1h", Instruments([])).parts]
    ['bollinger bands', 'on', '1h']
    """
    text = _BLANKS.sub(" ", unicodedata.normalize("NFKC", brief).translate(_SIGNS))
    named = list(_symbols(text, instruments))
    text, corrections = corrected(text, [(part.start, part.stop) for part in named])
    # A correction moves what follows it, so the symbols are read again in the corrected text.
    symbols = {part.start: part for part in _symbols(text, instruments)}
    return Scan(tuple(_parts(text, symbols, instruments)), tuple(corrections))


def _symbols(text: str, instruments: Instruments) -> Iterator[Part]:
    at = 0
    while at < len(text):
        part = instruments.read(text, at) if _starts_word(text, at) else None
        if part is not None:
            yield part
        at = at + 1 if part is None else part.stop


def _parts(text: str, symbols: Mapping[int, Part], instruments: Instruments) -> Iterator[Part]:
    lower = text.lower()
    at = 0
    while at < len(text):
        made = _at(text, lower, at, symbols, instruments)
        yield from made
        at = max([at + 1, *(part.stop for part in made)])


def _at(text: str, lower: str, at: int, symbols: Mapping[int, Part], instruments: Instruments) -> Sequence[Part]:
    """Returns the parts that begin at a place: none at a blank or inside of a word."""
    if at in symbols and (symbols[at].value is None or not _is_indicator(lower, at, symbols[at].stop)):
        return [symbols[at]]
    for pattern, kind in ((_BREAK, PartKind.BREAK), (_AND, PartKind.AND)):
        found = pattern.match(lower, at)
        phrase = _phrase(lower, at)
        if found and found.end() > at and (phrase is None or phrase.end() <= found.end()):
            return [Part(kind, at, found.end(), found[0].strip())]
    if not _starts_word(text, at):
        return []
    for read in _READERS:
        if made := read(text, lower, at, instruments):
            return made
    return _word(text, lower, at)


def _starts_word(text: str, at: int) -> bool:
    sign = text[at]
    return (sign.isalnum() or sign in "%<>") and (at == 0 or not text[at - 1].isalnum() or sign in "%<>")


def _rule(text: str, lower: str, at: int, instruments: Instruments) -> Sequence[Part]:
    part = read_rule(lower, at)
    return [] if part is None else [part]


def _timeframes(text: str, lower: str, at: int, instruments: Instruments) -> Sequence[Part]:
    before = numbers_before(lower, at)
    if before is not None and before.unit.startswith(_OF_TIME):
        # "a 20-day average" is one of 20 bars; "a 1-day average" is one on daily bars.
        made = _numbered_indicator(text, lower, at, instruments)
        if made and not any(number == 1 for number in before.numbers):
            return made
    return read_timeframes(lower, at)


def _numbered_indicator(text: str, lower: str, at: int, instruments: Instruments) -> Sequence[Part]:
    """Returns an indicator whose numbers come before its name."""
    before = numbers_before(lower, at)
    found = before and _phrase(lower, before.stop)
    if before is None or not found:
        return []
    kind, type_ = _MEANINGS[_plain_blanks(found[0])]
    if kind is not PartKind.INDICATOR or not takes_numbers_before(type_, before):
        return []
    words, stop = indicator_words(lower, type_, found.end(), before.numbers)
    if before.unit.startswith(_OF_TIME):
        words = replace(words, unit=before.unit.removesuffix("s"))
    return [Part(kind, at, stop, lower[at:stop].strip(), words)]


def _meaning(text: str, lower: str, at: int, instruments: Instruments) -> Sequence[Part]:
    """Returns a part for the longest phrase with a meaning; a hyphenated name that holds more is no known one."""
    found = _phrase(lower, at)
    if found is None:
        return []
    chunk = _CHUNK.match(lower, at)
    if chunk and chunk.end() > found.end() and unknown_parts(chunk[0]):
        return [Part(PartKind.ABSENT, at, chunk.end(), text[at : chunk.end()], "indicator")]
    kind, meaning = _MEANINGS[_plain_blanks(found[0])]
    if kind is PartKind.INDICATOR:
        words, stop = indicator_words(lower, meaning, found.end())
        return [Part(kind, at, stop, lower[at:stop].strip(), words)]
    shown = text[at : found.end()] if kind is PartKind.ABSENT else found[0]
    return [Part(kind, at, found.end(), shown, meaning)]


def _not(text: str, lower: str, at: int, instruments: Instruments) -> Sequence[Part]:
    if found := _NOT_THESE.match(lower, at):
        return [Part(PartKind.PLAIN, at, found.end(), found[0])]
    found = _NOT.match(lower, at)
    return [Part(PartKind.NOT, at, found.end(), found[0])] if found else []


def _ticker(text: str, lower: str, at: int, instruments: Instruments) -> Sequence[Part]:
    part = instruments.read_unknown(text, at)
    return [] if part is None else [part]


def _word(text: str, lower: str, at: int) -> Sequence[Part]:
    found = _WORD.match(text, at)
    if found is None:
        return []
    chunk = _CHUNK.match(lower, at)
    if chunk and unknown_parts(chunk[0]):
        return [Part(PartKind.UNKNOWN, at, chunk.end(), text[at : chunk.end()])]
    word = found[0].lower().replace("'", "")
    plain = (len(word) == 1 and not word.isdigit()) or is_plain(word)
    return [Part(PartKind.PLAIN if plain else PartKind.UNKNOWN, at, found.end(), found[0])]


def _phrase(lower: str, at: int) -> re.Match[str] | None:
    """Returns the longest phrase at a place that ends at the end of a word, or before a number."""
    found = _PHRASE.match(lower, at)
    while found is not None and found.end() < len(lower) and lower[found.end()].isalpha():
        found = _PHRASE.match(lower, at, found.end() - 1)
    return found


def _plain_blanks(phrase: str) -> str:
    """Returns the phrase as the tables spell it."""
    if phrase in _MEANINGS:
        return phrase
    spaced = re.sub(r"[\s-]+", " ", phrase)
    return spaced if spaced in _MEANINGS else re.sub(r"\s+", "-", spaced)


def _is_indicator(lower: str, at: int, stop: int) -> bool:
    """Returns True for a symbol whose name is also the name of an indicator, such as a ticker MA."""
    return lower[at:stop] in INDICATOR_PHRASES


_READERS: Sequence[Callable[[str, str, int, Instruments], Sequence[Part]]] = (
    _rule,
    _timeframes,
    _numbered_indicator,
    _meaning,
    _not,
    _ticker,
)
