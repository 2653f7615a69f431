"""Text for people: a user's text on one line, the nearest valid name for a misspelt one, values and curves as words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

_LONGEST_SHOWN = 80
_MOST_NAMES = 10
LEVELS = "▁▂▃▄▅▆▇█"
"""Characters of a curve in one line, from its lowest to its highest value."""


def one_line(value: object) -> object:
    """Returns text as a message shows it, on one line of at most 80 characters; other values as they are.

    >>> print(one_line("two" + chr(10) + "lines"))
    'two\\nlines'
    >>> len(one_line("a" * 1_000))
    80
    """
    if not isinstance(value, str):
        return value
    shown = value if value.isprintable() else repr(value)
    return shown if len(shown) <= _LONGEST_SHOWN else shown[: _LONGEST_SHOWN - 3] + "..."


def repeated(names: Iterable[str]) -> str | None:
    """Returns the first name that has occurred before; None where all differ.

    >>> repeated(["open", "close", "open"])
    'open'
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def dates_text(start: object, end: object) -> str:
    """Returns two dates of a request as lists print them; empty where both are open.

    >>> dates_text("2024-01-01", None), dates_text("2024-01-01", "2024-02-01"), dates_text(None, None)
    ('from 2024-01-01', '2024-01-01 to 2024-02-01', '')
    """
    if start and end:
        return f"{start} to {end}"
    return f"from {start}" if start else f"to {end}" if end else ""


def nearest_names(word: object, known: Iterable[str], at_most: int = 3) -> list[str]:
    """Returns the known names closest to ``word``, best first, without regard to case.

    >>> nearest_names("EMA_", ["sma", "ema", "rsi"])
    ['ema']
    """
    by_lower = {name.lower(): name for name in known}
    return [by_lower[name] for name in difflib.get_close_matches(str(word).lower(), by_lower, n=at_most)]


def nearest(word: object, known: Iterable[str], shown: Mapping[str, str] | None = None) -> str:
    """Returns the hint that names the valid name closest to a misspelt one; empty where none is close.

    Args:
        word: the name as it was written.
        known: the valid names.
        shown: text that is shown in place of a name.

    >>> nearest("stop_los", ["take_profit", "stop_loss"])
    'did you mean stop_loss?'
    """
    found = nearest_names(word, known, at_most=1)
    return f"did you mean {(shown or {}).get(found[0], found[0])}?" if found else ""


def some_of(names: Iterable[str], near: object = "") -> str:
    """Returns names as an error shows them: ten, those closest to ``near`` before all, and how many others there are.

    >>> some_of(["AAPL", "EURUSD"], near="EURUS"), some_of([])
    ('EURUSD, AAPL', 'none')
    >>> some_of(str(number) for number in range(12))
    '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more'
    """
    given = list(names)
    alike = nearest_names(near, given) if near else []
    ordered = [*alike, *(name for name in given if name not in alike)]
    more = f" and {len(ordered) - _MOST_NAMES} more" if len(ordered) > _MOST_NAMES else ""
    return (", ".join(ordered[:_MOST_NAMES]) or "none") + more


def counted(count: int, word: str) -> str:
    """Returns a count with its word, which gets an s but for one.

    >>> counted(1, "gap"), counted(1_200, "bar")
    ('1 gap', '1,200 bars')
    """
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def rule_text(value: object) -> str:
    """Returns a value of a rule as words; a mapping without its braces, None as ``none``.

    >>> rule_text({"kind": "percent", "rate": 0.0001}), rule_text(None)
    ('percent rate 0.0001', 'none')
    """
    if isinstance(value, Mapping):
        kind = [str(value["kind"])] if "kind" in value else []
        return " ".join([*kind, *(f"{name} {rule_text(item)}" for name, item in value.items() if name != "kind")])
    if isinstance(value, float):
        return f"{value:.12f}".rstrip("0").rstrip(".")
    return "none" if value is None else str(value)


def sparkline(values: Sequence[float], width: int) -> str:
    """Returns a curve of one line, from its lowest to its highest value.

    Args:
        values: at least one; neighbours are averaged where there are more than characters.
        width: the most characters.

    >>> sparkline([4.0, 3.0, 2.0, 1.0], 8), sparkline([4.0, 4.0, 1.0, 1.0], 2), sparkline([2.0], 9)
    ('█▆▃▁', '█▁', '▁')
    """
    count = min(width, len(values))
    bounds = [place * len(values) // count for place in range(count + 1)]
    means = [sum(values[low:high]) / (high - low) for low, high in pairwise(bounds)]
    lowest = min(means)
    reach = max(means) - lowest or 1.0
    return "".join(LEVELS[min(len(LEVELS) - 1, int((mean - lowest) / reach * len(LEVELS)))] for mean in means)


def bar(share: float, width: int) -> str:
    """Returns a bar that takes a share of the width; a share above 0 is never invisible.

    >>> bar(0.5, 4), bar(0.001, 4), bar(0.0, 4)
    ('██', '█', '')
    """
    return "█" * (max(1, round(share * width)) if share > 0 else 0)
