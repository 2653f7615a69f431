"""Markets in a brief: a stored symbol by its name, a pair of currencies, an asset by its usual names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ktrdr.research.designer.grammar.reading.parts import Part, PartKind, SymbolWords
from ktrdr.research.designer.grammar.reading.spelling import is_plain
from ktrdr.research.designer.grammar.reading.words import ASSET_PHRASES, CURRENCY_PHRASES, listed
from ktrdr.text import nearest_names

_CODES: Final = listed(
    "usd eur gbp jpy chf aud nzd cad cnh cny sek nok dkk mxn try zar sgd hkd pln huf czk inr krw brl xau xag"
)
_ASSETS: Final = {phrase: prefixes.split() for phrase, prefixes in ASSET_PHRASES.items()}
_PAIR_GAP = r"\s*(?:[/\\_-]|\bvs\.?|\bversus\b|\bagainst(?:\s+the)?\b|\bto(?:\s+the)?\b|\s)\s*(?:the\s+)?"
_CURRENCY = "|".join(sorted([*CURRENCY_PHRASES, *_CODES], key=len, reverse=True))
_PAIR = re.compile(rf"(?P<base>{_CURRENCY})(?P<gap>{_PAIR_GAP}|)(?P<quote>{_CURRENCY})(?![a-z0-9])")
_ASSET = re.compile(
    "(?:" + "|".join(re.escape(name) for name in sorted(_ASSETS, key=len, reverse=True)) + r")(?![a-z0-9])"
)
_NAME = re.compile(r"[A-Za-z0-9]{1,32}(?:[/._-][A-Za-z0-9]{1,32}){0,4}")
_QUOTES = ("", "USDT", "USD", "USDC", "EUR", "PERP", "BUSD")
_UPPER = re.compile(r"[A-Z][A-Z0-9]{1,11}(?:[/.-][A-Z0-9]{1,6})?(?![A-Za-z0-9])")
_MARKED = re.compile(
    r"\b(?:symbol|ticker|instrument|market|pair|asset)s?\s*(?::|=|is\s+|named\s+|called\s+)?\s*[\"']?$"
)


class Instruments:
    """The stored symbols, found by the words of a brief.

    >>> stored = Instruments(["BTCUSDT", "EURUSD", "EURUSD-BID"])
    >>> stored.read("EUR/USD on 1h", 0).value.symbol, stored.read("bitcoin", 0).value.symbol
    ('EURUSD', 'BTCUSDT')
    >>> stored.read("GBPUSD", 0).value.symbol is None
    True
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        self._symbols = tuple(dict.fromkeys(symbols))
        self._by_letters = {_letters(symbol): symbol for symbol in self._symbols}

    def read(self, text: str, at: int) -> Part | None:
        """Returns the market that begins at a place of the text as the user wrote it; None where there is none."""
        lower = text.lower()
        part = self._stored(text, at) or self._pair(lower, at) or self._asset(lower, at)
        return part and replace(part, words=text[part.start : part.stop])

    def read_unknown(self, text: str, at: int) -> Part | None:
        """Returns a part without a symbol for a word that looks like a ticker, but is not stored."""
        found = _UPPER.match(text, at)
        marked = _NAME.match(text, at) if _MARKED.search(text.lower(), 0, at) else None
        if found and not text.isupper() and not is_plain(found[0].lower()) and any(map(str.isalpha, found[0][1:])):
            return self._missing(found.start(), found.end(), found[0], found[0], guessed=marked is None)
        if marked and not is_plain(marked[0].lower()):
            return self._missing(marked.start(), marked.end(), marked[0], marked[0])
        return None

    def _stored(self, text: str, at: int) -> Part | None:
        """Returns a part for the longest stored name; a name that is an English word counts in capitals only."""
        if (found := _NAME.match(text, at)) is None:
            return None
        stops = [found.end(), *(at + cut.start() for cut in reversed(list(re.finditer(r"[/._-]", found[0]))))]
        for stop in stops:
            word = text[at:stop]
            symbol = word if word in self._symbols else self._by_letters.get(_letters(word))
            plain = len(word) < 3 or is_plain(word.lower())
            if symbol is not None and (word == symbol if plain else True):
                if plain and text.isupper() and not _MARKED.search(text.lower(), 0, at):
                    continue
                return Part(PartKind.SYMBOL, at, stop, word, SymbolWords(symbol))
        return None

    def _pair(self, lower: str, at: int) -> Part | None:
        found = _PAIR.match(lower, at)
        if found is None:
            return None
        base, quote = (CURRENCY_PHRASES.get(found[name], found[name]) for name in ("base", "quote"))
        written_together = found["gap"] == "" and not (found["base"] in _CODES and found["quote"] in _CODES)
        if base == quote or written_together:
            return None
        return self._named(found.start(), found.end(), found[0], [f"{base}{quote}".upper()])

    def _asset(self, lower: str, at: int) -> Part | None:
        found = _ASSET.match(lower, at)
        return found and self._named(found.start(), found.end(), found[0], _ASSETS[found[0]])

    def _named(self, start: int, stop: int, words: str, prefixes: Sequence[str]) -> Part:
        """Returns a part with the stored symbol of an asset: an exact name first, then one with more letters."""
        fits = [
            symbol for prefix in prefixes for quote in _QUOTES for symbol in self._symbols if symbol == prefix + quote
        ]
        longer = [
            symbol
            for prefix in prefixes
            for symbol in self._symbols
            if len(prefix) > 2 and symbol.upper().startswith(prefix)
        ]
        chosen = list(dict.fromkeys([*fits, *longer]))
        if not chosen:
            return self._missing(start, stop, words, prefixes[0])
        exact = chosen[0] == prefixes[0]
        return Part(PartKind.SYMBOL, start, stop, words, SymbolWords(chosen[0], () if exact else tuple(chosen[1:])))

    def _missing(self, start: int, stop: int, words: str, name: str, *, guessed: bool = False) -> Part:
        near = nearest_names(name, self._symbols)
        known = ", ".join(self._symbols[:12]) or "none"
        hint = f"did you mean {', '.join(near)}?" if near else f"stored: {known}"
        return Part(PartKind.SYMBOL, start, stop, words, SymbolWords(None, (), hint, guessed))


def _letters(name: str) -> str:
    return "".join(sign for sign in name.upper() if sign.isalnum())


def is_currency_pair(symbol: str) -> bool:
    """Returns True for a symbol that begins with two codes of currencies.

    >>> is_currency_pair("EURUSD-BID"), is_currency_pair("SPY")
    (True, False)
    """
    codes = _letters(symbol).lower()
    return codes[:3] in _CODES and codes[3:6] in _CODES
