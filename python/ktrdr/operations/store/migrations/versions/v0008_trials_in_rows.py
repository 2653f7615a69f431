"""Lets an operation log many trials: the scenarios of a sweep, as rows of a table for each part that was saved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Adds the rows; an operation may have several trials, whose seals differ. SQLite copies the table for it."""
    with op.batch_alter_table("trials", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.add_column(sa.Column("rows", sa.LargeBinary))
        table.drop_constraint("uq_trials_operation_id", type_="unique")
        table.create_unique_constraint("uq_trials_operation_id", ["operation_id", "seal"])
