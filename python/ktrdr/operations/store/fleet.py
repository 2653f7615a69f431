"""The workers: their records, and the reasons why none of them runs an operation that waits."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from ktrdr.operations.models import Capability, Operation, Status, WorkerRecord
from ktrdr.operations.store.claims import Capabilities, difference, holds
from ktrdr.operations.store.database import now
from ktrdr.operations.store.rows import capabilities_json, capabilities_of, moment
from ktrdr.operations.store.tables import workers
from ktrdr.time import SECONDS_PER_UNIT

NO_WORKER = {"": "no worker"}
_FORGOTTEN_SECONDS = SECONDS_PER_UNIT["d"]


def register(
    connection: Connection, worker_id: str, capabilities: Capabilities | None, lease_s: float, **known: Any
) -> WorkerRecord:
    """Registers a worker that has just started; replaces an earlier one of its id, deletes long silent ones."""
    gone = (workers.c.id == worker_id) | (workers.c.seen_at < now() - _FORGOTTEN_SECONDS)
    connection.execute(delete(workers).where(gone))
    stored = capabilities_json(capabilities)
    row = {"id": worker_id, "capabilities": stored, "started_at": now(), "seen_at": now(), **known}
    connection.execute(insert(workers).values(row))
    return next(worker for worker in all_workers(connection, lease_s) if worker.id == worker_id)


def beat(connection: Connection, worker_id: str, capabilities: Capabilities | None, data_stamp: str | None) -> bool:
    """Notes that a worker lives, and the values that are not None; returns False for an unregistered one."""
    found = {"capabilities": capabilities_json(capabilities), "data_stamp": data_stamp}
    changed = {name: value for name, value in found.items() if value is not None}
    statement = update(workers).where(workers.c.id == worker_id).values(seen_at=now(), **changed)
    return connection.execute(statement).rowcount == 1


def unregister(connection: Connection, worker_id: str) -> None:
    """Deletes the record of a worker."""
    connection.execute(delete(workers).where(workers.c.id == worker_id))


def all_workers(connection: Connection, lease_s: float) -> list[WorkerRecord]:
    """Returns every worker, live or silent, by id."""
    return [_record(row, lease_s) for row in _rows(connection)]


def _rows(connection: Connection) -> list[Row[Any]]:
    statement = select(workers, (now() - workers.c.seen_at).label("seen_s_ago")).order_by(workers.c.id)
    return list(connection.execute(statement))


def _record(row: Row[Any], lease_s: float) -> WorkerRecord:
    started_at = moment(row.started_at)
    assert started_at is not None
    return WorkerRecord(
        id=row.id,
        host=row.host,
        pid=row.pid,
        slots=row.slots,
        capabilities=capabilities_of(row.capabilities),
        data_stamp=row.data_stamp,
        started_at=started_at,
        seen_s_ago=row.seen_s_ago,
        live=row.seen_s_ago < lease_s,
    )


def waiting_reasons(connection: Connection, operation: Operation, lease_s: float) -> dict[str, str]:
    """Returns, by live worker, why it does not run a waiting operation; empty if it does not wait for a worker."""
    waits = operation.status in (Status.PENDING, Status.INTERRUPTED) and operation.placement is None
    if not waits or operation.parent_id is not None:
        return {}
    live = [row for row in _rows(connection) if row.seen_s_ago < lease_s]
    return {row.id: _reason(operation, row) for row in live} or dict(NO_WORKER)


def _reason(operation: Operation, row: Row[Any]) -> str:
    mark = operation.unsuited.get(row.id)
    if mark is not None and holds(mark, row.started_at, row.data_stamp):
        reason = mark["reason"]
        return ": ".join(str(reason[name]) for name in ("code", "message") if reason.get(name))
    known = capabilities_of(row.capabilities)
    if known is not None and operation.kind not in known:
        return f"does not run operations of kind {operation.kind}"
    mine = Capability() if known is None else known[operation.kind]
    if operation.profile is not None and mine.profile is not None:
        for name in difference(operation.profile, mine.profile):
            return f"profile_mismatch: another {name}"
    if None not in (operation.semantics, mine.semantics) and operation.semantics != mine.semantics:
        return f"identity_mismatch: semantics version {mine.semantics}, not {operation.semantics}"
    return "takes it when a slot is free"
