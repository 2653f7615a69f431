"""Adds the units of running operations that their owner shares with idle workers, and the results of those."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Makes an empty table; PostgreSQL does not try to compress results that are compressed already."""
    op.create_table(
        "units",
        sa.Column(
            "operation_id",
            sa.String(64),
            sa.ForeignKey("operations.id", ondelete="CASCADE", name="fk_units_operation_id"),
            nullable=False,
        ),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("identity", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("data", sa.LargeBinary),
        sa.Column("seal", sa.LargeBinary),
        sa.PrimaryKeyConstraint("operation_id", "number", name="pk_units"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE units ALTER COLUMN data SET STORAGE EXTERNAL")
