"""PostgreSQL stores ledger segments as they come: they are compressed already, and trying again took most of a save."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Changes how new segments are stored; those that are there stay as they are."""
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE ledger_segments ALTER COLUMN data SET STORAGE EXTERNAL")
