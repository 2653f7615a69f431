"""Claims: one conditional update of owner, epoch and lease, then the checkpoint that the run continues from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, false, func, or_, select, update

from ktrdr._types import Json
from ktrdr.errors import (
    AlreadyRunning,
    ChildOperation,
    IdentityMismatch,
    LeaseLost,
    ProfileMismatch,
    SnapshotTooNew,
    SnapshotUnrecoverable,
)
from ktrdr.operations.models import Capability, Claim, Lease, Operation, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.changes import FRESH, cancel_parts, change, failed, refuse_unless_resting, unchanged
from ktrdr.operations.store.checkpoints import forget_beyond, load
from ktrdr.operations.store.database import now
from ktrdr.operations.store.proof.columns import optional_json, to_json
from ktrdr.operations.store.rows import find, lease_left, lock, operation_of, select_operation
from ktrdr.operations.store.submissions import Request, stage_key, submit
from ktrdr.operations.store.tables import operations, workers

_PAGE = 32

Capabilities = Mapping[str, Capability]
"""Capability of a process by kind of operation."""


@dataclass(frozen=True)
class Claimant:
    """The part of a worker that decides which operations it may run.

    Args:
        worker_id: id of the worker.
        capabilities: the kinds it runs, each with its numbers; None compares nothing.
        data_stamp: changes with its data folder.
    """

    worker_id: str
    capabilities: Capabilities | None
    data_stamp: str | None


def candidates(connection: Connection, claimant: Claimant) -> Iterator[Operation]:
    """Yields the operations that the worker may run, oldest submission first."""
    started_at = worker_start(connection, claimant.worker_id)
    for found in _waiting(connection, *suits(claimant.capabilities)):
        mark = found.unsuited.get(claimant.worker_id)
        if not holds(mark, started_at, claimant.data_stamp):
            yield found


def begun_otherwise(connection: Connection, capabilities: Capabilities) -> Iterator[Operation]:
    """Yields waiting operations that were started under numbers other than these, oldest submission first."""
    return _waiting(connection, or_(false(), *(_differs(*one) for one in capabilities.items())))


def suits(capabilities: Capabilities | None) -> tuple[ColumnElement[bool], ...]:
    """Returns the condition that a process of these capabilities can run an operation."""
    return () if capabilities is None else (or_(false(), *(_runs(*one) for one in capabilities.items())),)


def _runs(kind: str, capability: Capability) -> ColumnElement[bool]:
    profile = _empty_or(operations.c.profile, optional_json(capability.profile))
    return and_(operations.c.kind == kind, profile, _empty_or(operations.c.semantics, capability.semantics))


def _differs(kind: str, capability: Capability) -> ColumnElement[bool]:
    numbers = (
        (operations.c.profile, optional_json(capability.profile)),
        (operations.c.semantics, capability.semantics),
    )
    others = (column != mine for column, mine in numbers if mine is not None)
    return and_(operations.c.kind == kind, or_(false(), *others))


def _waiting(connection: Connection, *also: ColumnElement[bool]) -> Iterator[Operation]:
    """Yields the operations that wait for a worker, oldest submission first; damaged ones are set aside."""
    for_anyone = (
        operations.c.status.in_((Status.PENDING.value, Status.RUNNING.value)),
        func.coalesce(operations.c.parent_id, "") == "",  # so that SQLite looks by status, not through all of history
        operations.c.placement.is_(None),
    )
    for row in _in_pages(connection, select_operation().where(*for_anyone, *also)):
        found = operation_of(row)
        if found.status in (Status.PENDING, Status.INTERRUPTED):
            yield found


def _in_pages(connection: Connection, statement: Select[Any]) -> Iterator[Row[Any]]:
    """Yields rows, oldest submission first, in pages: a long queue is read only as far as its reader looks."""
    last = 0
    while rows := connection.execute(
        statement.where(operations.c.seq > last).order_by(operations.c.seq).limit(_PAGE)
    ).all():
        yield from rows
        last = rows[-1].seq


def _empty_or(column: ColumnElement[Any], mine: object) -> ColumnElement[bool]:
    return or_(column.is_(None), column == mine) if mine is not None else operations.c.id.is_not(None)


def worker_start(connection: Connection, worker_id: str) -> float | None:
    """Returns the time at which the worker registered, None for an unknown one."""
    found: float | None = connection.execute(select(workers.c.started_at).where(workers.c.id == worker_id)).scalar()
    return found


def holds(mark: Json | None, started_at: float | None, data_stamp: str | None) -> bool:
    """Returns True if a worker's mark still holds: it has not restarted since, and its data are the same."""
    return mark is not None and mark["started_at"] == started_at and mark["data_stamp"] == data_stamp


def claim_next(connection: Connection, owner: Owner, claimant: Claimant, lease_s: float) -> Claim | None:
    """Claims the oldest operation that the worker may run and that no other process is taking."""
    for read in candidates(connection, claimant):
        if _is_free(connection, read) and _take(connection, read, owner, lease_s):
            claim = _begin(connection, read, owner, claimant)
            if claim is not None:
                return claim
    return None


def _is_free(connection: Connection, read: Operation) -> bool:
    """Locks the row unless another transaction holds it: PostgreSQL skips a row that is being changed."""
    statement = select(operations.c.id).where(operations.c.id == read.id, operations.c.epoch == read.epoch)
    return connection.execute(statement.with_for_update(skip_locked=True)).one_or_none() is not None


def _take(connection: Connection, read: Operation, owner: Owner, lease_s: float, **values: object) -> bool:
    """Writes the claim. An owner judged dead loses its operation at that epoch, even under a valid lease."""
    dead = read.owner is not None and read.owner.is_dead()
    free = or_(
        operations.c.status != Status.RUNNING.value,
        lease_left() <= 0.0,
        operations.c.lease_until.is_(None),
    )
    taken = update(operations).where(*unchanged(read), *(() if dead else (free,)))
    return connection.execute(taken.values(_claimed(owner, lease_s, **values))).rowcount == 1


def _claimed(owner: Owner, lease_s: float, **values: object) -> dict[str, Any]:
    """Returns the columns of an operation that a process has just taken, and ``values``."""
    return {
        "status": Status.RUNNING.value,
        "owner": owner.text,
        "epoch": operations.c.epoch + 1,
        "lease_until": now() + lease_s,
        "lease_s": lease_s,
        "started_at": func.coalesce(operations.c.started_at, now()),
        "ended_at": None,
        **values,
    }


def _begin(connection: Connection, read: Operation, owner: Owner, claimant: Claimant) -> Claim | None:
    """Returns the claim ready to run; None if the operation ended or went back to the queue instead."""
    taken = find(connection, read.id)
    if taken.cancel_requested:
        change(connection, taken, status=Status.CANCELLED.value, lease_until=None, ended_at=now())
        cancel_parts(connection, taken.id)
        return None
    try:
        return loaded(connection, taken, owner)
    except SnapshotUnrecoverable as error:
        change(connection, taken, **failed(error))
    except SnapshotTooNew as error:
        mark = unsuited(connection, taken.unsuited, claimant.worker_id, error.to_dict(), claimant.data_stamp)
        change(connection, taken, status=Status.PENDING.value, owner=None, lease_until=None, unsuited_workers=mark)
    return None


def loaded(connection: Connection, taken: Operation, owner: Owner) -> Claim:
    """Returns the claim with its checkpoint; deletes everything newer than that."""
    saved, notices = load(connection, taken)
    generation = 0 if saved is None else saved.generation
    forget_beyond(connection, taken.id, generation)
    connection.execute(update(operations).where(operations.c.id == taken.id).values(generation=generation))
    lease = Lease(taken.id, taken.epoch, generation, owner)
    return Claim(replace(taken, generation=generation), lease, saved, notices)


def unsuited(
    connection: Connection, marks: Mapping[str, Json], worker_id: str, reason: Json, data_stamp: str | None
) -> str:
    """Returns the marks with one more, as stored."""
    mark = {"reason": dict(reason), "data_stamp": data_stamp, "started_at": worker_start(connection, worker_id)}
    return to_json({**marks, worker_id: mark})


def claim(
    connection: Connection,
    operation_id: str,
    owner: Owner,
    lease_s: float,
    *,
    capability: Capability,
    placement: str | None,
) -> Claim | SnapshotUnrecoverable:
    """Claims one operation by its id: a resume and a claim at once.

    An operation whose checkpoints are all damaged ends as failed. That error is returned, so that its transaction
    commits.
    """
    read = lock(connection, operation_id)
    _refuse(read)
    check_capability(read, capability)
    values = {**FRESH, "placement": placement}
    for name in ("status", "owner", "lease_until", "ended_at"):
        del values[name]
    if not _take(connection, read, owner, lease_s, **values):
        raise AlreadyRunning("another process has just claimed it", operation=read.id, retry_after=lease_s)
    return _loaded_or_failed(connection, operation_id, owner)


def _loaded_or_failed(connection: Connection, operation_id: str, owner: Owner) -> Claim | SnapshotUnrecoverable:
    taken = find(connection, operation_id)
    try:
        return loaded(connection, taken, owner)
    except SnapshotUnrecoverable as error:
        change(connection, taken, **failed(error))
        return error


def _refuse(read: Operation) -> None:
    """Refuses a part of another operation, and one that runs or has completed."""
    if read.parent_id is not None:
        hint = f"resume {read.parent_id}"
        raise ChildOperation("is part of another operation", operation=read.id, hint=hint)
    if read.status is not Status.PENDING:
        refuse_unless_resting(read)


def claim_child(
    connection: Connection,
    parent: Lease,
    child_id: str,
    stage: str,
    request: Request,
    capability: Capability,
    lease_s: float,
) -> Claim | Operation | SnapshotUnrecoverable:
    """Claims the part that an operation has for a stage; submits it as ``child_id`` where there is none yet.

    The lease of the parent decides: whoever held the part before has lost the parent, so the part's own lease does not
    count. A completed part is returned as it is.
    """
    extend(connection, parent, lease_s)
    part = submit(connection, child_id, request, stage_key(parent.operation_id, stage), parent.operation_id)
    if part.status is Status.COMPLETED:
        return part
    check_capability(part, capability)
    numbers = {
        "profile": func.coalesce(operations.c.profile, optional_json(capability.profile)),
        "semantics": func.coalesce(operations.c.semantics, capability.semantics),
    }
    values = _claimed(parent.owner, lease_s, cancel_requested=False, error=None, **numbers)
    connection.execute(update(operations).where(operations.c.id == part.id).values(values))
    return _loaded_or_failed(connection, part.id, parent.owner)


def extend(connection: Connection, parent: Lease, lease_s: float) -> None:
    """Extends the lease of a parent; ``LeaseLost`` if it is another process's. Its generation is its own affair."""
    mine = (
        operations.c.id == parent.operation_id,
        operations.c.epoch == parent.epoch,
        operations.c.status == Status.RUNNING.value,
    )
    if (
        connection.execute(
            update(operations).where(*mine).values(lease_until=now() + lease_s, lease_s=lease_s)
        ).rowcount
        != 1
    ):
        raise LeaseLost("another process runs it now, or has ended it", operation=parent.operation_id)


def check_capability(read: Operation, mine: Capability) -> None:
    """Raises ``ProfileMismatch`` or ``IdentityMismatch`` if the operation was started under other numbers."""
    profile = mine.profile
    semantics = mine.semantics
    if profile is not None and read.profile is not None:
        for name in difference(read.profile, profile):
            raise ProfileMismatch(
                f"another numeric profile: {name}",
                where=read.id,
                part=f"profile {name}",
                found=profile.get(name),
                expected=read.profile.get(name),
                hint="resume it where it was started, or fork it",
            )
    if semantics is not None and read.semantics not in (None, semantics):
        raise IdentityMismatch(
            "another version of the semantics",
            where=read.id,
            part="semantics",
            found=semantics,
            expected=read.semantics,
            hint="resume it with the version it was started with, or restart it",
        )


def difference(stored: Json, mine: Json) -> list[str]:
    """Returns the parts of two profiles that differ."""
    return [name for name in sorted({*stored, *mine}) if stored.get(name) != mine.get(name)]
