"""Report on a completed run: one object for programs, lines and tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

from ktrdr.cli.drawing import draws_curves
from ktrdr.cli.output import CommandResult, Table
from ktrdr.cli.runs.listing import terminal_width, wrapped
from ktrdr.operations.kind import Section, kind_of
from ktrdr.operations.models import Operation, Result
from ktrdr.operations.store.store import Store
from ktrdr.simulation.metrics import headline_names, label, names_by_kind, value_text
from ktrdr.text import sparkline

_CURVE_WIDTH = 72


def summary(store: Store, operation: Operation, result: Result) -> CommandResult:
    """Returns the answer about an operation that has just completed: its headline metrics and what to mind."""
    first: list[str | Table] = [*_headline(result), *_curve(store, operation)]
    return _report(operation.id, operation.kind, operation.note, result, first, ())


def summary_of(operation_id: str, kind: str, note: str | None, result: Result) -> CommandResult:
    """Returns the same about an operation that is known by its view alone, such as one of a worker."""
    return _report(operation_id, kind, note, result, list(_headline(result)), ())


def _headline(result: Result) -> Iterator[Table]:
    """Yields the headline metrics, two in a row, under the name of their group."""
    metrics = result.summary.get("metrics", {})
    undefined = result.summary.get("undefined", {})
    rows: list[tuple[str, ...]] = []
    for group, names in names_by_kind(name for name in headline_names() if name in metrics).items():
        cells = [(label(name), value_text(name, metrics[name], undefined)) for name in names]
        pairs = zip_longest(cells[::2], cells[1::2], fillvalue=("", ""))
        rows += [("" if place else group, *left, *right) for place, (left, right) in enumerate(pairs)]
    if rows:
        yield Table(("", "metric", "value", "metric", "value"), rows)


def _curve(store: Store, operation: Operation) -> Iterator[str]:
    """Yields the equity as a line of blocks, for a terminal alone: a program reads the ledger."""
    width = terminal_width()
    if width is None or not draws_curves():
        return
    frame = kind_of(operation.kind).equity(store, operation.id)
    if frame is None or frame.height < 2:
        return
    values = frame["equity"].to_list()
    words = f"equity {values[0]:,.2f} to {values[-1]:,.2f}, lowest {min(values):,.2f}, highest {max(values):,.2f}"
    yield from fitted([words])
    yield sparkline(values, min(width - 1, _CURVE_WIDTH))


def full_report(store: Store, operation: Operation, result: Result, more: Iterable[Section] = ()) -> CommandResult:
    """Returns the answer of `backtest show`: every section of the kind, and ``more`` after them."""
    parts = [*kind_of(operation.kind).sections(result), *more]
    return _report(operation.id, operation.kind, operation.note, result, list(_curve(store, operation)), parts)


def _report(
    operation_id: str,
    kind_name: str,
    note: str | None,
    result: Result,
    first: Sequence[str | Table],
    sections: Iterable[Section],
) -> CommandResult:
    kind = kind_of(kind_name)
    # Records such as blocks are read from the result itself; a run's one object stays small.
    figures = {name: value for name, value in result.summary.items() if name == "metrics" or isinstance(value, int)}
    after = kind.remarks(result)
    data: dict[str, Any] = {
        "operation_id": operation_id,
        "status": "completed",
        "result_hash": result.result_hash,
        "note": note,
        "warnings": list(result.warnings),
        **figures,
        **{section.name: section.data for section in (*after, *sections) if section.name},
    }
    lines = [kind.headline(result.manifest), *([f"note: {note}"] if note else [])]
    ends = [*(f"warning: {warning}" for warning in result.warnings), last_line(operation_id, result)]
    shown = [*fitted(lines), *first, *parts_of(sections), *parts_of(after), *fitted(ends)]
    return CommandResult(data, shown)


def parts_of(sections: Iterable[Section]) -> list[str | Table]:
    """Returns the lines and tables of sections, as a command prints them."""
    parts: list[str | Table] = []
    for section in sections:
        parts += fitted(section.lines)
        if section.headings and section.rows:
            parts.append(Table(section.headings, section.rows))
    return parts


def fitted(lines: Iterable[str]) -> list[str]:
    """Returns lines that a terminal need not cut inside a word."""
    width = terminal_width()
    return [part for line in lines for part in ([line] if width is None else wrapped(line, width))]


def last_line(operation_id: str, result: Result) -> str:
    """Returns the counts of a result, its hash and its operation; records such as ``blocks`` are for programs only."""
    counts = [f"{value} {name}" for name, value in result.summary.items() if isinstance(value, int)]
    return ", ".join([*counts, f"result {result.result_hash}", operation_id])
