"""Routes of operations: list, show, cancel, resume, restart, fork, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from ktrdr._types import Json
from ktrdr.operations.kind import delete as remove
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Operation, Status
from ktrdr.worker.routes.requests import fork_of
from ktrdr.worker.schemas import ForkBody, Keyed, NoteBody, NothingBody, ResumeBody
from ktrdr.worker.service import OperationId, Parts, Service
from ktrdr.worker.views import Accepted, Deleted, OperationList, OperationView, operation_view

router = APIRouter(prefix="/operations", tags=["operations"])


@router.get("", response_model=OperationList)
def list_operations(
    parts: Parts,
    status: Status | None = None,
    type: Annotated[str | None, Query(pattern=r"^[a-z]{1,40}$")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Operations, newest first, without those that are parts of another."""
    found, following = parts.store.listed(status=status, kind=type, limit=limit, cursor=cursor)
    return Response(parts.listed.answer(found, following), media_type="application/json")


@router.get("/{operation_id}")
def show(parts: Parts, operation_id: OperationId) -> OperationView:
    """Returns status, progress, timings, error, and the reasons of waiting."""
    return parts.view(operation_id)


@router.post("/{operation_id}/cancel")
def cancel(parts: Parts, operation_id: OperationId, body: NothingBody | None = None) -> OperationView:
    """Stops an operation; one that has ended stays as it is. The worker that runs it answers after the end."""
    return cancelled(parts, operation_id)


@router.delete("/{operation_id}")
def cancel_by_delete(parts: Parts, operation_id: OperationId, body: NothingBody | None = None) -> OperationView:
    """Cancels like POST /operations/{operation_id}/cancel; nothing is deleted."""
    return cancelled(parts, operation_id)


@router.post("/{operation_id}/resume", status_code=202)
def resume(parts: Parts, operation_id: OperationId, body: ResumeBody | None = None) -> Accepted:
    """Resumes an operation from its newest checkpoint, with the same inputs."""
    return resumed(parts, operation_id, body or ResumeBody())


@router.post("/{operation_id}/restart", status_code=202)
def restart(parts: Parts, operation_id: OperationId, body: NothingBody | None = None) -> Accepted:
    """Runs an operation again from its first bar."""
    return accepted(parts, parts.store.restart(operation_id))


@router.post("/{operation_id}/fork", status_code=202)
def fork(parts: Parts, operation_id: OperationId, body: ForkBody | None = None) -> Accepted:
    """Starts a new operation from this one's newest checkpoint, with other rules or another model."""
    asked = body or ForkBody()
    spec = fork_of(parts.store.whole(operation_id), asked)
    made = parts.store.fork(operation_id, spec=spec, threads=asked.threads, model_id=asked.model_id, note=asked.note)
    return accepted(parts, made)


@router.post("/{operation_id}/note")
def note(parts: Parts, operation_id: OperationId, body: NoteBody) -> OperationView:
    """Replaces the note of an operation; an empty one removes it."""
    return operation_view(parts.store, parts.store.set_note(operation_id, body.note))


@router.post("/{operation_id}/delete")
def delete(parts: Parts, operation_id: OperationId, body: NothingBody | None = None) -> Deleted:
    """Removes an operation with its checkpoints, ledger and result; refused while it runs."""
    remove(parts.store, operation_id)
    return Deleted(operation_id=operation_id)


def cancelled(parts: Service, operation_id: str) -> OperationView:
    """Asks the owner to stop; waits for the end if the owner is a child of this worker."""
    return operation_view(parts.store, parts.runner.cancel_here(operation_id))


def resumed(parts: Service, operation_id: str, body: ResumeBody) -> Accepted:
    """Queues an operation again, unless its name now means another strategy."""
    operation = parts.store.whole(operation_id)
    if not body.stored and operation.status.resumable:
        kind_of(operation.kind).unchanged(operation.spec)
    return accepted(parts, parts.store.requeue(operation_id))


def submitted(parts: Service, kind: str, spec: Json, body: Keyed, *, model_id: str | None = None) -> Accepted:
    """Stores an operation for the next free slot of any worker; one key and body give one operation."""
    made = parts.store.submit(
        kind,
        spec,
        threads=body.threads or parts.threads,
        threads_named=body.threads is not None,
        model_id=model_id,
        idempotency_key=body.idempotency_key,
        note=body.note,
    )
    return accepted(parts, made)


def accepted(parts: Service, operation: Operation) -> Accepted:
    """Wakes the runner and returns the response about an operation that will run."""
    parts.runner.wake()
    return Accepted(operation_id=operation.id, status=operation.status)
