"""The report of a completed run, as a file: asked for by itself, or with the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ktrdr.cli.output import CommandResult
from ktrdr.disk import check_page, write_page
from ktrdr.errors import UsageError
from ktrdr.operations.registry import report_of

if TYPE_CHECKING:
    from ktrdr.operations.store.store import Store


def check_report(path: Path | None, kind: str, worker: str | None) -> None:
    """Passes if a report can be written after a run that has not begun; asks nothing where none is wanted."""
    if path is None:
        return
    if worker is not None:
        expected = f"GET {worker.rstrip('/')}/operations/ID/report once it has completed"
        raise UsageError("a worker writes no file here", found="--report", expected=expected)
    report_of(kind)
    check_page(path)


def report_by(noun: str, store: Store, operation_id: str, path: Path | None, *, explain: bool = False) -> CommandResult:
    """Writes a report that a command asks for by itself; each kind belongs to one noun.

    Args:
        noun: ``backtest`` for the runs that trade, whose page can explain trades; ``operations`` for every other kind.
        store: database of the operation.
        operation_id: its id, the start of it, or ``latest``.
        path: the file; None means ID.html in the working folder.
        explain: whether the page says why each trade was entered and left.

    Raises ``UsageError`` for a kind of the other noun, and all that `report_of_run` raises.
    """
    operation = store.get(store.find_id(operation_id))
    right = "backtest" if operation.kind == "backtest" else "operations"
    if noun != right:
        raise UsageError(
            f"an operation of kind {operation.kind} is written by another command",
            found=f"ktrdr {noun} report",
            expected=f"ktrdr {right} report {operation.id}",
        )
    return report_of_run(store, operation.id, path, explain=explain)


def report_of_run(
    store: Store, operation_id: str, path: Path | None, data_dir: Path | None = None, *, explain: bool = False
) -> CommandResult:
    """Writes the report of a completed operation; by default ``ID.html`` in the working folder.

    With ``explain`` the page of a backtest says why each trade was entered and left.
    """
    from ktrdr.operations.kind import kind_of

    operation = store.whole(store.find_id(operation_id))
    make = report_of(operation.kind)
    file = Path(f"{operation.id}.html") if path is None else path
    check_page(file)
    result = kind_of(operation.kind).result(store, operation.id)
    written = write_page(make(result, data_dir, explain=explain), file)
    return CommandResult(
        {"operation_id": operation.id, "status": "completed", "report": str(written)}, [f"report {written}"]
    )


def with_report(
    answer: CommandResult, store: Store, path: Path | None, data_dir: Path | None = None, *, explain: bool = False
) -> CommandResult:
    """Returns the answer of a run with its report written, where one was asked for and the run has completed."""
    if path is None or answer.failure is not None:
        return answer
    made = report_of_run(store, answer.data["operation_id"], path, data_dir, explain=explain)
    return replace(answer, data={**answer.data, "report": made.data["report"]}, shown=[*answer.shown, *made.shown])
