"""Where a value was written: the file, the line of every path, and errors that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ktrdr.errors import ConfigError
from ktrdr.text import one_line

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
