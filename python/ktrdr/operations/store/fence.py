"""Writes of an operation's owner. Each write is one transaction whose first statement is the fence.

The fence updates the row only where id, epoch and generation are the lease's and the status is running. It never
compares the lease's end: a lapsed lease that no process took still belongs to the owner. A write whose commit is
unknown (the connection was lost) is repeated: the fence then changes nothing, and the row is read back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, delete, func, insert, select, true, update

from ktrdr._types import Json
from ktrdr.errors import LeaseLost, SnapshotUnrecoverable
from ktrdr.operations.models import Capability, Claim, Lease, Outcome, Segment, Status, Trial
from ktrdr.operations.store.changes import cancel_parts, change, failed
from ktrdr.operations.store.checkpoints import digest, put_aside
from ktrdr.operations.store.claims import loaded, unsuited
from ktrdr.operations.store.database import now
from ktrdr.operations.store.proof.columns import optional_json, to_json
from ktrdr.operations.store.proof.outcomes import outcome_row, trial_row
from ktrdr.operations.store.rows import find
from ktrdr.operations.store.tables import checkpoints, ledger_segments, operations, results, trials

GENERATIONS_KEPT = 2


@dataclass(frozen=True)
class Saved:
    """The state of a run as it is saved.

    Args:
        snapshot: its bytes.
        bar: index of the next bar.
        segments: ledger rows since the last save.
        identity: the 32 bytes that stand for all inputs.
        trial: evaluations since the last save.
    """

    snapshot: bytes
    bar: int
    segments: Sequence[Segment]
    identity: bytes
    trial: Trial | None = None


def fenced(connection: Connection, lease: Lease, **values: object) -> Row[Any] | None:
    """Writes through the fence; returns the changed row, None if the operation is no longer the lease's."""
    mine = (
        operations.c.id == lease.operation_id,
        operations.c.epoch == lease.epoch,
        operations.c.generation == lease.generation,
        operations.c.status == Status.RUNNING.value,
    )
    after = (operations.c.cancel_requested, operations.c.unsuited_workers)
    return connection.execute(update(operations).where(*mine).values(**values).returning(*after)).one_or_none()


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost("another process runs it now, or has ended it", operation=lease.operation_id)


def _is_written(connection: Connection, lease: Lease, *conditions: ColumnElement[bool]) -> bool:
    """Reads back: returns True if the operation, still at this epoch, is what the write would have made of it."""
    mine = (operations.c.id == lease.operation_id, operations.c.epoch == lease.epoch)
    return connection.execute(select(true()).where(*mine, *conditions)).scalar() is not None


def save(connection: Connection, lease: Lease, point: Saved, progress: Json, lease_s: float) -> Lease:
    """Writes the next generation: ledger rows, snapshot, trials and progress."""
    following = replace(lease, generation=lease.generation + 1)
    changes = _progress(progress) | {"generation": following.generation, "identity": point.identity, "crashes": 0}
    if fenced(connection, lease, lease_until=now() + lease_s, lease_s=lease_s, **changes) is None:
        if _is_saved(connection, following, point.snapshot):
            return following
        raise _lost(lease)
    add_segments(connection, following, point.segments)
    snapshot = point.snapshot
    row = {"generation": following.generation, "bar": point.bar, "snapshot": snapshot, "hash": digest(snapshot)}
    connection.execute(insert(checkpoints).values(operation_id=lease.operation_id, saved_at=now(), **row))
    if point.trial is not None:
        log_trial(connection, lease, point.identity.hex(), point.trial)
    old = checkpoints.c.generation <= following.generation - GENERATIONS_KEPT
    connection.execute(delete(checkpoints).where(checkpoints.c.operation_id == lease.operation_id, old))
    return following


def _is_saved(connection: Connection, lease: Lease, snapshot: bytes) -> bool:
    same = (
        checkpoints.c.operation_id == lease.operation_id,
        checkpoints.c.generation == lease.generation,
        checkpoints.c.hash == digest(snapshot),
    )
    return _is_written(
        connection, lease, operations.c.generation == lease.generation, select(true()).where(*same).exists()
    )


def _progress(progress: Json) -> dict[str, Any]:
    return {"progress": to_json(progress), "progress_seq": operations.c.progress_seq + 1}


def add_segments(connection: Connection, lease: Lease, segments: Iterable[Segment]) -> None:
    """Inserts rows of a ledger under the generation of the lease."""
    rows = [
        {
            "operation_id": lease.operation_id,
            "generation": lease.generation,
            "kind": segment.kind,
            "seq_from": segment.seq_from,
            "seq_to": segment.seq_to,
            "data": segment.data,
            "hash": digest(segment.data),
        }
        for segment in segments
    ]
    if rows:
        connection.execute(insert(ledger_segments), rows)


def complete(
    connection: Connection,
    lease: Lease,
    segments: Iterable[Segment],
    outcome: Outcome,
    progress: Json,
    trial: Trial | None,
) -> None:
    """Writes the last ledger rows, the result, its trial and the final status, and deletes the snapshots."""
    following = replace(lease, generation=lease.generation + 1)
    end = {"status": Status.COMPLETED.value, "lease_until": None, "ended_at": now(), "crashes": 0}
    if fenced(connection, lease, generation=following.generation, **end, **_progress(progress)) is None:
        same = (results.c.operation_id == lease.operation_id, results.c.result_hash == outcome.result_hash)
        completed = operations.c.status == Status.COMPLETED.value
        if _is_written(connection, following, completed, select(true()).where(*same).exists()):
            return
        raise _lost(lease)
    add_segments(connection, following, segments)
    connection.execute(insert(results).values(outcome_row(connection, lease.operation_id, outcome)))
    if trial is not None:
        log_trial(connection, lease, outcome.identity, trial)
    connection.execute(delete(checkpoints).where(checkpoints.c.operation_id == lease.operation_id))


def log_trial(connection: Connection, lease: Lease, identity: str, trial: Trial) -> None:
    """Logs a trial unless the log has it of this operation."""
    kind = connection.execute(select(operations.c.kind).where(operations.c.id == lease.operation_id)).scalar_one()
    row = trial_row(lease.operation_id, kind, identity, trial)
    same = (trials.c.operation_id == lease.operation_id, trials.c.seal == row["seal"])
    if connection.execute(select(true()).where(*same)).first() is None:
        connection.execute(insert(trials).values(recorded_at=now(), **row))


def beat(connection: Connection, lease: Lease, progress: Json | None, lease_s: float) -> bool:
    """Extends the lease; returns True if the run is asked to stop."""
    report = {} if progress is None else _progress(progress)
    row = fenced(connection, lease, lease_until=now() + lease_s, lease_s=lease_s, **report)
    if row is None:
        raise _lost(lease)
    return bool(row.cancel_requested)


def end(connection: Connection, lease: Lease, status: Status, error: Json | None) -> None:
    """Ends the operation as cancelled or failed, and cancels parts of it that have not ended."""
    changes = {"status": status.value, "error": optional_json(error), "lease_until": None, "ended_at": now()}
    if fenced(connection, lease, **changes) is None and not _is_written(
        connection, lease, operations.c.status == status.value
    ):
        raise _lost(lease)
    cancel_parts(connection, lease.operation_id)


def release(connection: Connection, lease: Lease) -> None:
    """Ends the lease: the operation is interrupted, and any worker may continue it at once."""
    if fenced(connection, lease, lease_until=now()) is None:
        raise _lost(lease)


def return_to_queue(connection: Connection, lease: Lease, worker_id: str, reason: Json, data_stamp: str | None) -> None:
    """Makes the operation pending, marked as unsuited for that worker; cancelled if that was requested."""
    asked = operations.c.cancel_requested
    status = case((asked, Status.CANCELLED.value), else_=Status.PENDING.value)
    waits = {"owner": None, "placement": None, "lease_until": None, "ended_at": case((asked, now()))}
    row = fenced(connection, lease, status=status, **waits)
    if row is None:
        if _is_written(connection, lease, operations.c.owner.is_(None)):
            return
        raise _lost(lease)
    marks = unsuited(connection, json.loads(row.unsuited_workers), worker_id, reason, data_stamp)
    connection.execute(update(operations).where(operations.c.id == lease.operation_id).values(unsuited_workers=marks))


def record_start(connection: Connection, lease: Lease, capability: Capability, model_id: str | None) -> None:
    """Stores what the first start has resolved; values that are stored already stay."""
    profile = optional_json(capability.profile)
    found = {"model_id": model_id, "profile": profile, "semantics": capability.semantics}
    kept = {name: func.coalesce(operations.c[name], value) for name, value in found.items() if value is not None}
    if kept and fenced(connection, lease, **kept) is None:
        raise _lost(lease)


def rewind(connection: Connection, lease: Lease, code: str, lease_s: float) -> Claim | SnapshotUnrecoverable:
    """Puts the loaded checkpoint aside, whose ledger is damaged, and returns a claim on the one before it.

    An operation without another checkpoint ends as failed. That error is returned, so that its transaction commits.
    """
    if fenced(connection, lease, epoch=operations.c.epoch + 1, lease_until=now() + lease_s, lease_s=lease_s) is None:
        raise _lost(lease)
    put_aside(connection, lease.operation_id, lease.generation, code)
    taken = find(connection, lease.operation_id)
    try:
        return loaded(connection, taken, lease.owner)
    except SnapshotUnrecoverable as error:
        change(connection, taken, **failed(error))
        return error
