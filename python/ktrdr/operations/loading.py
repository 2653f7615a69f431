"""The newest checkpoint that can be continued; damaged ones are put aside on the way to it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, literal, select

from ktrdr import _core
from ktrdr.errors import SnapshotCorrupt, SnapshotError, SnapshotTooNew, SnapshotUnrecoverable, SnapshotWrongOperation
from ktrdr.operations.models import Operation, Saved
from ktrdr.operations.tables import checkpoints, damaged_checkpoints, ledger_segments

_KEPT = ("operation_id", "generation", "bar", "snapshot", "hash", "saved_at")


def digest(data: bytes) -> bytes:
    """The BLAKE3 hash that is stored beside a snapshot or a segment."""
    return bytes(_core.content_hash([data]))


def load(connection: Connection, operation: Operation) -> tuple[Saved | None, tuple[str, ...]]:
    """The newest good checkpoint and a line on each damaged one; ``None`` where none was ever saved.

    Raises ``SnapshotUnrecoverable`` where every one kept is damaged, ``SnapshotTooNew``.
    """
    notices: list[str] = []
    for row in newest_first(connection, operation.id):
        try:
            check(operation, row)
        except SnapshotTooNew:
            raise
        except SnapshotError as damage:
            put_aside(connection, operation.id, row.generation, damage.code)
            notices.append(f"{damage.code}: generation {row.generation} (bar {row.bar}) is damaged and was put aside")
        else:
            saved = Saved(row.generation, row.bar, row.snapshot)
            return saved, (*notices, *([goes_on(saved)] if notices else ()))
    if operation.generation > 0:
        raise SnapshotUnrecoverable(
            "no checkpoint that is kept can be continued", where=operation.id, found=" ".join(notices) or "none",
            hint="restart it from bar 0",
        )  # fmt: skip
    return None, ()


def newest_first(connection: Connection, operation_id: str) -> list[Row[Any]]:
    """An operation's checkpoints."""
    statement = select(checkpoints).where(checkpoints.c.operation_id == operation_id)
    return list(connection.execute(statement.order_by(checkpoints.c.generation.desc())))


def check(operation: Operation, row: Row[Any]) -> tuple[bytes, bytes]:
    """Identity and lineage of an intact checkpoint of that operation; raises the ``SnapshotError`` of its damage."""
    if digest(row.snapshot) != row.hash:
        raise SnapshotCorrupt("the bytes are not those that were saved", where=operation.id)
    identity, bar, _, lineage = _core.verify(row.snapshot)
    if bar != row.bar or identity not in _identities(operation, identity):
        raise SnapshotWrongOperation("a snapshot of another run", where=operation.id)
    return identity, lineage


def _identities(operation: Operation, found: bytes) -> tuple[bytes, ...]:
    """What its snapshots may carry: its own, and before a fork's first save its parent's."""
    if operation.identity is None:
        return (found,)
    parent = (operation.forked_from or {}).get("identity")
    return (operation.identity,) if parent is None else (operation.identity, bytes.fromhex(parent))


def goes_on(saved: Saved) -> str:
    """Where an operation continues, for its notices."""
    return f"goes on at generation {saved.generation}, bar {saved.bar}"


def put_aside(connection: Connection, operation_id: str, generation: int, code: str) -> None:
    """Moves a checkpoint to where it can be inspected, and never be continued."""
    this = (checkpoints.c.operation_id == operation_id, checkpoints.c.generation == generation)
    moved = select(*(checkpoints.c[name] for name in _KEPT), literal(code)).where(*this)
    connection.execute(insert(damaged_checkpoints).from_select([*_KEPT, "code"], moved))
    connection.execute(delete(checkpoints).where(*this))


def forget_beyond(connection: Connection, operation_id: str, generation: int) -> None:
    """Deletes checkpoints and ledger rows newer than a generation: whoever goes on there writes them again."""
    for table in (checkpoints, ledger_segments):
        connection.execute(delete(table).where(table.c.operation_id == operation_id, table.c.generation > generation))
