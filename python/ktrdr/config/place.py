"""Places in a configuration: the file, the line of every path, and errors that name both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ktrdr.config.notice import Notice
from ktrdr.errors import ConfigError
from ktrdr.text import one_line

KeyPath = tuple[str | int, ...]


def dotted(path: KeyPath) -> str:
    """Returns a path as a user writes it.

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
        """Returns the place of ``path`` inside this part."""
        return replace(self, root=self.root + path)

    @property
    def text(self) -> str:
        """Returns the dotted path of this part; empty for the whole file."""
        return dotted(self.root)

    def line(self, path: KeyPath = ()) -> int | None:
        """Returns the line of a path, or of the innermost written part around it."""
        full = self.root + path
        lines = (self.lines.get(full[:size]) for size in range(len(full), -1, -1))
        return next((line for line in lines if line is not None), None)

    def error(self, leaf: type[ConfigError], what: str, path: KeyPath = (), **facts: Any) -> ConfigError:
        """Returns an error of class ``leaf`` at ``path`` inside this part; ``facts``: found, expected, hint."""
        full = dotted(self.root + path)
        found = one_line(facts.pop("found", None))
        return leaf(what, where=self.where, line=self.line(path), path=full or None, found=found, **facts)

    def notice(self, code: str, what: str, path: KeyPath = ()) -> Notice:
        """Returns a warning about ``path`` inside this part; ``what`` is a sentence about it, without its subject."""
        return Notice(code, what, dotted(self.root + path), self.where, self.line(path))
