"""Adds the log of trials: the results that a later one is measured against, kept when their operations are deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes an empty log; runs that completed before have no trial."""
    op.create_table(
        "trials",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("operation_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("timeframe", sa.String(8), nullable=False),
        sa.Column("from_ns", sa.BigInteger, nullable=False),
        sa.Column("until_ns", sa.BigInteger, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.Double, nullable=False),
        sa.UniqueConstraint("operation_id", name="uq_trials_operation_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_trials_symbol", "trials", ["symbol", "timeframe"])
