"""Results and workers of any kind: one JSON summary for a result, capabilities by kind for a worker."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_SUMMARY = """
UPDATE results SET summary =
    '{"metrics":' || metrics || ',"trades":' || CAST(trades AS TEXT) || ',"undefined":' || undefined || '}'
"""


def upgrade() -> None:
    """Moves a backtest's figures into the summary. Workers register again at their next heartbeat."""
    op.add_column("results", sa.Column("summary", sa.Text, nullable=False, server_default="{}"))
    op.execute(_SUMMARY)
    for name in ("metrics", "undefined", "trades"):
        op.drop_column("results", name)
    op.execute("DELETE FROM workers")
    op.add_column("workers", sa.Column("capabilities", sa.Text))
    for name in ("profile", "semantics"):
        op.drop_column("workers", name)
