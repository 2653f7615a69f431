"""Adds hashes over results, with their ledgers, and over logged trials, so that changed ones are recognised."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from alembic import op

from ktrdr.operations.store.proof.columns import to_json
from ktrdr.operations.store.proof.seals import ledger_heads, result_seal, summary_seal, trial_place, trial_seal

revision = "0007"
down_revision = "0006"

_RESULT = ("operation_id", "result_hash", "identity", "summary", "manifest", "warnings")
_TRIAL = ("operation_id", "kind", "identity", "symbol", "timeframe", "from_ns", "until_ns", "facts")
_SEGMENT = ("operation_id", "kind", "seq_from", "seq_to", "hash")


def upgrade() -> None:
    """Seals results and trials as they are."""
    op.add_column("results", sa.Column("ledger", sa.Text))
    op.add_column("results", sa.Column("summary_seal", sa.LargeBinary))
    op.add_column("results", sa.Column("seal", sa.LargeBinary))
    op.add_column("trials", sa.Column("place", sa.Text))
    op.add_column("trials", sa.Column("seal", sa.LargeBinary))
    connection = op.get_bind()
    _seal_results(connection)
    table = _table("trials", "place", "seal", *_TRIAL)
    for row in connection.execute(sa.select(table)).all():
        with suppress(TypeError):  # a damaged row, which is left without a seal and shown as such
            seal = trial_seal(*(getattr(row, name) for name in _TRIAL))
            place = trial_place(row.symbol, row.timeframe, row.from_ns, row.until_ns)
            _set(connection, table, row.operation_id, place=place, seal=seal)


def _seal_results(connection: sa.Connection) -> None:
    table = _table("results", "ledger", "summary_seal", "seal", *_RESULT)
    segments = _table("ledger_segments", *_SEGMENT)
    of = segments.c
    for row in connection.execute(sa.select(table)).all():
        mine = sa.select(of.kind, of.seq_from, of.seq_to, of.hash).where(of.operation_id == row.operation_id)
        with suppress(TypeError, AttributeError):
            heads = ledger_heads(tuple(one) for one in connection.execute(mine.order_by(of.kind, of.seq_from)))
            ledger = to_json(heads)
            figures = summary_seal(row.operation_id, row.result_hash, row.identity, row.summary)
            seal = result_seal(figures, row.manifest, row.warnings, ledger)
            _set(connection, table, row.operation_id, ledger=ledger, summary_seal=figures, seal=seal)


def _table(name: str, *columns: str) -> Any:
    return sa.table(name, *(sa.column(column) for column in columns))


def _set(connection: sa.Connection, table: Any, operation_id: str, **values: Any) -> None:
    connection.execute(sa.update(table).where(table.c.operation_id == operation_id).values(**values))
