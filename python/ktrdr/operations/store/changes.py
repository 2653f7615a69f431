"""What anyone may do to an operation. Each change raises the epoch and depends on the status and epoch it has read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, or_, update

from ktrdr.errors import AlreadyCompleted, AlreadyRunning, ChildOperation, KtrdrError, Poisoned
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.store.database import now
from ktrdr.operations.store.rows import find, lock, lock_children, stored, to_json
from ktrdr.operations.store.tables import checkpoints, ledger_segments, operations

MAX_CRASHES = 3
FRESH: dict[str, Any] = {
    "status": Status.PENDING.value, "owner": None, "lease_until": None, "placement": None, "cancel_requested": False,
    "crashes": 0, "error": None, "ended_at": None,
}  # fmt: skip
_FROM_BAR_0: dict[str, Any] = {
    "generation": 0, "identity": None, "profile": None, "semantics": None, "progress": None, "forked_from": None,
    "started_at": None,
}  # fmt: skip
_IDLE = (Status.PENDING, Status.INTERRUPTED)
_RESTING = (Status.CANCELLED, Status.FAILED, Status.INTERRUPTED)


def change(connection: Connection, read: Operation, **values: Any) -> bool:
    """The change, if the operation still is what was read; whether it was."""
    unchanged = (
        operations.c.id == read.id, operations.c.epoch == read.epoch, operations.c.status == stored(read.status),
    )  # fmt: skip
    statement = update(operations).where(*unchanged).values(epoch=operations.c.epoch + 1, **values)
    return connection.execute(statement).rowcount == 1


def request_cancel(connection: Connection, operation_id: str) -> Operation:
    """Cancels at once what nobody runs; raises the flag of what somebody runs; leaves what rests."""
    for each in _with_children(connection, operation_id):
        if each.status in _IDLE:
            change(connection, each, **_cancelled())
        elif each.status is Status.RUNNING:
            mine = (operations.c.id == each.id, operations.c.status == Status.RUNNING.value)
            connection.execute(update(operations).where(*mine).values(cancel_requested=True))
    return find(connection, operation_id)


def force_cancel(connection: Connection, operation_id: str, epoch: int) -> bool:
    """Cancels a running operation, with its children, if its epoch still is that one."""
    read = lock(connection, operation_id)
    if read.epoch != epoch or stored(read.status) != Status.RUNNING or not change(connection, read, **_cancelled()):
        return False
    for child in lock_children(connection, operation_id):
        if child.status in (*_IDLE, Status.RUNNING):
            change(connection, child, **_cancelled())
    return True


def _cancelled() -> dict[str, Any]:
    return {"status": Status.CANCELLED.value, "lease_until": None, "ended_at": now()}


def resume(connection: Connection, operation_id: str) -> Operation:
    """Pending again, to go on at its newest checkpoint."""
    return _again(connection, operation_id, {})


def restart(connection: Connection, operation_id: str) -> Operation:
    """Pending again, to begin at bar 0: with nothing saved, and free to run under another profile."""
    return _again(connection, operation_id, _FROM_BAR_0)


def _again(connection: Connection, operation_id: str, values: dict[str, Any]) -> Operation:
    parent, *children = _with_children(connection, operation_id)
    refuse_unless_resting(parent)
    for each in (parent, *(child for child in children if child.status in _RESTING)):
        if change(connection, each, **FRESH, **values) and values:
            for table in (checkpoints, ledger_segments):
                connection.execute(delete(table).where(table.c.operation_id == each.id))
    return find(connection, operation_id)


def refuse_unless_resting(read: Operation) -> None:
    """``AlreadyCompleted`` or ``AlreadyRunning`` where a resume has nothing to do."""
    if read.status is Status.COMPLETED:
        hint = "`ktrdr backtest show` prints its result; start a new run for another one"
        raise AlreadyCompleted("has completed", operation=read.id, hint=hint)
    if read.status is Status.RUNNING:
        host = read.owner.host if read.owner else None
        left = read.lease_left_s
        raise AlreadyRunning("somebody runs it", operation=read.id, found=host, retry_after=left)
    if read.status is Status.PENDING:
        raise AlreadyRunning("waits for a worker already", operation=read.id, retry_after=0.0)


def delete_operation(connection: Connection, operation_id: str) -> None:
    """Removes an operation that nobody runs, with all that hangs on it."""
    found = _with_children(connection, operation_id)
    for each in found:
        if each.status is Status.RUNNING:
            hint = "cancel it first"
            raise AlreadyRunning("somebody runs it", operation=each.id, retry_after=each.lease_left_s, hint=hint)
    gone = or_(operations.c.id == operation_id, operations.c.parent_id == operation_id)
    connection.execute(delete(operations).where(gone))


def count_crash(connection: Connection, operation_id: str, epoch: int) -> Operation:
    """One more end without a report: anyone may go on at once, but not after the third in a row."""
    read = lock(connection, operation_id)
    if read.epoch != epoch or stored(read.status) != Status.RUNNING:
        return read
    crashes = read.crashes + 1
    values: dict[str, Any] = {"crashes": crashes, "owner": None, "lease_until": now()}
    if read.cancel_requested:
        values |= _cancelled()
    elif crashes >= MAX_CRASHES:
        values |= failed(Poisoned(
            f"its process crashed {crashes} times without getting further", operation=read.id,
            hint="look for the cause, then resume it by hand",
        ))  # fmt: skip
    change(connection, read, **values)
    return find(connection, operation_id)


def failed(error: KtrdrError) -> dict[str, Any]:
    """The columns of an operation that an error has ended."""
    return {
        "status": Status.FAILED.value, "error": to_json(error.to_dict()), "lease_until": None, "ended_at": now(),
    }  # fmt: skip


def _with_children(connection: Connection, operation_id: str) -> list[Operation]:
    """The operation, which must not be a part of another, and its parts: all locked, the parent first."""
    parent = lock(connection, operation_id)
    if parent.parent_id is not None:
        hint = f"ask it of {parent.parent_id}"
        raise ChildOperation("is part of another operation", operation=parent.id, hint=hint)
    return [parent, *lock_children(connection, operation_id)]
