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
