"""Markdown of generated text: tables, code, and cells that keep their signs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SIGNS = str.maketrans({"|": "\\|", "<": "&lt;", "*": "\\*", "_": "\\_", "[": "\\[", "]": "\\]", "\n": " "})


def plain(text: object) -> str:
    """Returns text that Markdown shows as it is; code between backticks stays code.

    >>> plain("a_b | `c_d`")
    'a\\\\_b \\\\| `c_d`'
    """
    pieces = re.split(r"(`+[^`]+`+)", str(text))
    return "".join(piece.replace("|", "\\|") if piece.startswith("`") else piece.translate(_SIGNS) for piece in pieces)


def code(text: object) -> str:
    """Returns text as code; nothing for nothing."""
    shown = str(text).replace("|", "\\|")
    return f"`{shown}`" if shown else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table; cells are Markdown already. Nothing without rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *lines]) + "\n"


def html(text: str) -> str:
    """Returns a block of HTML that Markdown leaves alone."""
    return f"```{{raw}} html\n{text}\n```\n"
