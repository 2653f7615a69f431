"""Adds leases to shared units: a unit may take an hour, so that nobody computes it again while its taker lives."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Adds a lease and the share that is done; a unit that was taken before has no lease and is given out again."""
    for name in ("lease_until", "lease_s", "reached"):
        op.add_column("units", sa.Column(name, sa.Double))
