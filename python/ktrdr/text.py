"""Text of a user in messages: on one line, with the nearest valid name for a misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

_LONGEST_SHOWN = 80


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
