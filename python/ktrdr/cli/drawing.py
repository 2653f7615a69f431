"""Lines and tables as a terminal shows them: no word is cut, and what needs attention has a colour."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from ktrdr.text import LEVELS

_UNLIMITED_WIDTH = 10_000
_PADDING = 3  # blanks between two columns; one more before the first and after the last
_COMMAND = re.compile(r"`[^`]*`|(?:\b[A-Z_]+=\S+ )?\bktrdr [^;,]*")
_KEPT = "\0"
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
    """Prints a table; on a terminal its longer cells are wrapped between words."""
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table as RichTable

    console = Console(highlight=False, markup=False)
    width = console.width if sys.stdout.isatty() else _UNLIMITED_WIDTH
    columns = list(zip(table.headings, *table.rows, strict=True))
    words = [max((cell_len(word) for cell in column for word in cell.split()), default=1) for column in columns]
    whole = [max((cell_len(line) for cell in column for line in cell.split("\n")), default=1) for column in columns]
    edges = 2 + _PADDING * (len(columns) - 1)
    widths = _fitting(words, whole, width - edges)
    # On a narrow terminal the lines overflow: a wrapped line can be copied, a word that was cut cannot.
    console.width = max(width, sum(widths) + edges)
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(table.headings))
    for heading, least in zip(table.headings, widths, strict=True):
        drawn.add_column(heading, width=least)
    for row in table.rows:
        drawn.add_row(*row)
    with console.capture() as drawing:
        console.print(drawn)
    print("\n".join(line.rstrip() for line in drawing.get().split("\n")), end="")


def draws_curves() -> bool:
    """Returns True where standard output is a terminal that has the characters of a curve in one line."""
    try:
        LEVELS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return sys.stdout.isatty()


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
