"""Adds the note by which a person tells an operation from others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds an empty note to every operation."""
    op.add_column("operations", sa.Column("note", sa.Text))
