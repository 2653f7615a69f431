"""Rules that a brief may ask for and that no strategy can have, with the reason: hours, news, parts of a position."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MOST: Final = (
    r"(?:at\s+most|max(?:imum|\.)?(?:\s+of)?|no(?:t)?\s+more\s+than|never\s+more\s+than|up\s+to|only"
    r"|limit(?:ed)?(?:\s+it)?\s+to)"
)
"""Words before a greatest number."""
_NUMBER = r"\d{1,9}(?:\.\d{1,9})?"
_COUNT = r"(?:\d{1,4}|two|three|four|five|six|eight|ten)"
_EXCEPT = r"(?:(?:no|never|not|avoid(?:ing)?|skip|don't|do\s+not|without|except|only|just|exclude)\s+(?:\w+\s+){0,4}?)?"
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?(?![a-z])"
_SESSION = r"(?:london|new\s+york|ny|tokyo|sydney|asian?|european?|american?|us|regular|extended)"
_ZONE = r"(?:utc|gmt|est|edt|cet|et|(?:new\s+york|london|tokyo)(?:\s+time)?)"
_HOUR = rf"\d{{1,2}}(?::\d\d(?:\s*(?:am|pm))?|\s*(?:am|pm))(?![a-z0-9])(?:\s+{_ZONE}(?![a-z]))?"
_DISTANCE = r"(?:%|percent|pct|(?:x\s*)?(?:the\s+)?atrs?|r)(?![a-z0-9])"

_ABSENT: Mapping[str, tuple[str, str]] = {
    "weekday": (
        "no rule of a strategy knows days of the week",
        rf"{_EXCEPT}(?:(?:on|over|before)\s+)?(?:the\s+)?(?:{_DAY}|weekends?(?![a-z]))"
        rf"(?:\s*(?:,|and|or|&|to|-)\s*(?:on\s+)?{_DAY})*",
    ),
    "session": (
        "no rule of a strategy knows the time of day",
        rf"{_EXCEPT}(?:the\s+)?{_SESSION}\s+(?:trading\s+)?(?:sessions?|hours?|open|close|mornings?|afternoons?)(?![a-z])",
    ),
    "time of day": (
        "no rule of a strategy knows the time of day",
        rf"(?:(?:at|by|before|after|until|from|between)\s+)?{_HOUR}(?:\s*(?:-|to|and|until)\s*{_HOUR})?"
        r"(?!\s*(?:leverage|risk|reward))",
    ),
    "reward": (
        "no rule sets a target by the distance of the stop: give both, in % or ATR",
        rf"risk\s*(?:[:/-]|to|-to-)?\s*reward(?:\s+ratio)?(?:\s+of)?[\s:=]*{_NUMBER}(?:\s*:\s*{_NUMBER})?"
        rf"|{_NUMBER}\s*:\s*{_NUMBER}\s+(?:risk|reward)(?:\s*(?:[:/-]|to)?\s*reward)?(?:\s+ratio)?(?![a-z])",
    ),
    "end of day": (
        "no rule of a strategy knows the time of day: say how long a position is held at most",
        r"(?:no|never|not|avoid(?:ing)?|without|don't|do\s+not|flat)\s+(?:\w+\s+){0,3}?"
        r"over\s*night(?:\s+(?:positions?|trades?|risk))?(?![a-z])"
        r"|(?:clos(?:e|es|ing)|exit|exits|flat|out)\s+(?:\w+\s+){0,4}?(?:at|by|before)\s+(?:the\s+)?"
        r"(?:end\s+of\s+(?:the\s+|each\s+)?(?:day|session)|(?:market|session|day's)\s+close|close)(?![a-z])"
        r"|intraday\s+only(?![a-z])",
    ),
    "place of a stop": (
        "a stop is a percentage of the price or a multiple of ATR, as in 2% or 1.5 ATR",
        r"stops?(?:[-\s]*loss)?\s+(?:at|below|above|under|behind)\s+(?:the\s+)?(?:(?:last|previous|recent|prior)\s+)?"
        r"(?:swing\s+)?(?:lows?|highs?|swings?|structure|support|resistance|candles?|bars?)(?![a-z])",
    ),
    "several positions": (
        "a strategy holds one position of each symbol",
        rf"{MOST}\s+{_COUNT}\s+(?:(?:open|concurrent|simultaneous)\s+)*positions?(?![a-z])"
        r"(?:\s+at\s+(?:a|any|the\s+same)\s+time|\s+at\s+once)?"
        r"|hedg(?:e|es|ed|ing)(?![a-z])(?!\s+funds?)",
    ),
    "adding": (
        "a position is opened once, and nothing is added to it",
        r"(?:pyramid(?:ing|s)?|scal(?:e|es|ing)\s+in(?:to)?|averag(?:e|es|ing)\s+(?:down|in)|dollar[-\s]cost\s+averaging"
        r"|dca|(?:anti-?)?martingale|grid\s+(?:trading|strategy|bot|system))(?![a-z])(?:\s+allowed)?(?:\s+up\s+to\s+\d+)?",
    ),
    "parts": (
        "a position closes as a whole",
        r"(?:(?:take|taking)\s+)?(?:partial(?:s|ly)?(?:\s+(?:take[-\s]*)?(?:profits?|exits?|clos(?:e|es|ing)))?"
        rf"|scal(?:e|es|ing)\s+out|(?:take|close|sell)\s+half)(?![a-z])(?:\s+(?:at|of)\s+{_NUMBER}\s*{_DISTANCE})?",
    ),
    "breakeven": (
        "no rule moves a stop to the entry price; a trailing stop follows the best price",
        r"(?:mov(?:e|es|ing)\s+(?:the\s+)?stops?(?:[-\s]*loss)?\s+to\s+)?break[-\s]?even(?:\s+stops?)?(?![a-z])",
    ),
    "drawdown": (
        "no rule of a strategy watches the account's loss; paper trading has --daily-loss",
        r"(?:(?:max(?:imum|imal|\.)?|total|daily|keep|limit)\s+)*(?:draw[-\s]?downs?|daily\s+loss(?:es)?)"
        r"(?:\s+(?:limit|of|is|to|at|under|below|less|than|most|no|more|limited))*[\s:=<]*"
        rf"{_NUMBER}\s*(?:%|percent|pct)",
    ),
    "news": (
        "no calendar of news is stored",
        r"(?:avoid(?:ing)?|skip|no|not|never|don't|do\s+not|stop)\s+(?:trad\w*\s+|entr\w+\s+|positions?\s+)?"
        r"(?:(?:on|around|during|before|after|at)\s+)?(?:the\s+)?(?:(?:high[-\s]impact|major|economic)\s+)?"
        r"(?:news|nfp|fomc|earnings)(?![a-z])(?:\s+(?:events?|releases?|days?))?",
    ),
    "spread": (
        "a spread comes with the bars, or as execution.spread in units of price: say slippage in % of the price",
        rf"spreads?(?:\s+(?:of|is))?[\s:=]*{_NUMBER}\s*-?\s*(?:pips?|points?|ticks?|%|bps?)(?![a-z])"
        rf"|{_NUMBER}\s*-?\s*(?:pips?|points?|ticks?)\s+spreads?(?![a-z])",
    ),
    "several legs": (
        "a strategy trades each symbol by itself",
        r"(?:pairs?\s+trading|(?:statistical\s+|stat\s+)?arb(?:itrage)?)(?![a-z])",
    ),
}
_PATTERNS = {name: re.compile(pattern) for name, (_, pattern) in _ABSENT.items()}


@dataclass(frozen=True)
class Absent:
    """A rule that no strategy can have, the reason, and the place of its words."""

    name: str
    fault: str
    match: re.Match[str]


def read_absent(text: str, at: int) -> Absent | None:
    """Returns the absent rule that begins at a place of the text; None where there is none.

    >>> read_absent("no trades on friday", 0).fault
    'no rule of a strategy knows days of the week'
    >>> read_absent("no trades below 30", 0) is None
    True
    """
    for name, pattern in _PATTERNS.items():
        if found := pattern.match(text, at):
            return Absent(name, _ABSENT[name][0], found)
    return None
