"""Making an operation one's own: one conditional update of owner, epoch and lease, then the checkpoint to go on at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, or_, select, update

from ktrdr.errors import (
    AlreadyRunning,
    ChildOperation,
    IdentityMismatch,
    ProfileMismatch,
    SnapshotTooNew,
    SnapshotUnrecoverable,
)
from ktrdr.operations.models import Claim, Lease, Operation, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.changes import FRESH, change, failed, refuse_unless_resting
from ktrdr.operations.store.database import now
from ktrdr.operations.store.loading import forget_beyond, load
from ktrdr.operations.store.rows import find, lock, operation_of, optional_json, select_operation, stored, to_json
from ktrdr.operations.store.tables import operations, workers

Json = Mapping[str, Any]
_PAGE = 32


@dataclass(frozen=True)
class Claimant:
    """A worker, as far as it decides what it may run; a part that is None is not compared.

    Args:
        worker_id: its id.
        profile: its numeric profile.
        semantics: its engine's semantics version.
        data_stamp: changes with its data folder.
    """

    worker_id: str
    profile: Json | None
    semantics: int | None
    data_stamp: str | None


def candidates(connection: Connection, claimant: Claimant) -> Iterator[Operation]:
    """What the worker may run, oldest submission first, as it stands now."""
    started_at = worker_start(connection, claimant.worker_id)
    mine = _empty_or(operations.c.profile, optional_json(claimant.profile))
    for found in _waiting(connection, mine, _empty_or(operations.c.semantics, claimant.semantics)):
        mark = found.unsuited.get(claimant.worker_id)
        if not holds(mark, started_at, claimant.data_stamp):
            yield found


def begun_otherwise(connection: Connection, profile: Json, semantics: int) -> Iterator[Operation]:
    """What waits for a worker that computes as its first one did, which is not so."""
    another = or_(operations.c.profile != to_json(profile), operations.c.semantics != semantics)
    return _waiting(connection, another)


def _waiting(connection: Connection, *suits: ColumnElement[bool]) -> Iterator[Operation]:
    """What waits for a worker, oldest submission first."""
    for_anyone = (
        operations.c.status.in_((Status.PENDING.value, Status.RUNNING.value)),
        func.coalesce(operations.c.parent_id, "") == "",  # so that SQLite looks by status, not through all of history
        operations.c.placement.is_(None),
    )
    for row in _in_pages(connection, select_operation().where(*for_anyone, *suits)):
        found = operation_of(row)
        if found.status is not Status.RUNNING:
            yield found


def _in_pages(connection: Connection, statement: Select[Any]) -> Iterator[Row[Any]]:
    """The rows, oldest submission first; of a long queue only as many are read as are looked at."""
    last = 0
    while rows := connection.execute(
        statement.where(operations.c.seq > last).order_by(operations.c.seq).limit(_PAGE)
    ).all():
        yield from rows
        last = rows[-1].seq


def _empty_or(column: ColumnElement[Any], mine: Any) -> ColumnElement[bool]:
    return or_(column.is_(None), column == mine) if mine is not None else operations.c.id.is_not(None)


def worker_start(connection: Connection, worker_id: str) -> float | None:
    """When the worker of that id has registered."""
    found: float | None = connection.execute(select(workers.c.started_at).where(workers.c.id == worker_id)).scalar()
    return found


def holds(mark: Json | None, started_at: float | None, data_stamp: str | None) -> bool:
    """Whether a worker's mark still stands: it has not restarted since, and its data are the same."""
    return mark is not None and mark["started_at"] == started_at and mark["data_stamp"] == data_stamp


def claim_next(connection: Connection, owner: Owner, claimant: Claimant, lease_s: float) -> Claim | None:
    """The oldest operation that the worker may run and nobody else is just taking."""
    for read in candidates(connection, claimant):
        if _is_free(connection, read) and _take(connection, read, owner, lease_s):
            claim = _begin(connection, read, owner, claimant)
            if claim is not None:
                return claim
    return None


def _is_free(connection: Connection, read: Operation) -> bool:
    """Locks the row where nobody else holds it: PostgreSQL passes over a row that is just being changed."""
    statement = select(operations.c.id).where(operations.c.id == read.id, operations.c.epoch == read.epoch)
    return connection.execute(statement.with_for_update(skip_locked=True)).one_or_none() is not None


def _take(connection: Connection, read: Operation, owner: Owner, lease_s: float, **values: Any) -> bool:
    """The claim itself; an owner judged dead is claimed from under that epoch, whatever its lease says."""
    dead = read.owner is not None and read.owner.is_dead()
    free = or_(
        operations.c.status != Status.RUNNING.value,
        operations.c.lease_until <= now(),
        operations.c.lease_until.is_(None),
    )
    unchanged = (
        operations.c.id == read.id, operations.c.epoch == read.epoch, operations.c.status == stored(read.status),
    )  # fmt: skip
    taken = update(operations).where(*unchanged, *(() if dead else (free,)))
    changes = {
        "status": Status.RUNNING.value, "owner": owner.text, "epoch": operations.c.epoch + 1,
        "lease_until": now() + lease_s, "started_at": func.coalesce(operations.c.started_at, now()),
        "ended_at": None, **values,
    }  # fmt: skip
    return connection.execute(taken.values(changes)).rowcount == 1


def _begin(connection: Connection, read: Operation, owner: Owner, claimant: Claimant) -> Claim | None:
    """What a worker has claimed, ready to run; None where it has come to its end, or goes back, instead."""
    taken = find(connection, read.id)
    if taken.cancel_requested:
        change(connection, taken, status=Status.CANCELLED.value, lease_until=None, ended_at=now())
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
    """The claim with its checkpoint, and nothing beyond it in the store."""
    saved, notices = load(connection, taken)
    generation = 0 if saved is None else saved.generation
    forget_beyond(connection, taken.id, generation)
    connection.execute(update(operations).where(operations.c.id == taken.id).values(generation=generation))
    lease = Lease(taken.id, taken.epoch, generation, owner)
    return Claim(replace(taken, generation=generation), lease, saved, notices)


def unsuited(
    connection: Connection, marks: Mapping[str, Json], worker_id: str, reason: Json, data_stamp: str | None
) -> str:
    """The marks with one more, as stored."""
    mark = {"reason": dict(reason), "data_stamp": data_stamp, "started_at": worker_start(connection, worker_id)}
    return to_json({**marks, worker_id: mark})


def claim(
    connection: Connection,
    operation_id: str,
    owner: Owner,
    lease_s: float,
    *,
    profile: Json | None,
    semantics: int | None,
    placement: str | None,
) -> Claim | SnapshotUnrecoverable:
    """One operation, asked for by its id: a resume and a claim at once.

    An operation whose checkpoints are all damaged has failed then, so that error is returned: its transaction counts.
    """
    read = lock(connection, operation_id)
    _refuse(connection, read, owner)
    check_profile(read, profile, semantics)
    values = {**FRESH, "placement": placement}
    for name in ("status", "owner", "lease_until", "ended_at"):
        del values[name]
    if not _take(connection, read, owner, lease_s, **values):
        raise AlreadyRunning("somebody else has just taken it", operation=read.id, retry_after=lease_s)
    taken = find(connection, operation_id)
    try:
        return loaded(connection, taken, owner)
    except SnapshotUnrecoverable as error:
        change(connection, taken, **failed(error))
        return error


def _refuse(connection: Connection, read: Operation, owner: Owner) -> None:
    """A part of an operation is run by the process that runs the whole, and by no other."""
    if read.status is not Status.PENDING:
        refuse_unless_resting(read)
    if read.parent_id is not None and find(connection, read.parent_id).owner != owner:
        hint = f"resume {read.parent_id}"
        raise ChildOperation("is part of another operation", operation=read.id, hint=hint)


def check_profile(read: Operation, profile: Json | None, semantics: int | None) -> None:
    """``ProfileMismatch`` or ``IdentityMismatch`` where the operation was started under other numbers than mine."""
    if profile is not None and read.profile is not None:
        for name in difference(read.profile, profile):
            raise ProfileMismatch(
                f"another numeric profile: {name}", where=read.id, part=f"profile {name}", found=profile.get(name),
                expected=read.profile.get(name), hint="resume it where it was started, or fork it",
            )  # fmt: skip
    if semantics is not None and read.semantics not in (None, semantics):
        raise IdentityMismatch(
            "another version of the engine's semantics", where=read.id, part="semantics", found=semantics,
            expected=read.semantics, hint="resume it with the version it was started with, or restart it",
        )  # fmt: skip


def difference(stored: Json, mine: Json) -> list[str]:
    """The parts of two profiles that differ."""
    return [name for name in sorted({*stored, *mine}) if stored.get(name) != mine.get(name)]
