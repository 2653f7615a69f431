"""Rows of the operations table as values, the statements that read them, and the stored form of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from ktrdr.errors import NotFound
from ktrdr.operations.models import Capability, Operation, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.database import now
from ktrdr.operations.store.tables import operations

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_json(value: Any) -> str:
    """Returns one text for one value, whatever the order of its keys.

    >>> to_json({"b": 1, "a": [2.5, None]})
    '{"a":[2.5,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def optional_json(value: Mapping[str, Any] | None) -> str | None:
    """Returns ``to_json(value)``, or None for NULL."""
    return None if value is None else to_json(value)


def moment(seconds: float | None) -> datetime | None:
    """Returns a stored time as an aware datetime, UTC."""
    return None if seconds is None else _EPOCH + timedelta(seconds=seconds)


def select_operation() -> Select[Any]:
    """Selects every column, and the seconds left of the lease by the database's clock."""
    return select(operations, (operations.c.lease_until - now()).label("lease_left_s"))


def find(connection: Connection, operation_id: str) -> Operation:
    """Returns one operation; ``NotFound``."""
    statement = select_operation().where(operations.c.id == operation_id)
    return _one(connection.execute(statement).one_or_none(), operation_id)


def lock(connection: Connection, operation_id: str) -> Operation:
    """Returns one operation and locks it until this transaction ends; ``NotFound``."""
    statement = select_operation().where(operations.c.id == operation_id).with_for_update()
    return _one(connection.execute(statement).one_or_none(), operation_id)


def lock_children(connection: Connection, operation_id: str) -> list[Operation]:
    """Returns the parts of an operation, locked, oldest first."""
    statement = select_operation().where(operations.c.parent_id == operation_id).order_by(operations.c.seq)
    return [operation_of(row) for row in connection.execute(statement.with_for_update())]


def _one(row: Row[Any] | None, operation_id: str) -> Operation:
    if row is None:
        raise no_such_operation(operation_id)
    return operation_of(row)


def no_such_operation(reference: str) -> NotFound:
    """Returns the error of an id that no operation has."""
    return NotFound("no such operation", operation=reference, hint="`ktrdr operations list` shows what there is")


def operation_of(row: Row[Any]) -> Operation:
    """Returns a row of ``select_operation`` as a value."""
    owner = None if row.owner is None else Owner.parse(row.owner)
    return Operation(
        id=row.id,
        parent_id=row.parent_id,
        kind=row.kind,
        status=_status(row, owner),
        spec=json.loads(row.spec),
        model_id=row.model_id,
        threads=row.threads,
        profile=_mapping(row.profile),
        semantics=row.semantics,
        identity=row.identity,
        placement=row.placement,
        owner=owner,
        epoch=row.epoch,
        lease_left_s=row.lease_left_s,
        generation=row.generation,
        progress=_mapping(row.progress),
        progress_seq=row.progress_seq,
        cancel_requested=row.cancel_requested,
        crashes=row.crashes,
        error=_mapping(row.error),
        forked_from=_mapping(row.forked_from),
        unsuited=json.loads(row.unsuited_workers),
        idempotency_key=row.idempotency_key,
        created_at=_EPOCH + timedelta(seconds=row.created_at),
        started_at=moment(row.started_at),
        ended_at=moment(row.ended_at),
        note=row.note,
    )


def _status(row: Row[Any], owner: Owner | None) -> Status:
    status = Status(row.status)
    if status is not Status.RUNNING:
        return status
    over = row.lease_left_s is None or row.lease_left_s <= 0 or owner is None or owner.is_dead()
    return Status.INTERRUPTED if over else Status.RUNNING


def stored(status: Status) -> str:
    """Returns the word that the table holds for a status."""
    return Status.RUNNING.value if status is Status.INTERRUPTED else status.value


def capabilities_json(capabilities: Mapping[str, Capability] | None) -> str | None:
    """Returns capabilities as stored, NULL for None."""
    if capabilities is None:
        return None
    return to_json({kind: {"profile": one.profile, "semantics": one.semantics} for kind, one in capabilities.items()})


def capabilities_of(text: str | None) -> dict[str, Capability] | None:
    """Returns the capabilities that a text of ``capabilities_json`` holds."""
    return None if text is None else {kind: Capability(**one) for kind, one in json.loads(text).items()}


def _mapping(text: str | None) -> dict[str, Any] | None:
    found: dict[str, Any] | None = None if text is None else json.loads(text)
    return found
