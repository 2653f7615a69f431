"""Stores ledger segments as they are on PostgreSQL: compressing them a second time took most of a save."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Changes the storage of new segments; existing ones stay."""
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE ledger_segments ALTER COLUMN data SET STORAGE EXTERNAL")
