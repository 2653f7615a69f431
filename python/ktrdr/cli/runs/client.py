"""Operations as the command line reaches them: in this machine's database, or through a worker, in one form."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from ktrdr._types import JsonObject
from ktrdr.cli.output import CommandResult
from ktrdr.errors import ArgumentInvalid, UsageError
from ktrdr.operations.kind import delete
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.store.store import Store

if TYPE_CHECKING:
    from ktrdr.analysis.sweep.request import SweepRequest
    from ktrdr.analysis.walk_forward.request import WalkForwardRequest
    from ktrdr.backtesting.inputs.request import BacktestRequest
    from ktrdr.training.job.request import TrainingRequest

_CANCEL_WAIT_S = 2.0
_LOOK_S = 0.5


class OperationsClient(Protocol):
    """Calls about operations that a database and a worker answer alike."""

    def operation(self, operation_id: str) -> JsonObject:
        """Returns the view of one operation."""

    def operations(self, **query: str | int) -> JsonObject:
        """Returns a page of operations."""

    def find(self, reference: str) -> str:
        """Returns the id of an operation that is named by its id, by the start of it, or as ``latest``."""

    def note(self, operation_id: str, note: str) -> JsonObject:
        """Replaces the note of an operation; returns its view."""

    def changes(self, operation_id: str) -> Iterator[JsonObject]:
        """Yields the operation after each change; the last one is at rest."""

    def cancel(self, operation_id: str) -> JsonObject:
        """Asks an operation to stop."""

    def delete(self, operation_id: str) -> JsonObject:
        """Removes an operation and its data."""

    def workers(self) -> JsonObject:
        """Returns every registered worker."""


class LocalOperations:
    """Operations in this machine's database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def operation(self, operation_id: str) -> JsonObject:
        """Returns the view of one operation."""
        return self._view(self._store.get(self.find(operation_id)))

    def find(self, reference: str) -> str:
        """Returns the id of an operation that is named by its id, by the start of it, or as ``latest``."""
        return self._store.find_id(reference)

    def note(self, operation_id: str, note: str) -> JsonObject:
        """Replaces the note of an operation; returns its view."""
        return self._view(self._store.set_note(operation_id, note))

    def operations(self, **query: Any) -> JsonObject:
        """Returns a page of operations."""
        status = query.pop("status", None)
        if status is not None and status not in list(Status):
            raise ArgumentInvalid("no such status", where="--status", found=status, expected=" ".join(Status))
        if (limit := query.get("limit", 1)) < 1:
            raise ArgumentInvalid("must be a whole number above 0", where="--limit", found=limit, expected="1 or more")
        found, cursor = self._store.listed(
            status=None if status is None else Status(status), kind=query.pop("type", None), **query
        )
        from ktrdr.worker.views import view_of

        views = [view_of(each).model_dump(mode="json") for each in found]
        return {"operations": views, "next_cursor": cursor}

    def changes(self, operation_id: str) -> Iterator[JsonObject]:
        """Yields the operation after each change; the last one is at rest."""
        seen = None
        while True:
            operation = self.operation(operation_id)
            now = (operation["status"], operation["progress_seq"])
            if now != seen:
                yield operation
            if Status(operation["status"]).at_rest:
                return
            seen = now
            time.sleep(_LOOK_S)

    def cancel(self, operation_id: str) -> JsonObject:
        """Asks an operation to stop, and waits up to two seconds for its end."""
        operation = self._store.request_cancel(operation_id)
        until_s = time.monotonic() + _CANCEL_WAIT_S
        while operation.status is Status.RUNNING and time.monotonic() < until_s:
            time.sleep(0.05)
            operation = self._store.get(operation_id)
        return self._view(operation)

    def delete(self, operation_id: str) -> JsonObject:
        """Removes an operation and its data."""
        delete(self._store, operation_id)
        return {"operation_id": operation_id, "deleted": True}

    def workers(self) -> JsonObject:
        """Returns every registered worker."""
        from ktrdr.worker.views import worker_view

        return {"workers": [worker_view(worker).model_dump(mode="json") for worker in self._store.workers()]}

    def _view(self, operation: Operation) -> JsonObject:
        from ktrdr.worker.views import operation_view

        return operation_view(self._store, operation).model_dump(mode="json")


def operations_client(worker: str | None) -> OperationsClient:
    """Returns the client of the worker at that address; without one, this machine's."""
    if worker is None:
        return LocalOperations(Store.open())
    from ktrdr.worker.client import WorkerClient

    return WorkerClient(worker)


def queued(accepted: JsonObject, worker: str) -> CommandResult:
    """Returns the answer about an operation that a worker will run."""
    name = accepted["operation_id"]
    nothing_yet: JsonObject = {"result_hash": None, "metrics": None, "warnings": [], "trades": None}
    follow = f"{name} {accepted['status']}: ktrdr operations follow {name} --worker {worker}"
    return CommandResult(accepted | nothing_yet, [follow])


def resume(
    operation_id: str, *, threads: int | None, stored: bool, worker: str | None, ray: str | None = None
) -> CommandResult:
    """Resumes an operation: here, in the foreground, or queued at a worker."""
    if worker is None:
        from ktrdr.cli.runs import foreground

        return foreground.resume(operation_id, threads=threads, stored=stored, ray=ray)
    if threads is not None:
        raise UsageError("a worker resumes with the threads of the run", found="--threads", expected="--worker alone")
    from ktrdr.worker.client import WorkerClient

    place = WorkerClient(worker)
    return queued(place.resume(place.find(operation_id), stored=stored), worker)


def start_body(
    request: BacktestRequest | TrainingRequest | WalkForwardRequest | SweepRequest,
    threads: int | None,
    note: str | None = None,
) -> JsonObject:
    """Returns the body of a start: a built-in strategy goes by its name, any other as its text.

    Without ``threads`` the worker takes its own.
    """
    from ktrdr.backtesting.inputs.parameters import OTHER_NAMES
    from ktrdr.strategy.library import find_strategy

    name = request.strategy_name
    built_in = name is not None and find_strategy(name).source == "built-in"
    strategy = {"strategy_name": name} if built_in else {"strategy_yaml": request.strategy_text}
    parameters = request.model_dump(
        exclude={"strategy_name", "strategy_text", "is_trial", "of_fold"}, exclude_none=True
    )
    names = OTHER_NAMES["HTTP"]
    named = {names.get(name, name): value for name, value in parameters.items()}
    more = {"threads": threads, "note": note}
    return {**strategy, **named, **{name: value for name, value in more.items() if value}}
