"""Comparison of completed runs: metrics and equity side by side, and the inputs in which they differ."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from ktrdr.analysis.comparison import daily_correlations, equity_by_month
from ktrdr.analysis.side_by_side import LEAST, MOST, SideBySide, best_of, side_by_side
from ktrdr.cli.output import CommandResult, Table
from ktrdr.cli.runs.listing import terminal_width, wrapped
from ktrdr.errors import UsageError
from ktrdr.operations.store.store import Store
from ktrdr.simulation.metrics import label, names_by_kind, value_text
from ktrdr.simulation.result import RunResult
from ktrdr.text import rule_text

_DIGITS = 4
_BEST = " *"


def compare(store: Store, references: Sequence[str]) -> CommandResult:
    """Returns differing inputs, metrics and equity of two or more completed operations of one kind.

    Raises:
        UsageError: fewer than two operations, more than eight, or one of them twice.
        ArgumentInvalid: operations of several kinds.
        NotCompleted: one of them has no result yet.
    """
    if not LEAST <= len(references) <= MOST:
        raise UsageError("compares two to eight runs", found=len(references), expected="ktrdr backtest compare ID ID")
    names = [store.find_id(reference) for reference in references]
    if len(set(names)) < len(names):
        raise UsageError("the same run twice", found=" ".join(references))
    found = side_by_side(store, names)
    data = {
        "operations": [
            {"operation_id": operation.id, "title": title, "note": operation.note, "result_hash": result.result_hash}
            for operation, title, result in zip(found.operations, found.titles, found.results, strict=True)
        ],
        "differences": found.differing,
        "metrics": {name: {"values": row, "best": best_of(name, row)} for name, row in found.metrics.items()},
    }
    if (curves := found.curves) is None:
        return CommandResult(data, _shown(found))
    over_time, tables = _over_time(curves)
    return CommandResult({**data, **over_time}, [*_shown(found), *tables])


def _shown(found: SideBySide) -> list[str | Table]:
    letters = ascii_uppercase[: len(found.operations)]
    width = terminal_width()
    lines: list[str] = []
    for letter, operation, title in zip(letters, found.operations, found.titles, strict=True):
        note = f", note: {operation.note}" if operation.note else ""
        line = f"{letter}  {operation.id}: {title}{note}"
        lines += [line] if width is None else wrapped(line, width)
    rules = [(name, *map(rule_text, row)) for name, row in found.differing.items()]
    table = [Table(("differs in", *letters), rows=rules)] if rules else []
    same = ["equal results"] if found.has_equal_results else []
    equal = [] if rules else ["equal inputs"]
    groups = names_by_kind(found.metrics)
    figures = [Table((kind, *letters), _figures(found, names)) for kind, names in groups.items()]
    return [*lines, *equal, *table, *figures, *same, f"{_BEST.strip()} the best value, where higher or lower is better"]


def _over_time(results: Sequence[RunResult]) -> tuple[dict[str, Any], list[str | Table]]:
    """Returns equity by month or year and the correlation of days, as data and as tables."""
    letters = ascii_uppercase[: len(results)]
    equity = equity_by_month(results)
    alike = daily_correlations(results)
    rows = [
        (str(period), *(value_text("final_equity", value) for value in values)) for period, *values in equity.rows()
    ]
    pairs = [
        (letter, *("-" if value is None else f"{value:.{_DIGITS - 1}f}" for value in row))
        for letter, row in zip(letters, alike, strict=True)
    ]
    data = {
        "equity": [{"period": period, "values": values} for period, *values in equity.rows()],
        "correlations": alike,
    }
    tables = [Table(("equity at the end of", *letters), rows), Table(("correlation of days", *letters), pairs)]
    return data, [*tables]


def _figures(found: SideBySide, names: Sequence[str]) -> list[tuple[str, ...]]:
    rows = []
    for name in names:
        values = found.metrics[name]
        best = best_of(name, values)
        cells = [
            value_text(name, value, reasons, digits=_DIGITS) + (_BEST if index in best else "")
            for index, (value, reasons) in enumerate(zip(values, found.undefined, strict=True))
        ]
        rows.append((label(name), *cells))
    return rows
