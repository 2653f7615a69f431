"""Comparison of completed runs: metrics and equity side by side, and the inputs in which they differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from ktrdr import _core
from ktrdr.analysis.comparison import daily_correlations, equity_by_month
from ktrdr.cli.output import CommandResult, Table
from ktrdr.cli.runs.listing import rule_text, terminal_width, wrapped
from ktrdr.errors import ArgumentInvalid, UsageError
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Operation
from ktrdr.operations.store.store import Store
from ktrdr.simulation.metrics import label, names_by_kind, value_text
from ktrdr.simulation.result import RunResult

_LEAST = 2
_MOST = 8
_DIGITS = 4
_BEST = " *"


def compare(store: Store, references: Sequence[str]) -> CommandResult:
    """Returns differing inputs, metrics and equity of two or more completed operations of one kind.

    Raises:
        UsageError: fewer than two operations, more than eight, or one of them twice.
        ArgumentInvalid: operations of several kinds.
        NotCompleted: one of them has no result yet.
    """
    if not _LEAST <= len(references) <= _MOST:
        raise UsageError("compares two to eight runs", found=len(references), expected="ktrdr backtest compare ID ID")
    operations = [store.get(store.find_id(reference)) for reference in references]
    if len({operation.id for operation in operations}) < len(operations):
        raise UsageError("the same run twice", found=" ".join(references))
    if len(kinds := {operation.kind for operation in operations}) > 1:
        raise ArgumentInvalid("runs of several kinds", where="ID", found=", ".join(sorted(kinds)))
    kind = kind_of(operations[0].kind)
    results = [kind.result(store, operation.id) for operation in operations]
    given = [kind.inputs(operation.spec, result) for operation, result in zip(operations, results, strict=True)]
    metrics = [_numbers(result.summary.get("metrics", kind.figures(result.summary))) for result in results]
    undefined = [result.summary.get("undefined", {}) for result in results]
    titles = [kind.headline(result.manifest) for result in results]
    differing = differences(given)
    hashes = [result.result_hash for result in results]
    data = {
        "operations": [
            {"operation_id": operation.id, "title": title, "note": operation.note, "result_hash": result_hash}
            for operation, title, result_hash in zip(operations, titles, hashes, strict=True)
        ],
        "differences": differing,
        "metrics": {name: {"values": row, "best": best_of(name, row)} for name, row in _rows(metrics).items()},
    }
    shown = _shown(operations, titles, hashes, differing, metrics, undefined)
    curves = [result for result in results if isinstance(result, RunResult)]
    if len(curves) < len(results):
        return CommandResult(data, shown)
    over_time, tables = _over_time(curves)
    return CommandResult({**data, **over_time}, [*shown, *tables])


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float | int | None]:
    """Returns the metrics that can be ranked; a training's count of rows by split is none."""
    return {name: value for name, value in metrics.items() if not isinstance(value, Mapping)}


def differences(given: Sequence[Mapping[str, object]]) -> dict[str, list[Any]]:
    """Returns the inputs that are not equal everywhere, by name, with the value of each run; None where it has none.

    >>> differences([{"threads": 2, "symbol": "A"}, {"threads": 2, "symbol": "B"}])
    {'symbol': ['A', 'B']}
    """
    rows = _rows(given)
    return {name: row for name, row in rows.items() if any(_text(value) != _text(row[0]) for value in row)}


def best_of(name: str, values: Sequence[float | None]) -> list[int]:
    """Returns the positions of the best values of a metric; none where it only describes, or where all are equal.

    >>> best_of("sharpe", [0.5, None, 1.0]), best_of("max_drawdown", [0.1, 0.2]), best_of("exposure", [0.1, 0.2])
    ([2], [0], [])
    """
    better = _core.METRICS[name]["better"] if name in _core.METRICS else "none"
    known = [value for value in values if value is not None]
    if better == "none" or len(set(known)) < _LEAST:
        return []
    best = max(known) if better == "higher" else min(known)
    return [index for index, value in enumerate(values) if value == best]


def _rows(columns: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for column in columns for name in column)
    return {name: [column.get(name) for column in columns] for name in names}


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _shown(
    operations: Sequence[Operation],
    titles: Sequence[str],
    hashes: Sequence[str],
    differing: Mapping[str, list[Any]],
    metrics: Sequence[Mapping[str, float | None]],
    undefined: Sequence[Mapping[str, str]],
) -> list[str | Table]:
    letters = ascii_uppercase[: len(operations)]
    width = terminal_width()
    lines: list[str] = []
    for letter, operation, title in zip(letters, operations, titles, strict=True):
        note = f", note: {operation.note}" if operation.note else ""
        line = f"{letter}  {operation.id}: {title}{note}"
        lines += [line] if width is None else wrapped(line, width)
    rules = [(name, *map(rule_text, row)) for name, row in differing.items()]
    table = [Table(("differs in", *letters), rows=rules)] if rules else []
    same = ["equal results"] if len(set(hashes)) == 1 else []
    equal = [] if rules else ["equal inputs"]
    figures = [Table((kind, *letters), _figures(names, metrics, undefined)) for kind, names in _groups(metrics)]
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


def _groups(metrics: Sequence[Mapping[str, float | None]]) -> list[tuple[str, list[str]]]:
    return list(names_by_kind(_rows(metrics)).items())


def _figures(
    names: Sequence[str], metrics: Sequence[Mapping[str, float | None]], undefined: Sequence[Mapping[str, str]]
) -> list[tuple[str, ...]]:
    rows = []
    for name in names:
        values = [column.get(name) for column in metrics]
        best = best_of(name, values)
        cells = [
            value_text(name, value, reasons, digits=_DIGITS) + (_BEST if index in best else "")
            for index, (value, reasons) in enumerate(zip(values, undefined, strict=True))
        ]
        rows.append((label(name), *cells))
    return rows
