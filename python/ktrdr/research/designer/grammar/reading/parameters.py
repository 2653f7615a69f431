"""Numbers beside an indicator: ``RSI 7``, ``RSI(14)``, ``20-period SMA``, ``EMA 20/50``, ``below 30``, ``2 std``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ktrdr.research.designer.grammar.reading.parts import IndicatorWords
from ktrdr.research.designer.grammar.reading.words import NUMBER_WORDS
from ktrdr.strategy.catalog.indicator import Indicator
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.strategy.catalog.parameter import MAX_PERIOD, SOURCES

_NUMBER = r"\d{1,9}(?:\.\d{1,9})?"
_JOIN = r"(?:\s*(?:,\s*and\s+|,|/|;|&|\band\b)\s*|\s+)"
_NOT_A_UNIT = (
    r"(?!\s*-?\s*(?:m|mins?|minutes?|h|hrs?|hours?|hourly|d|w|weeks?|weekly|years?|%|percent|pct|atrs?|pips?)"
    r"(?![a-z0-9]))"
)
_STOP = rf"(?![\d.]*\d){_NOT_A_UNIT}"
_LIST = rf"{_NUMBER}(?:{_JOIN}{_NUMBER}{_STOP}){{0,7}}{_STOP}"
_PERIOD = r"(?:periods?|lengths?|windows?|lookbacks?|settings?|parameters?)"
_BEFORE = re.compile(
    rf"(?P<numbers>{_NUMBER}(?:\s*(?:,\s*and\s+|,|/|&|\band\b|-)\s*{_NUMBER}){{0,7}})"
    rf"\s*-?\s*(?P<unit>periods?|bars?|days?|candles?|weeks?|length)?\s*-?\s*"
)
_AFTER = re.compile(
    rf"(?:\s+(?:indicators?|oscillators?|lines?))?\s*[-:=]?\s*"
    rf"(?:(?:with|using|of|at|over)\s+(?:a\s+|an\s+)?{_PERIOD}\s*(?:of|=|:|is)?\s*|{_PERIOD}\s*(?:of|=|:|is)?\s*)?"
    rf"(?P<numbers>{_LIST})(?:\s*-?\s*{_PERIOD})?"
)
_IN_BRACKETS = re.compile(r"(?:\s+(?:indicators?|oscillators?))?\s*[(\[](?P<inside>[^()\[\]]{1,80})[)\]]")
_TIMEFRAME = re.compile(r"\b(?:\d+\s*-?\s*(?:m|min|minutes?|h|hours?|d|w)|[mhdw]\d+|hourly|daily|weekly)\b")
_NAMED = re.compile(rf"(?P<name>[a-z_%]+)?\s*[=: ]?\s*(?P<number>{_NUMBER})\s*(?P<unit>[a-z]+(?:\s+deviations?)?)?")
_SOURCE_WORD = re.compile(rf"\b(?:{'|'.join(SOURCES)})\b")
_WIDTH = re.compile(
    rf"\s*,?\s*(?:and|with|at|using|of)?\s*(?:a\s+)?(?P<number>{_NUMBER})\s*-?\s*"
    r"(?:std(?:ev|dev|s)?s?|standard\s+deviations?|sigmas?|deviations?)(?![a-z])"
)
_NAMED_AFTER = re.compile(
    r"\s*,?\s*(?:(?:and|with|a|an|the|using)\s+)*(?P<name>fast|slow|signal|multiplier|mult|factor|smoothing|stdev|std)"
    rf"(?:\s+(?:period|length|line))?\s*(?:of|=|:|is)?\s*(?P<number>{_NUMBER}){_STOP}"
)
_NUMBER_WORD = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
_MARK = r"(?:\s+(?:level|threshold|at|above|below|is|of|:))*"
_LOW = rf"(?:below|under|beneath|<=?|less\s+than|lower\s+than|oversold{_MARK})"
_HIGH = rf"(?:above|over|>=?|greater\s+than|higher\s+than|more\s+than|exceed(?:s|ing)?|overbought{_MARK})"
_LEVEL = re.compile(
    r"\s*,?\s*(?:\(|(?:and|or|is|goes|falls|drops|rises|crosses|moves|turns|when|if|with|buy|sell|buys|sells|it|at|levels?"
    r"|entries|exits|thresholds?|as|oversold|overbought|long|short)(?:\s*,)?\s+)*"
    rf"(?:(?P<low>{_LOW})|(?P<high>{_HIGH}))\s*(?:(?P<number>-?{_NUMBER}){_STOP}|(?P<word>{_NUMBER_WORD})(?![a-z]))\)?"
)
_NAMES = {
    "period": "period",
    "periods": "period",
    "length": "period",
    "window": "period",
    "lookback": "period",
    "multiplier": "multiplier",
    "mult": "multiplier",
    "std": "multiplier",
    "stdev": "multiplier",
    "sigma": "multiplier",
    "deviation": "multiplier",
    "deviations": "multiplier",
    "factor": "multiplier",
    "standard": "multiplier",
    "stddev": "multiplier",
    "fast": "fast_period",
    "slow": "slow_period",
    "signal": "signal_period",
    "k": "k_period",
    "d": "d_period",
    "smooth": "smooth_k",
    "smoothing": "smooth_k",
    "bars": "period",
    "bar": "period",
}
Value = float | int | str
"""A value of a parameter."""

_DISTANCES = ("atr", "natr")
"""Indicators that are a unit of distance: "2 ATR" is no period."""
_PERIOD_THEN_WIDTH = ("keltnerchannels",)


@dataclass(frozen=True)
class Before:
    """Numbers before an indicator; ``stop`` is the place where its name begins."""

    numbers: tuple[float, ...]
    unit: str
    stop: int


def numbers_before(text: str, at: int) -> Before | None:
    """Returns the numbers at a place of the text that a name of an indicator may follow; None without numbers.

    >>> numbers_before("20-period sma", 0)
    Before(numbers=(20.0,), unit='period', stop=10)
    """
    found = _BEFORE.match(text, at)
    if found is None:
        return None
    return Before(tuple(map(float, re.findall(_NUMBER, found["numbers"]))), found["unit"] or "", found.end())


def takes_numbers_before(type_: str, before: Before) -> bool:
    """Returns True if numbers may precede this indicator: with a unit always, bare ones before a moving average."""
    bare = is_average(type_) or (len(_counts(INDICATORS[type_])) == 1 and type_ not in _DISTANCES)
    return bool(before.unit) or bare


def indicator_words(text: str, type_: str, stop: int, before: tuple[float, ...] = ()) -> tuple[IndicatorWords, int]:
    """Returns an indicator with the numbers after its name, and the place where they end.

    >>> indicator_words("rsi(7) below 25", "rsi", 3)
    (IndicatorWords(type='rsi', numbers=(7.0,), named=(), low=25.0, high=None, unit=''), 15)
    """
    numbers, named, stop = (before, (), stop) if before else _numbers_after(text, type_, stop)
    if (found := _WIDTH.match(text, stop)) and _parameter(INDICATORS[type_], "multiplier"):
        named = (*named, ("multiplier", float(found["number"])))
        stop = found.end()
    while (found := _NAMED_AFTER.match(text, stop)) and (name := _parameter(INDICATORS[type_], found["name"])):
        named = (*named, (name, float(found["number"])))
        stop = found.end()
    low = high = None
    if len(numbers) == 2 and _are_levels(type_, numbers):
        low, high = numbers
        numbers = ()
    while found := _LEVEL.match(text, stop):
        level = float(found["number"] or NUMBER_WORDS[found["word"]])
        low = level if found["low"] else low
        high = level if found["high"] else high
        stop = found.end()
    if low is not None and high is not None and low > high:
        low, high = high, low  # "crosses above 30, crosses below 70" names the same two marks
    return IndicatorWords(type_, numbers, named, low, high), stop


def is_average(type_: str) -> bool:
    """Returns True for a moving average, whose values are prices.

    >>> is_average("ema"), is_average("distancefromma")
    (True, False)
    """
    known = INDICATORS[type_]
    return known.title.endswith("moving average") and known.outputs[0].unit == "source"


def parameters_of(words: IndicatorWords) -> list[dict[str, Value]]:
    """Returns the parameters of each indicator that the words ask for: several values of a lone one make several.

    >>> parameters_of(IndicatorWords("ema", (20.0, 50.0)))
    [{'period': 20}, {'period': 50}]
    >>> parameters_of(IndicatorWords("bollingerbands", (20.0, 2.5)))
    [{'period': 20, 'multiplier': 2.5}]
    """
    known = INDICATORS[words.type]
    named: dict[str, Value] = {name: _typed(known, name, value) for name, value in words.named}
    free = [name for name in _counts(known) if name not in named]
    if len(words.numbers) > 1 and len(free) == 1:
        return [{**named, free[0]: _typed(known, free[0], number)} for number in words.numbers]
    if len(words.numbers) == 2 and words.type in _PERIOD_THEN_WIDTH:
        free = ["period", "multiplier"]
    if words.type == "parabolicsar" and len(words.numbers) == 2:
        step, most = words.numbers
        return [{"initial_af": step, "step_af": step, "max_af": most}]
    given = {name: _typed(known, name, number) for name, number in zip(free, words.numbers, strict=False)}
    return [named | given]


def completed(
    known: Indicator, given: Mapping[str, Value], drawn: Mapping[str, Value] | None = None
) -> dict[str, Value]:
    """Returns every parameter: given ones as they are, open ones drawn, at their default, or fitted to a given one.

    >>> completed(INDICATORS["macd"], {"fast_period": 50})["slow_period"]
    100
    """
    defaults: dict[str, Value] = {parameter.name: parameter.default for parameter in known.parameters}
    full = defaults | dict(drawn or {}) | dict(given)
    if known.check(full) is not None:
        full = defaults | dict(given)
    if known.check(full) is None:
        return full
    for low, high, factor in (("fast_period", "slow_period", 2), ("initial_af", "max_af", 1)):
        least = given.get(low)
        most = given.get(high)
        if isinstance(least, int | float) and high in full and most is None:
            full[high] = min(least * factor, MAX_PERIOD)
        elif isinstance(most, int | float) and low in full and least is None:
            full[low] = most // factor if factor > 1 else most
    return full


def too_many(words: IndicatorWords) -> bool:
    """Returns True if the words give more numbers than the indicator has parameters."""
    named = {name for name, _ in words.named}
    free = sum(name not in named for name in _counts(INDICATORS[words.type]))
    return len(words.numbers) > free and free != 1


def _numbers_after(
    text: str, type_: str, stop: int
) -> tuple[tuple[float, ...], tuple[tuple[str, float | str], ...], int]:
    if (found := _IN_BRACKETS.match(text, stop)) and not _TIMEFRAME.search(found["inside"]):
        numbers, named = _inside(found["inside"], INDICATORS[type_])
        if numbers or named:
            return numbers, named, found.end()
    if found := _AFTER.match(text, stop):
        return tuple(map(float, re.findall(_NUMBER, found["numbers"]))), (), found.end()
    return (), (), stop


def _inside(text: str, known: Indicator) -> tuple[tuple[float, ...], tuple[tuple[str, float | str], ...]]:
    numbers: list[float] = []
    named: dict[str, float | str] = {}
    for found in _NAMED.finditer(_SOURCE_WORD.sub(" ", text)):
        unit = (found["unit"] or "").split(" ")[0]
        name = _parameter(known, found["name"] or "") or _parameter(known, unit)
        if name is None:
            numbers.append(float(found["number"]))
        else:
            named[name] = float(found["number"])
    sources = [word for word in re.findall(r"[a-z0-9]+", text) if word in SOURCES]
    if sources and _parameter(known, "source"):
        named["source"] = sources[0]
    return tuple(numbers), tuple(named.items())


def _parameter(known: Indicator, word: str) -> str | None:
    """Returns the parameter that a word means for an indicator; None where it means none."""
    names = [parameter.name for parameter in known.parameters]
    by_alias = {alias: parameter.name for parameter in known.parameters for alias in parameter.aliases}
    wanted = by_alias.get(word, _NAMES.get(word, word))
    return wanted if wanted in names else None


def _counts(known: Indicator) -> list[str]:
    return [parameter.name for parameter in known.parameters if parameter.kind in ("int", "float")]


def _typed(known: Indicator, name: str, value: float | str) -> float | int | str:
    kind = next(parameter.kind for parameter in known.parameters if parameter.name == name)
    return int(value) if kind == "int" and isinstance(value, float) and value.is_integer() else value


def _are_levels(type_: str, numbers: tuple[float, ...]) -> bool:
    """Returns True for two numbers that are the marks of an oscillator from 0 to 100, such as 30 and 70."""
    bounds = INDICATORS[type_].outputs[0].bounds
    return (
        bounds is not None
        and (bounds.low, bounds.high) == (0.0, 100.0)
        and sum(numbers) == 100
        and numbers[0] < numbers[1]
    )
