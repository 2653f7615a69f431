"""Lists of operations: one row each where a row fits the width, else a short block of whole lines."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence

from rich.cells import cell_len

from ktrdr._types import JsonObject
from ktrdr.cli.output import Table
from ktrdr.simulation.metrics import label, value_text
from ktrdr.text import rule_text

_BETWEEN = 2
_INDENT = "  "
_FIGURE_DIGITS = 3
_COMMON_FIGURES = frozenset({"percentage", "bar", "total_bars", "bars_per_second", "eta"})


def listed(operations: Sequence[JsonObject], width: int | None) -> list[str | Table]:
    """Returns the parts that print operations: id, status, request, result, changed rules and note of each.

    A reader must be able to copy every word. So a row is never cut: where rows are wider than the terminal, each
    operation is a block of lines that break between words.

    Args:
        operations: views, as HTTP answers them.
        width: columns of the terminal; None for a program, which gets one row for each operation.
    """
    figures = _figure_names(operations)
    headings = ("operation", "status", "run", *map(label, figures), "changes", "note")
    rows = [_row(operation, figures) for operation in operations]
    columns = list(zip(headings, *rows, strict=True))
    kept = [index for index, column in enumerate(columns) if any(column[1:])]
    table = Table([headings[index] for index in kept], [[row[index] for index in kept] for row in rows])
    if width is None or _width(table) <= width:
        return [table]
    return ["\n".join(_block(operation, figures, width)) for operation in operations]


def terminal_width() -> int | None:
    """Returns the columns of the terminal; None where the output is read by a program."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def request_of(operation: JsonObject) -> str:
    """Returns title, dates, model and origin of an operation."""
    name = str((operation["request"] or {}).get("strategy"))
    model = operation["model_id"]
    forked = operation["forked_from"]
    parts = [
        operation["title"],
        operation["detail"],
        model and f"model {model.removeprefix(name + '/')}",
        forked and f"forked from {forked['operation']} at bar {forked['bar']}",
    ]
    return ", ".join(filter(None, parts))


def changes_of(operation: JsonObject) -> list[str]:
    """Returns one line for each rule that differs from the file's, such as ``execution.slippage.rate 0 (file 0.1)``."""
    return [
        f"{name} {rule_text(change['run'])} (file {rule_text(change['file'])})"
        for name, change in operation["changes"].items()
    ]


def share_of(operation: JsonObject) -> str:
    """Returns the progress of an operation in per cent; empty before its first report."""
    figures = operation["progress"] or {}
    return "" if figures.get("percentage") is None else f"{figures['percentage']:.0f} %"


def own_figures(figures: JsonObject) -> dict[str, float | int]:
    """Returns the figures that a kind adds to its progress, such as equity or losses."""
    return {
        name: value
        for name, value in figures.items()
        if name not in _COMMON_FIGURES and isinstance(value, int | float) and not isinstance(value, bool)
    }


def reasons_of(operation: JsonObject) -> list[str]:
    """Returns the reasons why an operation failed, or why no worker runs it."""
    if error := operation["error"]:
        return [f"{error['code']}: {error['message']}"]
    return [f"{name}: {reason}" if name else reason for name, reason in operation["waiting"].items()]


def _figure_names(operations: Sequence[JsonObject]) -> list[str]:
    return list(dict.fromkeys(name for operation in operations for name in operation["figures"]))


def _figures(operation: JsonObject, names: Sequence[str]) -> list[str]:
    found = operation["figures"]
    return [value_text(name, found[name], digits=_FIGURE_DIGITS) if name in found else "" for name in names]


def _state(operation: JsonObject) -> str:
    """Returns status, progress of one that has not completed, and the reason in a word; `show` has the sentence."""
    share = "" if operation["status"] == "completed" else share_of(operation)
    error = operation["error"]
    reason = str(error["code"]) if error else next(iter(reasons_of(operation)), "")
    return " ".join(filter(None, (operation["status"], share, reason)))


def _row(operation: JsonObject, figures: Sequence[str]) -> list[str]:
    return [
        operation["operation_id"],
        _state(operation),
        request_of(operation),
        *_figures(operation, figures),
        ", ".join(changes_of(operation)),
        operation["note"] or "",
    ]


def _width(table: Table) -> int:
    columns = zip(table.headings, *table.rows, strict=True)
    return sum(max(map(cell_len, column)) + _BETWEEN for column in columns)


def _block(operation: JsonObject, figures: Sequence[str], width: int) -> list[str]:
    """Returns the lines of one operation; the first one has id, status and result."""
    shown = zip(map(label, figures), _figures(operation, figures), strict=True)
    result = [f"{name} {value}" for name, value in shown if value]
    first = f"{operation['operation_id']}{_INDENT}{', '.join([_state(operation), *result])}"
    rest = [request_of(operation), *changes_of(operation), operation["note"] and f"note: {operation['note']}"]
    lines = wrapped(first, width)
    return [*lines, *(line for text in rest if text for line in wrapped(text, width, _INDENT))]


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Returns a text as lines that break between words; a word that is wider than the terminal stays whole.

    >>> wrapped("a walker of eleven words", 12, "  ")
    ['  a walker', '    of', '    eleven', '    words']
    """
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
