"""Loads the newest checkpoint that can be continued; damaged ones are put aside on the way to it."""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy import Connection, Row, delete, insert, literal, or_, select

from ktrdr import _core
from ktrdr.errors import SnapshotCorrupt, SnapshotError, SnapshotTooNew, SnapshotUnrecoverable, SnapshotWrongOperation
from ktrdr.operations.models import LoadedCheckpoint, OpenedSnapshot, Operation
from ktrdr.operations.registry import registered
from ktrdr.operations.store.tables import as_stored, checkpoints, damaged_checkpoints, ledger_segments, operations

_KEPT = ("operation_id", "generation", "bar", "snapshot", "hash", "saved_at")


class SnapshotFormat(Protocol):
    """The part of a kind that the store needs: it opens the bytes of a snapshot."""

    def open_snapshot(self, snapshot: bytes) -> OpenedSnapshot:
        """Returns the snapshot, verified as far as that needs no other data; raises a ``SnapshotError`` leaf."""


def digest(data: bytes) -> bytes:
    """Returns the BLAKE3 hash that is stored beside a snapshot or a segment."""
    return bytes(_core.content_hash([data]))


def load(connection: Connection, operation: Operation) -> tuple[LoadedCheckpoint | None, tuple[str, ...]]:
    """Returns the newest good checkpoint, None if none was ever saved, and a line on each damaged one.

    Raises ``SnapshotUnrecoverable`` if every kept one is damaged, ``SnapshotTooNew``.
    """
    for row in newest_first(connection, operation.id):
        try:
            opened = check(operation, row)
        except SnapshotTooNew:
            raise
        except SnapshotError as damage:
            put_aside(connection, operation.id, row.generation, damage.code)
        else:
            saved = LoadedCheckpoint(row.generation, row.bar, opened)
            return saved, _notices(put_aside_since_bar_0(connection, operation.id), saved)
    if operation.generation > 0:
        found = "; ".join(_notices(put_aside_since_bar_0(connection, operation.id))) or "none"
        raise SnapshotUnrecoverable(
            "no kept checkpoint can be continued", where=operation.id, found=found, hint="restart it from bar 0"
        )
    return None, ()


def put_aside_since_bar_0(connection: Connection, operation_id: str) -> list[Row[Any]]:
    """Returns the damage that any process of this run has found, since its result has to name it.

    Checkpoints from before a restart are not part of the run. The one that a fork began with is.
    """
    aside = damaged_checkpoints.c
    run = operations.c
    of_this_run = or_(aside.saved_at >= run.started_at, run.forked_from.is_not(None))
    statement = select(aside.code, aside.generation, aside.bar).join(operations, run.id == aside.operation_id)
    return list(connection.execute(statement.where(run.id == operation_id, of_this_run).order_by(aside.seq)))


def _notices(aside: list[Row[Any]], saved: LoadedCheckpoint | None = None) -> tuple[str, ...]:
    """Returns a line on each, and the place the run continues at unless it has passed them since."""
    lines = [f"{row.code}: the checkpoint of generation {row.generation} (bar {row.bar}) is damaged" for row in aside]
    if saved is not None and any(row.generation > saved.generation for row in aside):
        lines.append(f"continues at generation {saved.generation}, bar {saved.bar}")
    return tuple(lines)


def newest_first(connection: Connection, operation_id: str) -> list[Row[Any]]:
    """Returns the checkpoints of an operation."""
    statement = select(*as_stored(checkpoints.c)).where(checkpoints.c.operation_id == operation_id)
    return list(connection.execute(statement.order_by(checkpoints.c.generation.desc())))


def check(operation: Operation, row: Row[Any]) -> OpenedSnapshot:
    """Opens an intact checkpoint of that operation; raises the ``SnapshotError`` of its damage."""
    if not isinstance(row.snapshot, bytes) or digest(row.snapshot) != row.hash:
        raise SnapshotCorrupt("the bytes are not those that were saved", where=operation.id)
    form: SnapshotFormat = registered(operation.kind)
    opened = form.open_snapshot(row.snapshot)
    if opened.bar != row.bar or opened.identity not in _identities(operation, opened.identity):
        raise SnapshotWrongOperation("a snapshot of another run", where=operation.id)
    return opened


def _identities(operation: Operation, found: bytes) -> tuple[bytes, ...]:
    """Returns the identities that its snapshots may carry: its own and, before a fork's first save, its parent's."""
    if operation.identity is None:
        return (found,)
    parent = (operation.forked_from or {}).get("identity")
    return (operation.identity,) if parent is None else (operation.identity, bytes.fromhex(parent))


def put_aside(connection: Connection, operation_id: str, generation: int, code: str) -> None:
    """Moves a checkpoint to the table of damaged ones, which are inspected but never continued."""
    this = (checkpoints.c.operation_id == operation_id, checkpoints.c.generation == generation)
    moved = select(*(checkpoints.c[name] for name in _KEPT), literal(code)).where(*this)
    connection.execute(insert(damaged_checkpoints).from_select([*_KEPT, "code"], moved))
    connection.execute(delete(checkpoints).where(*this))


def forget_beyond(connection: Connection, operation_id: str, generation: int) -> None:
    """Deletes checkpoints and ledger rows newer than a generation: the run that continues there writes them again."""
    for table in (checkpoints, ledger_segments):
        connection.execute(delete(table).where(table.c.operation_id == operation_id, table.c.generation > generation))
