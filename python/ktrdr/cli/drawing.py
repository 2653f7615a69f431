"""Lines and tables as a terminal shows them: no word is cut, and what needs attention has a colour."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TextIO

from rich.cells import cell_len

from ktrdr.text import LEVELS

_UNLIMITED_WIDTH = 10_000
_PADDING = 3  # blanks between two columns; one more before the first and after the last
_COMMAND = re.compile(r"`[^`]*`|(?:\b[A-Z_]+=\S+ )?\bktrdr [^;,]*")
_KEPT = "\0"
_WORD = re.compile(r"\s*\S+\s*")
_COLOURS = {"warning": "yellow", "missing": "yellow", "problem": "red"}


@dataclass(frozen=True)
class Table:
    """Rows under headings; every cell is text already."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def draw_line(line: str, stream: TextIO | None = None, *, colour: str | None = None) -> None:
    """Prints a line. A terminal shows it wrapped between words, its first word in colour where it is a warning.

    Args:
        line: the text.
        stream: standard output by default.
        colour: the colour of the text before the first colon, where the line does not say it by itself.
    """
    out = stream or sys.stdout
    if not out.isatty():
        print(line, file=out, flush=out is sys.stderr)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=out, highlight=False)
    head, colon, _ = line.partition(":")
    text = Text(_wrapped(line, console.width))
    if colon and (style := colour or _COLOURS.get(head)):
        text.stylize(style, 0, len(head) + 1)
    # The console only colours: its own wrapping would also break a command that a person wants to copy.
    console.print(text, soft_wrap=True)
    out.flush()


def draw_table(table: Table) -> None:
    """Prints a table; on a terminal its headings are bold, and longer cells are wrapped between words."""
    if not sys.stdout.isatty():
        # A pipe needs none of rich's colours, and rich's tables take longer to import than a month to trade.
        head, body = table_lines(table, _UNLIMITED_WIDTH)
        print(*head, *body, sep="\n")
        return
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    head, body = table_lines(table, console.width)
    console.print("\n".join(head), style="bold", soft_wrap=True)
    print(*body, sep="\n")


def table_lines(table: Table, room: int) -> tuple[list[str], list[str]]:
    """Returns a table as lines, those with its headings and those below them, for a width of ``room`` characters.

    On a narrow terminal the lines overflow: a wrapped line can be copied, a word that was cut cannot.

    >>> table_lines(Table(("name", "trades"), [("a", "12")]), 80)
    (['', ' name   trades'], [' ─────────────', ' a      12', ''])
    """
    columns = list(zip(table.headings, *table.rows, strict=True))
    words = [max((cell_len(word) for cell in column for word in cell.split()), default=1) for column in columns]
    whole = [max((cell_len(line) for cell in column for line in cell.split("\n")), default=1) for column in columns]
    edges = 2 + _PADDING * (len(columns) - 1)
    widths = _fitting(words, whole, room - edges)
    body = [line for row in table.rows for line in _row_lines(row, widths)]
    if not any(table.headings):
        return [""], [*body, ""]
    rule = " " + _rule_mark() * (sum(widths) + edges - 2)
    return ["", *_row_lines(table.headings, widths)], [rule, *body, ""]


def _row_lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Returns the lines of a row, as many as its highest cell has."""
    cells = [_cell_lines(cell, width) for cell, width in zip(row, widths, strict=True)]
    blanks = " " * _PADDING
    lines = []
    for parts in zip_longest(*cells, fillvalue=""):
        padded = (part + " " * (width - cell_len(part)) for part, width in zip(parts, widths, strict=True))
        lines.append(f" {blanks.join(padded)}".rstrip())
    return lines


def _cell_lines(cell: str, width: int) -> list[str]:
    """Returns a cell's lines, broken between words where they are wider than its column."""
    lines = []
    for line in cell.split("\n"):
        begun = ""
        for word in _WORD.findall(line):
            if begun and cell_len(begun + word.rstrip()) > width:
                lines.append(begun.rstrip())
                begun = ""
            begun += word
        lines.append(begun.rstrip())
    return lines


def _rule_mark() -> str:
    """Returns the character of the line below headings; another where standard output does not have it."""
    return "─" if _has("─") else "-"


def draws_curves() -> bool:
    """Returns True where standard output is a terminal that has the characters of a curve in one line."""
    return sys.stdout.isatty() and _has(LEVELS)


def _has(characters: str) -> bool:
    """Returns True where standard output can write these characters."""
    try:
        characters.encode(sys.stdout.encoding or "utf-8")  # a stream in memory has none, and takes every character
    except UnicodeEncodeError:
        return False
    return True


def _fitting(words: Sequence[int], whole: Sequence[int], room: int) -> list[int]:
    """Returns widths that share the room: the widest gives way first, and none below its longest word.

    >>> _fitting([10, 4], [10, 30], 20), _fitting([10, 12], [10, 30], 20)
    ([10, 10], [10, 12])
    """
    widths = list(whole)
    while sum(widths) > room:
        flexible = [index for index, least in enumerate(words) if widths[index] > least]
        if not flexible:
            break
        widths[max(flexible, key=widths.__getitem__)] -= 1
    return widths


def _wrapped(line: str, width: int) -> str:
    r"""Returns a line broken between words; a command stays in one piece, so that it can be copied.

    >>> _wrapped("to see it: ktrdr backtest show ID", 20)
    'to see it:\nktrdr backtest show ID'
    """
    if "\n" in line:
        return "\n".join(_wrapped(part, width) for part in line.split("\n"))
    kept = _COMMAND.sub(lambda found: found[0].replace(" ", _KEPT), line)
    parts = textwrap.wrap(kept, width, break_long_words=False, break_on_hyphens=False, replace_whitespace=False)
    return "\n".join(parts).replace(_KEPT, " ") if parts else line
