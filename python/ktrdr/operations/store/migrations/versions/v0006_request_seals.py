"""Adds a hash over the columns of a request, so that a damaged row is recognised, and the length of a lease."""

from __future__ import annotations

from contextlib import suppress

import sqlalchemy as sa
from alembic import op

from ktrdr.operations.store.proof.seals import request_seal

revision = "0006"
down_revision = "0005"

_SEALED = ("id", "parent_id", "kind", "spec", "threads", "idempotency_key")


def upgrade() -> None:
    """Seals the operations as they are; a lease without a length is believed until its next renewal."""
    op.add_column("operations", sa.Column("request_seal", sa.LargeBinary))
    op.add_column("operations", sa.Column("lease_s", sa.Double))
    table = sa.table("operations", *(sa.column(name) for name in ("seq", "request_seal", *_SEALED)))
    connection = op.get_bind()
    for row in connection.execute(sa.select(table)).all():
        with suppress(TypeError):  # a damaged row, which is left without a seal and shown as such
            seal = request_seal(*(getattr(row, name) for name in _SEALED))
            connection.execute(sa.update(table).where(table.c.seq == row.seq).values(request_seal=seal))
