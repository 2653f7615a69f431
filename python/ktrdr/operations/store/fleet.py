"""The workers: who is there, and why none of them runs an operation that waits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from ktrdr.operations.models import Operation, Status, WorkerRecord
from ktrdr.operations.store.claims import difference, holds
from ktrdr.operations.store.database import now
from ktrdr.operations.store.rows import moment, optional_json
from ktrdr.operations.store.tables import workers

Json = Mapping[str, Any]
NO_WORKER = {"": "no worker"}
_FORGOTTEN_SECONDS = 86_400


def register(
    connection: Connection, worker_id: str, profile: Json | None, lease_s: float, **known: Any
) -> WorkerRecord:
    """A worker that has just started, in the place of an earlier one of its id; long silent ones are forgotten."""
    gone = (workers.c.id == worker_id) | (workers.c.seen_at < now() - _FORGOTTEN_SECONDS)
    connection.execute(delete(workers).where(gone))
    row = {"id": worker_id, "profile": optional_json(profile), "started_at": now(), "seen_at": now(), **known}
    connection.execute(insert(workers).values(row))
    return next(worker for worker in all_workers(connection, lease_s) if worker.id == worker_id)


def beat(connection: Connection, worker_id: str, profile: Json | None, **known: Any) -> bool:
    """Seen now, with what has become known since; whether the worker is registered."""
    found = {"profile": optional_json(profile), **known}
    changed = {name: value for name, value in found.items() if value is not None}
    statement = update(workers).where(workers.c.id == worker_id).values(seen_at=now(), **changed)
    return connection.execute(statement).rowcount == 1


def unregister(connection: Connection, worker_id: str) -> None:
    """The worker is gone."""
    connection.execute(delete(workers).where(workers.c.id == worker_id))


def all_workers(connection: Connection, lease_s: float) -> list[WorkerRecord]:
    """Every worker, live or silent, by id."""
    return [_record(row, lease_s) for row in _rows(connection)]


def _rows(connection: Connection) -> list[Row[Any]]:
    statement = select(workers, (now() - workers.c.seen_at).label("seen_s_ago")).order_by(workers.c.id)
    return list(connection.execute(statement))


def _record(row: Row[Any], lease_s: float) -> WorkerRecord:
    started_at = moment(row.started_at)
    assert started_at is not None
    return WorkerRecord(
        id=row.id, host=row.host, pid=row.pid, slots=row.slots,
        profile=None if row.profile is None else json.loads(row.profile), semantics=row.semantics,
        data_stamp=row.data_stamp, started_at=started_at, seen_s_ago=row.seen_s_ago, live=row.seen_s_ago < lease_s,
    )  # fmt: skip


def waiting_reasons(connection: Connection, operation: Operation, lease_s: float) -> dict[str, str]:
    """Why each live worker does not run an operation that waits; empty where it does not wait for a worker."""
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
    if operation.profile is not None and row.profile is not None:
        for name in difference(operation.profile, json.loads(row.profile)):
            return f"profile_mismatch: another {name}"
    if None not in (operation.semantics, row.semantics) and operation.semantics != row.semantics:
        return f"identity_mismatch: semantics version {row.semantics}, not {operation.semantics}"
    return "takes it when a slot is free"
