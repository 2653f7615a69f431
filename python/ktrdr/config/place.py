"""Where a value was written: the file, the line of every path, and errors that say so."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ktrdr.errors import ConfigError

_SHOWN = 80

KeyPath = tuple[str | int, ...]


def dotted(path: KeyPath) -> str:
    """A path as a user writes it.

    >>> dotted(("nn_inputs", 0, "fuzzy_set"))
    'nn_inputs[0].fuzzy_set'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{one_line(part)}" if text else str(one_line(part))
    return text


def one_line(value: object) -> object:
    """Text of a user as a message can show it: on one line and not endless; other values as they are.

    >>> print(one_line("two" + chr(10) + "lines"))
    'two\\nlines'
    >>> len(one_line("a" * 1_000))
    80
    """
    if not isinstance(value, str):
        return value
    shown = value if value.isprintable() else repr(value)
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 3] + "..."


def nearest(word: object, known: Iterable[str], shown: Mapping[str, str] | None = None) -> str:
    """The hint that names the valid name closest to a misspelt one; empty where none is close.

    ``shown`` gives the text that stands for a name.

    >>> nearest("stop_los", ["take_profit", "stop_loss"])
    'did you mean stop_loss?'
    """
    by_lower = {name.lower(): (shown or {}).get(name, name) for name in known}
    close = difflib.get_close_matches(str(word).lower(), by_lower, n=1)
    return f"did you mean {by_lower[close[0]]}?" if close else ""


@dataclass(frozen=True)
class Place:
    """One part of a configuration: ``root`` inside the file ``where``, with the line of each path."""

    where: str = ""
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    root: KeyPath = ()

    def at(self, *path: str | int) -> Place:
        """The place of something inside this part."""
        return replace(self, root=self.root + path)

    @property
    def text(self) -> str:
        """The dotted path of this part; empty for the whole file."""
        return dotted(self.root)

    def line(self, path: KeyPath = ()) -> int | None:
        """The line of a path, or of the innermost part around it that was written."""
        full = self.root + path
        lines = (self.lines.get(full[:size]) for size in range(len(full), -1, -1))
        return next((line for line in lines if line is not None), None)

    def error(self, leaf: type[ConfigError], what: str, path: KeyPath = (), **facts: Any) -> ConfigError:
        """An error of class ``leaf`` at ``path`` inside this part; ``facts``: found, expected, hint."""
        full = dotted(self.root + path)
        found = one_line(facts.pop("found", None))
        return leaf(what, where=self.where, line=self.line(path), path=full or None, found=found, **facts)
