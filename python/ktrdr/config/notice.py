"""Warnings about a configuration that is valid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NO_EFFECT = "config_no_effect"
"""Code of a warning about a known key that changes nothing in this file."""


@dataclass(frozen=True)
class Notice:
    """A warning: its stable code, a sentence about a key, and the place of that key.

    >>> print(Notice("config_no_effect", "has no effect", "scope", "my.yaml", 3))
    scope has no effect
    >>> Notice("config_no_effect", "has no effect", "scope", "my.yaml", 3).placed
    'my.yaml:3: scope has no effect'
    """

    code: str
    what: str
    path: str
    where: str = ""
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.path} {self.what}"

    @property
    def placed(self) -> str:
        """Returns the sentence after file and line."""
        return f"{self.where}:{self.line}: {self}" if self.line is not None else f"{self.where}: {self}"

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON-ready form."""
        line = {} if self.line is None else {"line": self.line}
        return {"code": self.code, "message": str(self), "where": self.where, **line, "path": self.path}
