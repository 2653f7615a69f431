"""Timeframes in a brief: ``1h``, ``5-minute``, ``M15``, ``four hour``, ``hourly``, ``5 and 15 minute``."""

from __future__ import annotations

import re

from ktrdr.research.designer.grammar.reading.parts import Part, PartKind, TimeframeWords
from ktrdr.research.designer.grammar.reading.words import NUMBER_WORDS
from ktrdr.text import nearest_names
from ktrdr.time import SECONDS_PER_UNIT, Timeframe

_BY_SECONDS = {timeframe.seconds: timeframe for timeframe in Timeframe}
_UNIT = (
    r"(?:minutes?|mins?|m|hours?|hourly|hrs?|h|days?|daily|d|weeks?|weekly|wks?|w|months?|monthly|mo|mn|seconds?|secs?|s"
    r"|years?|yrs?|y|ticks?)"
)
_COUNT = r"(?:\d{1,6}|" + "|".join(sorted(NUMBER_WORDS, key=len, reverse=True)) + ")"
_JOIN = r"\s*(?:,\s*and\s+|,|/|&|\+|\band\b|\bor\b)\s*"
_COUNTED = re.compile(rf"(?P<counts>{_COUNT}(?:{_JOIN}{_COUNT}){{0,7}})\s*-?\s*(?P<unit>{_UNIT})(?![a-z0-9])")
_LETTER_FIRST = re.compile(r"(?P<unit>mn|m|h|d|w)(?P<count>\d{1,4})(?![a-z0-9])")
_WORDS = {
    "half-hourly": "30m",
    "half hourly": "30m",
    "half-hour": "30m",
    "half hour": "30m",
    "half an hour": "30m",
    "quarter-hourly": "15m",
    "quarter hour": "15m",
    "quarter-hour": "15m",
    "minutely": "1m",
    "minute": "1m",
    "hourly": "1h",
    "hour": "1h",
    "daily": "1d",
    "end of day": "1d",
    "end-of-day": "1d",
    "eod": "1d",
    "day": "1d",
    "weekly": "1w",
    "monthly": "month",
    "month": "month",
}
_BARE = {"minute", "hour", "day", "month"}
_WORD = re.compile(r"(?:" + "|".join(sorted(_WORDS, key=len, reverse=True)) + r")(?![a-z0-9])")
_OF_BARS = re.compile(
    r"[-\s]+(?:bars?|candles?|candlesticks?|charts?|timeframes?|time\s+frames?|data|series|frames?)\b"
)
_DURATION = re.compile(
    r"\b(?:last|past|previous|recent|within|over|after|before|next|than|least|most|for|first|until|ago|every|lasting)"
    r"\s+(?:the\s+)?(?:last\s+|past\s+|about\s+|around\s+)?$"
)
_NO_MONTH = "a month has no fixed length: use 1w or 1d"


def read_timeframes(text: str, at: int) -> list[Part]:
    """Returns the timeframes that begin at a place of the text, one part each; none where there is no timeframe.

    A length that no bar has is a part without a timeframe, unless the words before it speak of a duration.

    >>> [part.value.timeframe.value for part in read_timeframes("5 and 15 minute bars", 0)]
    ['5m', '15m']
    >>> read_timeframes("7m bars", 0)[0].value.timeframe is None
    True
    """
    if found := _COUNTED.match(text, at):
        return _counted(found)
    if found := _LETTER_FIRST.match(text, at):
        unit = found["unit"]
        return [_part(found, *_value(int(found["count"]), "mo" if unit == "mn" else unit))]
    if (found := _WORD.match(text, at)) is None:
        return []
    word = found[0]
    if word in _BARE and not _OF_BARS.match(text, found.end()):
        return []
    if _WORDS[word] == "month":
        return [_part(found, None, _NO_MONTH)]
    return [_part(found, Timeframe(_WORDS[word]))]


def _counted(found: re.Match[str]) -> list[Part]:
    """Returns a part for each number before one unit; where one of them is no timeframe, only the last takes it."""
    counts = [(match.start(), match[0]) for match in re.finditer(_COUNT, found["counts"])]
    values = [_value(NUMBER_WORDS.get(count) or int(count), found["unit"]) for _, count in counts]
    if len(values) > 1 and any(timeframe is None for timeframe, _ in values):
        return []
    if values[-1][0] is None and _is_duration(found):
        return [Part(PartKind.PLAIN, found.start(), found.end(), found[0])]
    starts = [found.start() + start for start, _ in counts]
    stops = [*starts[1:], found.end()]
    return [
        Part(
            PartKind.TIMEFRAME, start, stop, re.sub(rf"{_JOIN}$", "", found.string[start:stop]), TimeframeWords(*value)
        )
        for start, stop, value in zip(starts, stops, values, strict=True)
    ]


def _is_duration(found: re.Match[str]) -> bool:
    spoken = found["unit"][0] == "y" or (
        found["unit"].startswith("mo") and not _OF_BARS.match(found.string, found.end())
    )
    return spoken or _DURATION.search(found.string, 0, found.start()) is not None


def _value(count: int, unit: str) -> tuple[Timeframe | None, str]:
    if unit.startswith("mo"):
        return None, _NO_MONTH
    seconds = count * SECONDS_PER_UNIT.get(unit[0], 0)
    if (timeframe := _BY_SECONDS.get(seconds)) is not None:
        return timeframe, ""
    near = nearest_names(f"{count}{unit[0]}", [one.value for one in Timeframe], at_most=1)
    known = " ".join(one.value for one in Timeframe)
    return None, f"bars have one of {known}" + (f"; did you mean {near[0]}?" if near else "")


def _part(found: re.Match[str], timeframe: Timeframe | None, hint: str = "") -> Part:
    return Part(PartKind.TIMEFRAME, found.start(), found.end(), found[0], TimeframeWords(timeframe, hint))
