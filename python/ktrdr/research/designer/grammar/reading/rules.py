"""Rules in a brief: stops, targets, times, costs, leverage, size, labels, epochs, direction; absent ones are faults."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from ktrdr.research.designer.grammar.reading.absent_rules import MOST, read_absent
from ktrdr.research.designer.grammar.reading.parts import Part, PartKind, Rule
from ktrdr.research.designer.grammar.reading.words import NUMBER_WORDS
from ktrdr.time import SECONDS_PER_UNIT

_VALUE = r"(?P<value>\d{1,9}(?:\.\d{1,9})?)"
_UNIT = (
    r"(?P<unit>%|percent|pct|bps|bp|basis\s+points?|(?:[x*]|times)?\s*(?:the\s+)?(?:average\s+true\s+ranges?|atrs?)"
    r"|pips?|points?|ticks?|dollars?|usd|eur|r)(?![a-z0-9])"
)
_BETWEEN = r"(?:[\s:=-]|\b(?:at|of|is|to|a|an|the|set|with|around|about|fixed|hard|level|distance|by)\b)*"
_NAMES = {
    "trailing_stop": r"(?:trailing[-\s]+stop(?:[-\s]+loss)?(?:es|s)?|trailing|trail)",
    "stop_loss": r"(?:stop[-\s]*loss(?:es)?|stops?|sl)",
    "take_profit": r"(?:take[-\s]*profits?|taking\s+profits?|profit[-\s]+targets?|price\s+targets?|targets?|tp)",
}
_CLOCK = r"(?P<unit>bars?|candles?|periods?|minutes?|mins?|hours?|hrs?|h|days?|d|weeks?)(?![a-z0-9])"
_HOLD = (
    r"(?:max(?:imum|imal|\.)?\s+(?:holding|hold)(?:\s+(?:period|time|duration))?"
    r"|(?:(?:don't|do\s+not|never|not)\s+)?hold(?:ing|s)?(?:\s+(?:positions?|trades?|it|them|each|every|for|period|time|at|most|up|to|no|not|more|longer|than"
    r"|maximum|max|a|of|the))*"
    r"|(?:exit|close|closes|sell|out)(?:\s+(?:positions?|trades?|it|them))?\s+after(?:\s+(?:at\s+most|max(?:imum)?))?"
    r"|time[-\s]+(?:stop|exit|limit))"
)
_RATE = r"\s*(?P<unit>%|percent|pct|bps|bp|basis\s+points?)?"

_LEVELS: Mapping[str, tuple[re.Pattern[str], ...]] = {
    name: (
        re.compile(rf"{words}(?![a-z]){_BETWEEN}{_VALUE}\s*-?\s*{_UNIT}"),
        re.compile(rf"{_VALUE}\s*-?\s*{_UNIT}\s*-?\s*{words}(?![a-z])"),
        re.compile(rf"(?P<unit>atr)[-\s]+(?:based\s+)?{words}(?![a-z]){_BETWEEN}{_VALUE}\s*(?:x|times)?(?![a-z0-9%])"),
    )
    for name, words in _NAMES.items()
}
_BARE_LEVELS = {
    "trailing_stop": (re.compile(r"trailing[-\s]+stop(?:[-\s]+loss)?(?:es|s)?(?![a-z])"),),
    "stop_loss": (re.compile(r"(?:stop[-\s]*loss(?:es)?|protective\s+stops?|stops|hard\s+stop)(?![a-z])"),),
    "take_profit": (re.compile(r"(?:take[-\s]*profits?|profit[-\s]+targets?)(?![a-z])"),),
}
_HOLDING = re.compile(rf"{_HOLD}{_BETWEEN}{_VALUE}\s*-?\s*{_CLOCK}")
_RATES: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "commission": (
        re.compile(rf"(?:commissions?|fees?){_BETWEEN}{_VALUE}{_RATE}"),
        re.compile(rf"{_VALUE}{_RATE}\s*(?:commissions?|fees?)(?![a-z])"),
    ),
    "slippage": (
        re.compile(rf"slippage{_BETWEEN}{_VALUE}{_RATE}"),
        re.compile(rf"{_VALUE}{_RATE}\s*slippage(?![a-z])"),
    ),
    "zigzag_threshold": (
        re.compile(rf"zig[-\s]?zag(?:\s+labels?)?(?:\s+threshold)?{_BETWEEN}{_VALUE}\s*(?P<unit>%|percent|pct)"),
        re.compile(rf"{_VALUE}\s*(?P<unit>%|percent|pct)\s*zig[-\s]?zag(?:\s+labels?)?(?![a-z])"),
    ),
    "confidence": (
        re.compile(rf"confidence(?:\s+threshold|\s+level)?(?:{_BETWEEN}|above|over|least|>)*{_VALUE}{_RATE}"),
    ),
    "volatility_target": (
        re.compile(rf"(?:vol(?:atility)?)[-\s]+target(?:ing)?{_BETWEEN}{_VALUE}\s*(?P<unit>%|percent|pct)"),
        re.compile(
            rf"target(?:ing)?\s+(?:an?\s+)?(?:annual\s+)?vol(?:atility)?{_BETWEEN}{_VALUE}\s*(?P<unit>%|percent|pct)"
        ),
        re.compile(rf"{_VALUE}\s*(?P<unit>%|percent|pct)\s+(?:annual\s+)?vol(?:atility)?[-\s]+target(?![a-z])"),
    ),
    "dropout": (re.compile(rf"dropout{_BETWEEN}{_VALUE}{_RATE}"),),
    "position": (
        re.compile(rf"position\s+siz(?:e|ing){_BETWEEN}{_VALUE}\s*(?P<unit>%|percent|pct)"),
        re.compile(rf"{_VALUE}\s*(?P<unit>%|percent|pct)\s+position\s+siz(?:e|es|ing)(?![a-z])"),
        re.compile(
            rf"{_VALUE}\s*(?P<unit>%|percent|pct)\s+of\s+(?:the\s+|my\s+)?(?:equity|capital|account|cash|portfolio)"
            r"(?:\s+(?:per|a|in\s+each)\s+trade)?"
        ),
    ),
}
_COUNTS: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "epochs": (re.compile(rf"{_VALUE}\s+epochs?(?![a-z])"), re.compile(rf"epochs?{_BETWEEN}{_VALUE}")),
    "batch_size": (re.compile(rf"batch(?:es)?(?:[-\s]+sizes?)?{_BETWEEN}{_VALUE}"),),
    "learning_rate": (
        re.compile(rf"(?:learning[-\s]+rate|lr){_BETWEEN}(?P<value>\d{{1,9}}(?:\.\d{{1,9}})?(?:e-?\d)?)"),
    ),
    "leverage": (
        re.compile(rf"leverage{_BETWEEN}(?:up\s+to\s+)?(?:1\s*:\s*)?{_VALUE}\s*x?(?![a-z0-9:])"),
        re.compile(rf"1\s*:\s*{_VALUE}\s+leverage(?![a-z])"),
        re.compile(rf"{_VALUE}\s*(?:x|:\s*1|times)\s*leverage(?![a-z])"),
    ),
    "horizon": (
        re.compile(rf"horizon{_BETWEEN}{_VALUE}\s*-?\s*(?:bars?|candles?|periods?)"),
        re.compile(rf"{_VALUE}[-\s]*(?:bars?|candles?|periods?)(?:\s+ahead|[-\s]+horizon)(?![a-z])"),
        re.compile(rf"next\s+{_VALUE}\s+(?:bars?|candles?)(?![a-z])"),
    ),
}
_RISK = re.compile(rf"risk(?:ing)?{_BETWEEN}{_VALUE}\s*(?:%|percent|pct)|{_VALUE.replace('value', 'v')}\s*%\s+risk")
_DIRECTIONS: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "long_only": (
        re.compile(
            r"(?:longs?[-\s]+(?:positions?\s+|trades?\s+|side\s+)?only|only\s+(?:go\s+|take\s+|be\s+|trade\s+)?longs?(?!er)"
            r"|buys?[-\s]+only|only\s+buys?|(?:no|never|without|not?\s+allow(?:ing)?|do\s+not|don't|avoid|exclude)\s+(?:any\s+"
            r"|go\s+|going\s+|take\s+|taking\s+|allow\s+|use\s+|open\s+)*(?:short|shorts|shorting|short[-\s]+selling"
            r"|short[-\s]+(?:positions?|trades?|sales?)|sell\s+short))(?![a-z-])(?!\s+term)"
        ),
    ),
    "short_only": (
        re.compile(
            r"(?:shorts?[-\s]+(?:positions?\s+|side\s+)?only|only\s+(?:go\s+|take\s+)?shorts?(?!er)|sell[-\s]+only"
            r"|(?:no|never|without)\s+(?:go\s+|going\s+|any\s+)?longs?)(?![a-z-])(?!\s+term)"
        ),
    ),
    "both_ways": (
        re.compile(
            r"(?:longs?\s*(?:and|or|/|&|\+)\s*shorts?|long[-/]short|shorts?\s+and\s+longs?|both\s+(?:directions|sides|ways)"
            r"|short\s+selling\s+(?:is\s+)?(?:allowed|ok)|allow\s+shorts?(?:ing)?|also\s+shorts?)(?![a-z])"
        ),
    ),
    "single_frame": (re.compile(r"(?:single|one)[-\s]+time[-\s]*frame(?![a-z])"),),
    "multi_frame": (
        re.compile(
            r"(?:multi(?:ple)?[-\s]*time[-\s]*frames?|mtf|several\s+time[-\s]*frames|multiple\s+time[-\s]*frames"
            r"|two\s+time[-\s]*frames|three\s+time[-\s]*frames)(?![a-z])"
        ),
    ),
}
_COUNT = r"(?P<value>\d{1,4}|" + "|".join(NUMBER_WORDS) + ")"
_TRADES = r"(?:trades?|entries|entry|signals?|positions?|orders?|exits?)"
_PER = re.compile(
    rf"(?:{MOST}\s+)?{_COUNT}\s+(?:\w+\s+)?{_TRADES}\s*(?:/|\b(?:per|a|an|each|every|in\s+a)\b)\s*"
    r"(?P<unit>hour|day|week|month)(?![a-z])"
)
_APART = (
    re.compile(
        rf"(?:(?:at\s+least|min(?:imum|\.)?(?:\s+of)?|wait|leave|keep)\s+)*{_VALUE}\s*-?\s*{_CLOCK}\s+(?:pass\s+|in\s+)?"
        rf"(?:apart(?![a-z])|between\s+(?:(?:two|any|the|each|consecutive|its)\s+)*{_TRADES}(?![a-z]))"
    ),
    re.compile(
        r"(?:(?:cool[-\s]*downs?|pauses?|waiting)(?:\s+(?:period|time))?|wait)"
        rf"{_BETWEEN}(?:at\s+least\s+)?{_VALUE}\s*-?\s*{_CLOCK}"
        r"(?:\s+(?:after|between|before)\s+(?:(?:a|an|the|each|every|any|last|losing|next)\s+)*"
        rf"(?:{_TRADES}|loss(?:es)?)(?![a-z]))?"
    ),
    re.compile(rf"{_VALUE}\s*-?\s*{_CLOCK}\s*-?\s*(?:cool[-\s]*downs?|pauses?)(?![a-z])"),
)
_SECONDS_OF_MONTH = 31 * SECONDS_PER_UNIT["d"]
_ONE_POSITION = re.compile(
    rf"(?:{MOST}\s+)?(?:one|1|a\s+single)\s+(?:open\s+)?(?:positions?|trades?)"
    r"(?:\s+(?:open\s+)?at\s+(?:a|any|the\s+same|one)\s+time|\s+at\s+once|\s+open)"
)
_NO_RISK = "no sizing depends on the distance of a stop: say a position size in % of equity"


def read_rule(text: str, at: int) -> Part | None:
    """Returns the rule that begins at a place of the text; None where there is none.

    >>> read_rule("stop loss of 2%", 0).value
    Rule(name='stop_loss', value=0.02, unit='rate', fault='')
    >>> read_rule("3 atr take profit", 0).value
    Rule(name='take_profit', value=3.0, unit='atr', fault='')
    """
    for found, rule in _candidates(text, at):
        return Part(PartKind.RULE, found.start(), found.end(), found[0].strip(), rule)
    return None


def _candidates(text: str, at: int) -> Iterator[tuple[re.Match[str], Rule]]:
    """Yields the rules that fit; a rule with a number comes before the bare word."""
    yield from _first({"separation": _APART}, text, at, _clock)
    yield from _first({"separation": (_PER,)}, text, at, lambda name, found: _most_trades(found))
    yield from _first({"one_position": (_ONE_POSITION,)}, text, at, lambda name, found: Rule(name))
    if found := read_absent(text, at):
        yield found.match, Rule(found.name, fault=found.fault)
    yield from _first(_DIRECTIONS, text, at, lambda name, found: Rule(name))
    yield from _first({"max_holding": (_HOLDING,)}, text, at, _clock)
    yield from _first(_LEVELS, text, at, _level)
    yield from _first({"risk": (_RISK,)}, text, at, lambda name, found: Rule(name, fault=_NO_RISK))
    yield from _first(_RATES, text, at, lambda name, found: Rule(name, _rate(found["value"], found["unit"]), "rate"))
    yield from _first(_COUNTS, text, at, lambda name, found: Rule(name, float(found["value"])))
    yield from _first(_BARE_LEVELS, text, at, lambda name, found: Rule(name))


def _first(
    table: Mapping[str, tuple[re.Pattern[str], ...]], text: str, at: int, rule: Callable[[str, re.Match[str]], Rule]
) -> Iterator[tuple[re.Match[str], Rule]]:
    for name, patterns in table.items():
        for pattern in patterns:
            if found := pattern.match(text, at):
                yield found, rule(name, found)


def _level(name: str, found: re.Match[str]) -> Rule:
    unit = found["unit"].strip()
    value = float(found["value"])
    if unit.endswith(("atr", "atrs", "range", "ranges")):
        return Rule(name, value, "atr")
    if unit in ("%", "percent", "pct") or unit.startswith(("bp", "basis")):
        return Rule(name, _rate(found["value"], unit), "rate")
    return Rule(name, fault="a distance is a percentage of the price or a multiple of ATR, as in 2% or 1.5 ATR")


def _clock(name: str, found: re.Match[str]) -> Rule:
    """Returns a rule of bars or seconds."""
    unit = found["unit"]
    if unit.startswith(("bar", "candle", "period")):
        return Rule(name, float(found["value"]), "bars")
    return Rule(name, float(found["value"]) * SECONDS_PER_UNIT[unit[0]], "seconds")


def _most_trades(found: re.Match[str]) -> Rule:
    """Returns the time between two trades that leaves so many in a period."""
    count = NUMBER_WORDS.get(found["value"]) or int(found["value"])
    if count == 0:
        return Rule("separation", fault="a strategy without trades has no result")
    unit = found["unit"]
    seconds = _SECONDS_OF_MONTH if unit == "month" else SECONDS_PER_UNIT[unit[0]]
    return Rule("separation", seconds / count, "seconds")


def _rate(number: str, unit: str | None) -> float:
    """Returns a share; a number without a unit is one already, unless it is above 1, which means percent."""
    value = float(number)
    if unit and unit.startswith(("bp", "basis")):
        return value / 10_000
    percent = unit is not None or value > 1
    return round(value / 100, 10) if percent else value
