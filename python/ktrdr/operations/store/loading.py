"""The newest checkpoint that can be continued; damaged ones are put aside on the way to it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, literal, or_, select

from ktrdr import _core
from ktrdr.errors import SnapshotCorrupt, SnapshotError, SnapshotTooNew, SnapshotUnrecoverable, SnapshotWrongOperation
from ktrdr.operations.models import Operation, Saved
from ktrdr.operations.store.tables import checkpoints, damaged_checkpoints, ledger_segments, operations

_KEPT = ("operation_id", "generation", "bar", "snapshot", "hash", "saved_at")


def digest(data: bytes) -> bytes:
    """The BLAKE3 hash that is stored beside a snapshot or a segment."""
    return bytes(_core.content_hash([data]))


def load(connection: Connection, operation: Operation) -> tuple[Saved | None, tuple[str, ...]]:
    """The newest good checkpoint and a line on each damaged one; ``None`` where none was ever saved.

    Raises ``SnapshotUnrecoverable`` where every one kept is damaged, ``SnapshotTooNew``.
    """
    for row in newest_first(connection, operation.id):
        try:
            check(operation, row)
        except SnapshotTooNew:
            raise
        except SnapshotError as damage:
            put_aside(connection, operation.id, row.generation, damage.code)
        else:
            saved = Saved(row.generation, row.bar, row.snapshot)
            return saved, _notices(put_aside_since_bar_0(connection, operation.id), saved)
    if operation.generation > 0:
        found = "; ".join(_notices(put_aside_since_bar_0(connection, operation.id))) or "none"
        raise SnapshotUnrecoverable(
            "no checkpoint that is kept can be continued", where=operation.id, found=found,
            hint="restart it from bar 0",
        )  # fmt: skip
    return None, ()


def put_aside_since_bar_0(connection: Connection, operation_id: str) -> list[Row[Any]]:
    """The damage that any process of this run has found, not only the last one: its result has to name it.

    What a restarted operation had saved before is not part of its run; what a fork began with is.
    """
    aside, run = damaged_checkpoints.c, operations.c
    of_this_run = or_(aside.saved_at >= run.started_at, run.forked_from.is_not(None))
    statement = select(aside.code, aside.generation, aside.bar).join(operations, run.id == aside.operation_id)
    return list(connection.execute(statement.where(run.id == operation_id, of_this_run).order_by(aside.seq)))


def _notices(aside: list[Row[Any]], saved: Saved | None = None) -> tuple[str, ...]:
    """A line on each, and where the run goes on, unless it has got past them since."""
    lines = [f"{row.code}: the checkpoint of generation {row.generation} (bar {row.bar}) is damaged" for row in aside]
    if saved is not None and any(row.generation > saved.generation for row in aside):
        lines.append(f"goes on at generation {saved.generation}, bar {saved.bar}")
    return tuple(lines)


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
