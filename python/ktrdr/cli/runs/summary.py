"""Summary of a completed run: one object for programs, a table for people."""

from __future__ import annotations

from typing import Any

from ktrdr.cli.output import CommandResult, Table
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Operation, Result
from ktrdr.simulation.metrics import headline_names, label, value_text


def summary(operation: Operation, result: Result) -> CommandResult:
    """Returns the answer about a completed operation: one object, and text for people."""
    # Records such as blocks are read from the result itself; a run's one object stays small.
    figures = {name: value for name, value in result.summary.items() if name == "metrics" or isinstance(value, int)}
    data: dict[str, Any] = {
        "operation_id": operation.id,
        "status": "completed",
        "result_hash": result.result_hash,
        "warnings": list(result.warnings),
        **figures,
    }
    metrics = figures.get("metrics", {})
    undefined = result.summary.get("undefined", {})
    rows = [(label(name), value_text(name, metrics[name], undefined)) for name in headline_names() if name in metrics]
    half = (len(rows) + 1) // 2
    paired = [(*left, *right) for left, right in zip(rows[:half], [*rows[half:], ("", "")], strict=False)]
    table = [Table(("metric", "value", "metric", "value"), paired)] if rows else []
    notes = [f"warning: {warning}" for warning in result.warnings]
    headline = kind_of(operation.kind).headline(result.manifest)
    return CommandResult(data, [headline, *table, *notes, last_line(operation.id, result)])


def last_line(operation_id: str, result: Result) -> str:
    """Returns the counts of a result, its hash and its operation; records such as ``blocks`` are for programs only."""
    counts = [f"{value} {name}" for name, value in result.summary.items() if isinstance(value, int)]
    return ", ".join([*counts, f"result {result.result_hash}", operation_id])
