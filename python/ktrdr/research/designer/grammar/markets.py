"""Symbols and timeframes: those of the brief where the stored bars have them, else those that suit the style."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ktrdr.errors import BriefInvalid
from ktrdr.research.designer.base import refuse
from ktrdr.research.designer.grammar.draw import Draw
from ktrdr.research.designer.grammar.reading.brief import Reading
from ktrdr.research.designer.grammar.reading.parts import SymbolWords
from ktrdr.research.designer.market import Market, Series
from ktrdr.time import Timeframe, iso

_LEAST_BARS = 300
_GOOD_BARS = 3_000
_MOST_SYMBOLS = 16
_FRAMES = {
    "scalping": ("5m", "1m", "15m"),
    "swing": ("4h", "1d", "1h"),
    "": ("1h", "30m", "15m", "4h", "2h", "1d", "5m"),
}
_UNNAMED = "The brief names no"
_HIGHER = (3, 50)
"""Least and greatest ratio of a higher timeframe to the base."""


@dataclass(frozen=True)
class Choice:
    """Symbols and timeframes of a strategy.

    Args:
        base: the timeframe of its decisions.
        bars: bars of the base that all series share.
        resample: True if a series is made from a finer one.
        defaults: sentences about symbols and timeframes that the brief does not name.
    """

    symbols: tuple[str, ...]
    timeframes: tuple[Timeframe, ...]
    base: Timeframe
    bars: int
    resample: bool
    defaults: tuple[str, ...]


def choose_markets(reading: Reading, market: Market, draw: Draw) -> tuple[Choice, list[str]]:
    """Returns symbols and timeframes, and sentences about them; raises ``BriefInvalid``."""
    series = [one for one in market.series() if one.symbol not in reading.no_symbols]
    series = [one for one in series if one.timeframe not in reading.no_timeframes]
    symbols, lines = _symbols(reading, series, draw)
    frames, more = _frames(reading, [one for one in series if one.symbol in symbols], symbols, draw)
    base = reading.base or min(frames)
    if reading.base is not None and reading.base not in frames:
        frames = (*frames, reading.base)
    mine = [one for one in series if one.symbol in symbols and one.timeframe in frames]
    refuse(list(_missing(symbols, frames, series)))
    bars = _shared_bars(symbols, base, mine)
    resample = any(one.made_from is not None for one in mine)
    made = [f"{one.timeframe.value} from {one.made_from.value}" for one in mine if one.made_from is not None]
    if made:
        more.append(f"A run makes {', '.join(dict.fromkeys(made))}, since those bars are not stored.")
    ordered = (base, *sorted(frame for frame in frames if frame != base))
    sentences = [*lines, *more]
    defaults = tuple(line for line in sentences if line.startswith(_UNNAMED))
    return Choice(symbols, ordered, base, bars, resample, defaults), sentences


def _symbols(reading: Reading, series: Sequence[Series], draw: Draw) -> tuple[tuple[str, ...], list[str]]:
    if reading.symbols:
        chosen = [_fitting(words, reading, series) for words in reading.symbols]
        symbols = tuple(dict.fromkeys(chosen))
        if len(symbols) > _MOST_SYMBOLS:
            raise BriefInvalid("too many", where="symbols", found=len(symbols), expected=f"at most {_MOST_SYMBOLS}")
        return symbols, [f"The brief names the symbol{'s' * (len(symbols) > 1)} {', '.join(symbols)}."]
    wanted = set(reading.timeframes)
    able = [
        symbol
        for symbol in dict.fromkeys(one.symbol for one in series)
        if wanted <= {one.timeframe for one in series if one.symbol == symbol}
    ]
    if not able:
        found = ", ".join(dict.fromkeys(one.symbol for one in series)) or "none"
        frames = " and ".join(frame.value for frame in reading.timeframes)
        what = f"no stored symbol has {frames} bars" if frames else "no bars are stored"
        hint = "`ktrdr data import` brings bars in, `ktrdr data sample` makes some up"
        raise BriefInvalid(what, where="symbol", found=f"stored: {found}", hint=hint)
    rich = [symbol for symbol in able if _most_bars(symbol, reading, series) >= _GOOD_BARS] or able
    symbol = draw.one("symbol", rich)
    return (symbol,), [f"{_UNNAMED} symbol: {symbol} was taken of {len(able)} that fit."]


def _fitting(words: SymbolWords, reading: Reading, series: Sequence[Series]) -> str:
    """Returns the stored symbol of an asset that has every timeframe of the brief, else the first one."""
    assert words.symbol is not None
    for symbol in (words.symbol, *words.others):
        frames = {one.timeframe for one in series if one.symbol == symbol}
        if set(reading.timeframes) <= frames and frames:
            return symbol
    return words.symbol


def _most_bars(symbol: str, reading: Reading, series: Sequence[Series]) -> int:
    wanted = reading.timeframes
    bars = [one.bars for one in series if one.symbol == symbol and (not wanted or one.timeframe == min(wanted))]
    return max(bars, default=0)


def _frames(
    reading: Reading, series: Sequence[Series], symbols: Sequence[str], draw: Draw
) -> tuple[tuple[Timeframe, ...], list[str]]:
    shared = [
        frame
        for frame in Timeframe
        if {one.symbol for one in series if one.timeframe is frame and one.bars >= _LEAST_BARS} >= set(symbols)
    ]
    named = reading.timeframes
    if not named:
        first = _first(reading, shared, series, draw)
        lines = [f"{_UNNAMED} timeframe: {first.value} was taken."]
    else:
        first = min(named)
        lines = [f"The brief names {', '.join(frame.value for frame in named)}."]
    if reading.base is not None and reading.base != first:
        lines.append(f"Signals are made on {reading.base.value}, as the brief says.")
    frames = named or (first,)
    if reading.has("multi_frame") and len(frames) < 2:
        other = _second(frames[0], shared, draw)
        lines.append(f"A second timeframe is asked for and not named: {other.value} was taken.")
        frames = (*frames, other)
    return frames, lines


def _first(reading: Reading, shared: Sequence[Timeframe], series: Sequence[Series], draw: Draw) -> Timeframe:
    if not shared:
        symbols = ", ".join(dict.fromkeys(one.symbol for one in series)) or "none"
        raise BriefInvalid(f"fewer than {_LEAST_BARS} bars on every timeframe", where=f"symbol {symbols}")
    stored = {one.timeframe for one in series if one.made_from is None}
    rich = {one.timeframe for one in series if one.bars >= _GOOD_BARS}
    style = next((style for style in reading.styles if style in _FRAMES), "")
    liked = [Timeframe(name) for name in _FRAMES[style] if Timeframe(name) in shared]
    for kept in (stored & rich, rich, stored):
        if fitting := [frame for frame in liked if frame in kept]:
            return draw.one("timeframe", fitting[:2])
    return (
        liked[0] if liked else max(shared, key=lambda frame: sum(one.bars for one in series if one.timeframe is frame))
    )


def _second(first: Timeframe, shared: Sequence[Timeframe], draw: Draw) -> Timeframe:
    low, high = _HIGHER
    higher = [frame for frame in shared if low * first.seconds <= frame.seconds <= high * first.seconds]
    others = higher or [frame for frame in shared if frame != first]
    if not others:
        raise BriefInvalid("only one timeframe is there", where="multi-timeframe", found=first.value)
    return draw.one("second timeframe", others)


def _missing(symbols: Sequence[str], frames: Sequence[Timeframe], series: Sequence[Series]) -> Iterator[BriefInvalid]:
    for symbol in symbols:
        have = {one.timeframe: one for one in series if one.symbol == symbol}
        known = " ".join(frame.value for frame in have) or "none"
        for frame in dict.fromkeys(frames):
            if frame not in have:
                hint = "--resample makes a longer one from a finer one" if any(one < frame for one in have) else ""
                yield BriefInvalid(
                    f"no bars of {symbol}", where=f"timeframe {frame.value}", expected=f"one of {known}", hint=hint
                )


def _shared_bars(symbols: Sequence[str], base: Timeframe, series: Sequence[Series]) -> int:
    """Returns about how many base bars lie in the time that all series share; raises ``BriefInvalid`` for too few."""
    first = max(one.first_ns for one in series)
    last = min(one.last_ns + one.timeframe.ns for one in series)
    share = [
        one.bars * max(0, last - first) / max(1, one.last_ns + base.ns - one.first_ns)
        for one in series
        if one.timeframe is base
    ]
    bars = int(min(1.0 * count for count in share))
    if bars < _LEAST_BARS:
        spans = "; ".join(
            f"{one.symbol} {one.timeframe.value} {iso(one.first_ns)[:10]} to {iso(one.last_ns)[:10]}" for one in series
        )
        where = f"symbol {', '.join(symbols)}"
        expected = f"at least {_LEAST_BARS} bars of {base.value} that all series share"
        raise BriefInvalid("too few bars", where=where, found=f"about {bars} ({spans})", expected=expected)
    return bars
