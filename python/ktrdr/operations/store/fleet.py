"""The workers: their records, and the reasons why none of them runs an operation that waits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from ktrdr.operations.models import Capability, Operation, Status, WorkerRecord
from ktrdr.operations.store.claims import Capabilities, difference, holds, worker_start
from ktrdr.operations.store.database import now
from ktrdr.operations.store.proof.columns import Column, instant, number, read_columns, whole, words
from ktrdr.operations.store.rows import capabilities_json, capabilities_of, moment
from ktrdr.operations.store.tables import as_stored, workers
from ktrdr.time import SECONDS_PER_UNIT

NO_WORKER = {"": "no worker"}
_FORGOTTEN_SECONDS = SECONDS_PER_UNIT["d"]
_STEP_SECONDS = 1.0
"""A clock that is kept right may be set back by so much."""
_COLUMNS = {
    "id": Column(words, ""),
    "host": Column(words, ""),
    "pid": Column(whole, 0),
    "slots": Column(whole, 0),
    "capabilities": Column(capabilities_of, optional=True),
    "data_stamp": Column(words, optional=True),
    "started_at": Column(instant, moment(0.0)),
    "seen_s_ago": Column(number, 0.0),
}


def register(
    connection: Connection, worker_id: str, capabilities: Capabilities | None, lease_s: float, **known: Any
) -> WorkerRecord:
    """Registers a worker that has just started; replaces an earlier one of its id, deletes long silent ones."""
    gone = (workers.c.id == worker_id) | (func.abs(workers.c.seen_at - now()) > _FORGOTTEN_SECONDS)
    connection.execute(delete(workers).where(gone))
    stored = capabilities_json(capabilities)
    row = {"id": worker_id, "capabilities": stored, "started_at": now(), "seen_at": now(), **known}
    connection.execute(insert(workers).values(row))
    return next(worker for worker in all_workers(connection, lease_s) if worker.id == worker_id)


def beat(connection: Connection, worker_id: str, capabilities: Capabilities | None, data_stamp: str | None) -> bool:
    """Notes that a worker lives, and the values that are not None; returns False for an unregistered or damaged one."""
    found = {"capabilities": capabilities_json(capabilities), "data_stamp": data_stamp}
    changed = {name: value for name, value in found.items() if value is not None}
    statement = update(workers).where(workers.c.id == worker_id).values(seen_at=now(), **changed)
    if connection.execute(statement).rowcount != 1:
        return False
    return not any(worker.damaged for worker in all_workers(connection, 0.0) if worker.id == worker_id)


def unregister(connection: Connection, worker_id: str) -> None:
    """Deletes the record of a worker."""
    connection.execute(delete(workers).where(workers.c.id == worker_id))


def all_workers(connection: Connection, lease_s: float) -> list[WorkerRecord]:
    """Returns every worker, live or silent, by id; one whose row is damaged says so, and is not live."""
    statement = select(*as_stored([*workers.c, (now() - workers.c.seen_at).label("seen_s_ago")]))
    return [_record(row, lease_s) for row in connection.execute(statement.order_by(workers.c.id))]


def _record(row: Row[Any], lease_s: float) -> WorkerRecord:
    values, unreadable = read_columns(dict(row._mapping), _COLUMNS)
    ago_s = values["seen_s_ago"]
    # A stamp from the future was written by a clock that has been set back since: no sign of life.
    live = not unreadable and -_STEP_SECONDS <= ago_s < lease_s
    return WorkerRecord(**values, live=live, damaged=bool(unreadable))


def waiting_reasons(
    connection: Connection, operations: Iterable[Operation], lease_s: float
) -> dict[str, dict[str, str]]:
    """Returns, by operation and live worker, why it does not run; an operation that waits for no worker has none."""
    waiting = [operation for operation in operations if _waits(operation)]
    live = [worker for worker in all_workers(connection, lease_s) if worker.live] if waiting else []
    found = {each.id: {worker.id: _reason(connection, each, worker) for worker in live} for each in waiting}
    return {name: reasons or dict(NO_WORKER) for name, reasons in found.items()}


def _waits(operation: Operation) -> bool:
    waits = operation.status in (Status.PENDING, Status.INTERRUPTED) and operation.placement is None
    return waits and operation.parent_id is None


def _reason(connection: Connection, operation: Operation, worker: WorkerRecord) -> str:
    mark = operation.unsuited.get(worker.id)
    if mark is not None and holds(mark, worker_start(connection, worker.id), worker.data_stamp):
        reason = mark["reason"]
        return ": ".join(str(reason[name]) for name in ("code", "message") if reason.get(name))
    known = worker.capabilities
    if known is not None and operation.kind not in known:
        return f"does not run operations of kind {operation.kind}"
    mine = Capability() if known is None else known[operation.kind]
    if operation.profile is not None and mine.profile is not None:
        for name in difference(operation.profile, mine.profile):
            return f"profile_mismatch: another {name}"
    if None not in (operation.semantics, mine.semantics) and operation.semantics != mine.semantics:
        return f"identity_mismatch: semantics version {mine.semantics}, not {operation.semantics}"
    return "takes it when a slot is free"
