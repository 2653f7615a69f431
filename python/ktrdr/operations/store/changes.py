"""Changes that any process may make.

Each change of a run raises the epoch and depends on the status and epoch that it has read.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, or_, update

from ktrdr.errors import AlreadyCompleted, AlreadyRunning, ChildOperation, KtrdrError, Poisoned
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.registry import command_for_result
from ktrdr.operations.store.database import now
from ktrdr.operations.store.proof.columns import to_json
from ktrdr.operations.store.rows import find, lock, lock_children, look_up, stored
from ktrdr.operations.store.tables import checkpoints, ledger_segments, operations, units

MAX_CRASHES = 3
FRESH: dict[str, Any] = {
    "status": Status.PENDING.value,
    "owner": None,
    "lease_until": None,
    "placement": None,
    "cancel_requested": False,
    "crashes": 0,
    "error": None,
    "ended_at": None,
}
_FROM_BAR_0: dict[str, Any] = {
    "generation": 0,
    "identity": None,
    "profile": None,
    "semantics": None,
    "progress": None,
    "forked_from": None,
    "started_at": None,
}
_IDLE = (Status.PENDING, Status.INTERRUPTED)


def unchanged(read: Operation) -> tuple[ColumnElement[bool], ...]:
    """Returns the conditions that an operation still is what was read."""
    return (
        operations.c.id == read.id,
        operations.c.epoch == read.epoch,
        operations.c.status == stored(read.status),
    )


def change(connection: Connection, read: Operation, **values: object) -> bool:
    """Changes an operation that still is what was read; returns False for any other."""
    statement = update(operations).where(*unchanged(read)).values(epoch=operations.c.epoch + 1, **values)
    return connection.execute(statement).rowcount == 1


def request_cancel(connection: Connection, operation_id: str) -> Operation:
    """Cancels an operation that no process runs; sets the flag of a running one; leaves one at rest."""
    for each in _with_children(connection, operation_id):
        if each.status in _IDLE:
            change(connection, each, **_cancelled())
        elif each.status is Status.RUNNING:
            mine = (operations.c.id == each.id, operations.c.status == Status.RUNNING.value)
            connection.execute(update(operations).where(*mine).values(cancel_requested=True))
    return find(connection, operation_id)


def force_cancel(connection: Connection, operation_id: str, epoch: int) -> bool:
    """Cancels a running operation with its children; returns False if its epoch is another one."""
    read = lock(connection, operation_id)
    if read.epoch != epoch or stored(read.status) != Status.RUNNING or not change(connection, read, **_cancelled()):
        return False
    cancel_parts(connection, operation_id)
    return True


def cancel_parts(connection: Connection, operation_id: str) -> None:
    """Cancels the parts of an operation that has just been cancelled or has failed, whoever has begun them."""
    for child in lock_children(connection, operation_id):
        if child.status in (*_IDLE, Status.RUNNING):
            change(connection, child, **_cancelled())


def _cancelled() -> dict[str, Any]:
    return {"status": Status.CANCELLED.value, "lease_until": None, "ended_at": now()}


def requeue(connection: Connection, operation_id: str) -> Operation:
    """Makes an operation pending, to continue from its newest checkpoint."""
    return _again(connection, operation_id, {})


def restart(connection: Connection, operation_id: str) -> Operation:
    """Makes an operation pending, to begin at bar 0: without checkpoints and parts, and under any profile."""
    return _again(connection, operation_id, _FROM_BAR_0)


def _again(connection: Connection, operation_id: str, values: dict[str, Any]) -> Operation:
    parent, *children = _with_children(connection, operation_id)
    refuse_unless_resting(parent)
    changed = change(connection, parent, **FRESH, **values)
    if not values:
        for child in (child for child in children if child.status.resumable):
            change(connection, child, **FRESH)
    elif changed:
        for table in (checkpoints, ledger_segments, units):
            connection.execute(delete(table).where(table.c.operation_id == operation_id))
        connection.execute(delete(operations).where(operations.c.parent_id == operation_id))
    return find(connection, operation_id)


def refuse_unless_resting(read: Operation) -> None:
    """Raises ``AlreadyCompleted`` or ``AlreadyRunning`` if a resume has nothing to do."""
    if read.status is Status.COMPLETED:
        hint = f"`{command_for_result(read.kind, read.id)}` shows its result; start a new run for another one"
        raise AlreadyCompleted("has completed", operation=read.id, hint=hint)
    if read.status is Status.RUNNING:
        host = read.owner.host if read.owner else None
        raise AlreadyRunning("another process runs it", operation=read.id, found=host, retry_after=read.lease_left_s)
    if read.status is Status.PENDING:
        raise AlreadyRunning("waits for a worker already", operation=read.id, retry_after=0.0)


def set_note(connection: Connection, operation_id: str, note: str | None) -> Operation:
    """Replaces the note of an operation. Its run does not depend on it, so the epoch stays."""
    connection.execute(update(operations).where(operations.c.id == operation_id).values(note=note))
    return find(connection, operation_id)


def delete_operation(connection: Connection, operation_id: str) -> None:
    """Removes an operation with its parts and their data; ``AlreadyRunning`` while one runs."""
    parent = look_up(connection, operation_id)  # also one so damaged that nothing else can be done with it
    found = [parent] if parent.status is Status.DAMAGED else _with_children(connection, operation_id)
    for each in found:
        if each.status is Status.RUNNING:
            hint = "cancel it first"
            raise AlreadyRunning("a process runs it", operation=each.id, retry_after=each.lease_left_s, hint=hint)
    gone = or_(operations.c.id == operation_id, operations.c.parent_id == operation_id)
    connection.execute(delete(operations).where(gone))


def count_crash(connection: Connection, operation_id: str, epoch: int) -> Operation:
    """Counts one more end without a report; any worker may continue at once, but not after the third in a row."""
    read = lock(connection, operation_id)
    if read.epoch != epoch or stored(read.status) != Status.RUNNING:
        return read
    crashes = _count_with_part(connection, read)
    values: dict[str, Any] = {"crashes": crashes, "owner": None, "lease_until": now()}
    if read.cancel_requested:
        values |= _cancelled()
    elif crashes >= MAX_CRASHES:
        what = f"its process crashed {crashes} times without progress"
        values |= failed(Poisoned(what, operation=read.id, hint="look for the cause, then resume it by hand"))
    change(connection, read, **values)
    if "status" in values:
        cancel_parts(connection, operation_id)
    return find(connection, operation_id)


def _count_with_part(connection: Connection, read: Operation) -> int:
    """Returns the crashes of an operation without progress, this one included, and gives its part the same count.

    The part is the one that ran in the process, else the newest. A save resets the count of the operation that made it,
    parent or part, so the lesser of both counts is the true one.
    """
    parts = lock_children(connection, read.id)
    if not parts:
        return read.crashes + 1
    ran = [part for part in parts if stored(part.status) == Status.RUNNING and part.owner == read.owner]
    part = (ran or parts)[-1]
    crashes = min(read.crashes, part.crashes) + 1
    if ran:
        change(connection, part, crashes=crashes, owner=None, lease_until=now())
    else:
        connection.execute(update(operations).where(operations.c.id == part.id).values(crashes=crashes))
    return crashes


def failed(error: KtrdrError) -> dict[str, Any]:
    """Returns the columns of an operation that an error has ended."""
    return {
        "status": Status.FAILED.value,
        "error": to_json(error.to_dict()),
        "lease_until": None,
        "ended_at": now(),
    }


def _with_children(connection: Connection, operation_id: str) -> list[Operation]:
    """Returns an operation and its parts, all locked, the parent first; ``ChildOperation`` for a part."""
    parent = lock(connection, operation_id)
    if parent.parent_id is not None:
        hint = f"ask it of {parent.parent_id}"
        raise ChildOperation("is part of another operation", operation=parent.id, hint=hint)
    return [parent, *lock_children(connection, operation_id)]
