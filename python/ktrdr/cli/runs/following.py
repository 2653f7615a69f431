"""Following of an operation that another process runs: its progress here, and its result at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ktrdr._types import JsonObject
from ktrdr.cli.output import CommandResult, current_output
from ktrdr.cli.progress import progress
from ktrdr.cli.runs.client import OperationsClient
from ktrdr.cli.runs.listing import own_figures, reasons_of
from ktrdr.cli.runs.summary import summary_of
from ktrdr.errors import Cancelled, from_code
from ktrdr.operations.models import Outcome, Status
from ktrdr.worker.client import WorkerClient

_OWN: Final = ("operation_id", "status", "result_hash", "identity", "warnings", "manifest")


def followed(place: OperationsClient, operation_id: str) -> JsonObject:
    """Shows the progress of an operation until it rests; returns its view."""
    said: set[str] = set()
    with progress() as bridge:

        def report(operation: JsonObject) -> None:
            figures = operation["progress"] or {}
            for line in {f"{operation['status']}: {why}" for why in reasons_of(operation)} - said:
                said.add(line)
                current_output().note(line)
            if figures.get("bar") is not None:
                stage = {"stage": figures["stage"]} if figures.get("stage") else {}
                detail = {**stage, **own_figures(figures)}
                bridge.report(figures["phase"], figures["bar"], figures["total_bars"], detail)

        return _until_at_rest(place, operation_id, report)


def followed_to_its_result(worker: WorkerClient, operation_id: str) -> CommandResult:
    """Shows the progress of a worker's operation, then its result as after a run in the foreground.

    Raises the error that it failed with, or ``Cancelled``.
    """
    view = followed(worker, operation_id)
    if view["status"] == Status.COMPLETED:
        found = worker.results(operation_id)
        facts = {name: value for name, value in found.items() if name not in _OWN}
        warnings = tuple(found["warnings"])
        result = Outcome(found["result_hash"], found["identity"], facts, found["manifest"], warnings)
        return summary_of(operation_id, view["type"], view["note"], result)
    if error := view["error"]:
        known = {name: value for name, value in error.items() if name != "message"}
        raise from_code(str(known.pop("code")), str(known.pop("what")), **known)
    raise Cancelled("the operation was cancelled", where=operation_id, hint=f"ktrdr operations resume {operation_id}")


def _until_at_rest(place: OperationsClient, operation_id: str, show: Callable[[JsonObject], None]) -> JsonObject:
    for operation in place.changes(operation_id):
        if Status(operation["status"]).at_rest:
            return operation
        show(operation)
    raise AssertionError("unreachable")
