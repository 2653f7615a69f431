"""The layout of a text file: where its rows begin, how cells are parted, what the columns are called."""

from __future__ import annotations

import csv
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from ktrdr.data.headings import field_of
from ktrdr.errors import ArgumentInvalid

_SEPARATORS = "\t;|,"
_SAMPLE_LINES = 60
_MOST_HEADS = 4
_NUMBER = re.compile(r"[$€£]?[+-]?\d[\d.,]*")
_DATED = re.compile(r"\d{1,4}[-/. ]?(\d{1,2}|[A-Za-z]{3,9})[-/. ]?\d{2,4}.*")


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of a text file; ``skip`` counts the lines above its first row. A name may occur twice."""

    separator: str
    skip: int
    names: list[Hashable]
    sample: list[list[str]]


def layout_of(text: str, skip_lines: int) -> Layout | None:
    """Returns the layout of a file from its beginning, or None where no row is there.

    Lines above the head are passed over: ``skip_lines`` of them, then blank ones, comments, and lines with fewer
    cells than the rows. ``sep=;`` names the separator.
    """
    if skip_lines < 0:
        raise ArgumentInvalid("cannot be negative", where="skip-lines", found=skip_lines)
    numbered = [(at, line) for at, line in enumerate(text.splitlines()) if at >= skip_lines and line.strip()]
    said = re.fullmatch(r'"?sep=(.)"?', numbered[0][1].strip()) if numbered else None
    numbered = [(at, line) for at, line in numbered if not _is_comment(line)][: _SAMPLE_LINES + _MOST_HEADS]
    if not numbered:
        return None
    separator = said[1] if said else _separator([line for _, line in numbered])
    rows = [(at, _cells(line, separator)) for at, line in numbered]
    width = sorted(len(cells) for _, cells in rows)[len(rows) // 2]
    while len(rows) > 1 and sum(map(bool, rows[0][1])) < min(width, 4) and not _begins_a_row(rows[0][1]):
        rows = rows[1:]
    heads = _heads([cells for _, cells in rows])
    sample = [cells for _, cells in rows[heads:]]
    if not sample:
        return None
    names = _names([cells for _, cells in rows[:heads]], sample)
    return Layout(separator, rows[heads][0], names, sample)


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#") or re.fullmatch(r'"?sep=."?', line.strip()) is not None


def _separator(lines: Sequence[str]) -> str:
    """Returns the mark that parts every row into the most cells."""
    counts = {}
    for mark in _SEPARATORS:
        widths = sorted(len(_cells(line, mark)) for line in lines)
        counts[mark] = widths[len(widths) // 2]
    best = max(_SEPARATORS, key=lambda mark: counts[mark])
    if counts[best] < 5 and all(len(line.split()) >= 5 for line in lines[-3:]):
        return " "
    return best


def _cells(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]


def _heads(rows: Sequence[Sequence[str]]) -> int:
    """Returns how many lines stand above the first row of numbers."""
    for at, cells in enumerate(rows[:_MOST_HEADS]):
        if _is_row(cells):
            return at
    return 1


def _is_row(cells: Sequence[str]) -> bool:
    """Returns True for a line of which most cells hold numbers or dates."""
    filled = [cell for cell in cells if cell]
    numbers = [cell for cell in filled if _NUMBER.fullmatch(cell) or _DATED.fullmatch(cell)]
    return 2 * len(numbers) > len(filled) or _begins_a_row(cells)


def _begins_a_row(cells: Sequence[str]) -> bool:
    first = next((cell for cell in cells if cell), "")
    return len(cells) > 1 and bool(_DATED.fullmatch(first) or first.isdigit())


def _names(heads: Sequence[Sequence[str]], sample: Sequence[Sequence[str]]) -> list[Hashable]:
    width = max(len(cells) for cells in sample[:20])
    if not heads:
        return [f"column_{at + 1}" for at in range(width)]
    names = _levels(heads)
    if len(names) < width:
        if all(len(cells) == width and not cells[-1] for cells in sample[:20]) or len(names) + 1 < width:
            names += [""] * (width - len(names)) if len(names) + 1 == width else []
        elif field_of(str(names[0])) not in ("timestamp", "date", "time"):
            names = ["", *names]  # an index that the head does not count
    return [name or f"column_{at + 1}" for at, name in enumerate(names)]


def _levels(heads: Sequence[Sequence[str]]) -> list[Hashable]:
    """Returns the names of one line, or pairs of field and instrument from two; a line of one cell names the index."""
    index = next((cells[0] for cells in heads[1:] if cells and cells[0] and not any(cells[1:])), "")
    lines = [cells for cells in heads if any(cells[1:])]
    fields = max(lines, key=lambda cells: sum(field_of(cell) is not None for cell in cells[1:]), default=list(heads[0]))
    other = next((cells for cells in lines if cells is not fields), None)
    if other is None:
        return [index or fields[0], *fields[1:]]
    pairs = [(name, other[at] if at < len(other) else "") for at, name in enumerate(fields)]
    first = index or (fields[0] if field_of(fields[0]) in ("timestamp", "date") else "Date")
    return [first, *(pair if pair[1] else pair[0] for pair in pairs[1:])]
