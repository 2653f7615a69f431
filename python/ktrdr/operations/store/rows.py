"""Rows of the operations table as values, the statements that read them, and rows that cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, bindparam, case, select

from ktrdr._types import Json
from ktrdr.errors import NotFound, OperationDamaged
from ktrdr.operations.models import Capability, Operation, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.database import now
from ktrdr.operations.store.proof.columns import (
    LONGEST_REMEMBERED,
    REMEMBERED,
    Column,
    blob,
    from_json,
    instant,
    mapping,
    mapping_with,
    number,
    read_columns,
    to_json,
    truth,
    whole,
    words,
)
from ktrdr.operations.store.proof.seals import request_seal
from ktrdr.operations.store.tables import as_stored, operations

_LONGEST_LEASES = 2
_STORED = frozenset(Status) - {Status.INTERRUPTED, Status.DAMAGED}


def _status_word(stored: object) -> Status:
    found = Status(words(stored))
    if found not in _STORED:
        raise ValueError(stored)
    return found


def _marks(stored: object) -> dict[str, Any]:
    """Returns the marks of workers that returned an operation to the queue."""
    found = mapping(stored)
    for mark in found.values():
        if not isinstance(mark["reason"], dict) or not {"started_at", "data_stamp"} <= mark.keys():
            raise ValueError(stored)
    return found


_COLUMNS: Mapping[str, Column] = {
    "id": Column(words, ""),
    "parent_id": Column(words, optional=True),
    "kind": Column(words, ""),
    "status": Column(_status_word, Status.DAMAGED),
    "spec": Column(mapping, {}),
    "model_id": Column(words, optional=True),
    "threads": Column(whole, 0),
    "profile": Column(mapping, optional=True),
    "semantics": Column(whole, optional=True),
    "identity": Column(blob, optional=True),
    "placement": Column(words, optional=True),
    "owner": Column(lambda stored: Owner.parse(words(stored)), optional=True),
    "epoch": Column(whole, 0),
    "lease_until": Column(number, optional=True),
    "lease_s": Column(number, optional=True),
    "lease_left_s": Column(number, optional=True),
    "generation": Column(whole, 0),
    "progress": Column(mapping, optional=True),
    "progress_seq": Column(whole, 0),
    "cancel_requested": Column(truth, instead=False),
    "crashes": Column(whole, 0),
    "error": Column(mapping_with("code", "message"), optional=True),
    "forked_from": Column(mapping_with("operation", "bar"), optional=True),
    "unsuited_workers": Column(_marks, {}),
    "idempotency_key": Column(words, optional=True),
    "created_at": Column(instant, datetime.fromisoformat("1970-01-01T00:00:00+00:00")),
    "started_at": Column(instant, optional=True),
    "ended_at": Column(instant, optional=True),
    "note": Column(words, optional=True),
}
"""Columns of an operation, in the order in which a person would look at them."""


def moment(seconds: float | None) -> datetime | None:
    """Returns a stored time as an aware datetime, UTC."""
    return None if seconds is None else instant(seconds)


def lease_left(of: Table = operations) -> ColumnElement[float]:
    """Returns the seconds until a lease ends, by the database's clock.

    A lease that ends later than two of its lengths from now was written by a clock that has been set back since. It is
    no sign of life, and counts as over.
    """
    left = of.c.lease_until - now()
    return case((left > _LONGEST_LEASES * of.c.lease_s, 0.0), else_=left)


_NAMES = (*operations.c.keys(), "lease_left_s")
_SELECTED = select(*as_stored([*operations.c, lease_left().label("lease_left_s")]))
_BY_ID = _SELECTED.where(operations.c.id == bindparam("id"))


def select_operation() -> Select[Any]:
    """Selects every column as it is stored, and the seconds left of the lease."""
    return _SELECTED


def find(connection: Connection, operation_id: str) -> Operation:
    """Returns one operation; ``NotFound``, ``OperationDamaged``."""
    return _whole(look_up(connection, operation_id))


def look_up(connection: Connection, operation_id: str) -> Operation:
    """Returns one operation, also a damaged one; ``NotFound``."""
    return _one(connection.execute(_BY_ID, {"id": operation_id}).one_or_none(), operation_id)


def lock(connection: Connection, operation_id: str) -> Operation:
    """Returns one operation and locks it until this transaction ends; ``NotFound``, ``OperationDamaged``."""
    found = connection.execute(_BY_ID.with_for_update(), {"id": operation_id}).one_or_none()
    return _whole(_one(found, operation_id))


def lock_children(connection: Connection, operation_id: str) -> list[Operation]:
    """Returns the parts of an operation, locked, oldest first; damaged ones too."""
    statement = select_operation().where(operations.c.parent_id == operation_id).order_by(operations.c.seq)
    return [operation_of(row) for row in connection.execute(statement.with_for_update())]


def _one(row: Row[Any] | None, operation_id: str) -> Operation:
    if row is None:
        raise no_such_operation(operation_id)
    return operation_of(row)


def _whole(read: Operation) -> Operation:
    if read.status is Status.DAMAGED:
        raise _damage(read.id, (read.error or {}).get("found", ""))
    return read


def no_such_operation(reference: str) -> NotFound:
    """Returns the error of an id that no operation has."""
    return NotFound("no such operation", operation=reference, hint="`ktrdr operations list` shows what there is")


def _damage(operation_id: str, columns: str) -> OperationDamaged:
    return OperationDamaged(
        "its row in the database is damaged",
        operation=operation_id,
        found=columns,
        hint="restore the database from a backup, or delete the operation and start it again",
    )


def operation_of(row: Row[Any]) -> Operation:
    """Returns a row of ``select_operation`` as a value.

    A row that is not what was written has the status DAMAGED, an error that names the columns, and the values that
    can be read. A row without a lease is read once for as long as all its columns are the same: lists ask again and
    again for operations that have ended.
    """
    settled = row.lease_left_s is None and isinstance(row.spec, str) and len(row.spec) <= LONGEST_REMEMBERED
    return (_remembered if settled else _read)(*row)


def _read(*row: Any) -> Operation:
    stored = dict(zip(_NAMES, row, strict=True))
    values, unreadable = read_columns(stored, _COLUMNS)
    if not unreadable and stored["request_seal"] != _seal(stored):
        unreadable = ["request"]
    values["unsuited"] = values.pop("unsuited_workers")
    del values["lease_until"], values["lease_s"]  # the seconds that are left say it
    if unreadable:
        values["status"] = Status.DAMAGED
        values["error"] = _damage(values["id"], ", ".join(unreadable)).to_dict()
    elif values["status"] is Status.RUNNING:
        values["status"] = _of_running(values["lease_left_s"], values["owner"])
    return Operation(**values)


_remembered = lru_cache(REMEMBERED, typed=True)(_read)
"""Finds a value by every column of its row, so that no change of the database stays unseen."""


def _seal(stored: Json) -> bytes:
    names = ("id", "parent_id", "kind", "spec", "threads", "idempotency_key")
    return request_seal(*(stored[name] for name in names))


def _of_running(lease_left_s: float | None, owner: Owner | None) -> Status:
    over = lease_left_s is None or lease_left_s <= 0 or owner is None or owner.is_dead()
    return Status.INTERRUPTED if over else Status.RUNNING


def stored(status: Status) -> str:
    """Returns the word that the table holds for a status."""
    return Status.RUNNING.value if status is Status.INTERRUPTED else status.value


def capabilities_json(capabilities: Mapping[str, Capability] | None) -> str | None:
    """Returns capabilities as stored, NULL for None."""
    if capabilities is None:
        return None
    return to_json({kind: {"profile": one.profile, "semantics": one.semantics} for kind, one in capabilities.items()})


def capabilities_of(text: str) -> dict[str, Capability]:
    """Returns the capabilities that a text of ``capabilities_json`` holds."""
    return {kind: Capability(**one) for kind, one in from_json(text).items()}
