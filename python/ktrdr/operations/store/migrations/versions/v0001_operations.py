"""First schema: operations, their checkpoints, ledgers and results, and the workers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates the tables of the first schema."""
    _operations()
    _checkpoints()
    _ledger()
    _workers()


def _operations() -> None:
    op.create_table(
        "operations",
        sa.Column("seq", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("parent_id", sa.String(64)),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("model_id", sa.Text),
        sa.Column("threads", sa.Integer, nullable=False),
        sa.Column("profile", sa.Text),
        sa.Column("semantics", sa.Integer),
        sa.Column("identity", sa.LargeBinary),
        sa.Column("placement", sa.Text),
        sa.Column("unsuited_workers", sa.Text, nullable=False),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("body_hash", sa.LargeBinary),
        sa.Column("owner", sa.Text),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("lease_until", sa.Double),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("progress", sa.Text),
        sa.Column("progress_seq", sa.Integer, nullable=False),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("crashes", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("forked_from", sa.Text),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("started_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.PrimaryKeyConstraint("seq", name="pk_operations"),
        sa.UniqueConstraint("id", name="uq_operations_id"),
        sa.UniqueConstraint("idempotency_key", name="uq_operations_idempotency_key"),
        sa.ForeignKeyConstraint(["parent_id"], ["operations.id"], "fk_operations_parent_id", ondelete="CASCADE"),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'completed', 'failed', 'cancelled')", name="ck_operations_status"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_operations_parent_id", "operations", ["parent_id"])
    op.create_index("ix_operations_status", "operations", ["status", "seq"])


def _of_operation(name: str) -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    column = sa.Column("operation_id", sa.String(64), nullable=False)
    return column, sa.ForeignKeyConstraint(
        ["operation_id"], ["operations.id"], f"fk_{name}_operation_id", ondelete="CASCADE"
    )


def _snapshot_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("bar", sa.Integer, nullable=False),
        sa.Column("snapshot", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("saved_at", sa.Double, nullable=False),
    ]


def _checkpoints() -> None:
    op.create_table(
        "checkpoints",
        *_of_operation("checkpoints"),
        sa.Column("generation", sa.Integer, nullable=False),
        *_snapshot_columns(),
        sa.PrimaryKeyConstraint("operation_id", "generation", name="pk_checkpoints"),
    )
    op.create_table(
        "damaged_checkpoints",
        sa.Column("seq", sa.Integer, autoincrement=True, nullable=False),
        *_of_operation("damaged_checkpoints"),
        sa.Column("generation", sa.Integer, nullable=False),
        *_snapshot_columns(),
        sa.Column("code", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_damaged_checkpoints"),
    )
    op.create_index("ix_damaged_checkpoints_operation_id", "damaged_checkpoints", ["operation_id"])


def _ledger() -> None:
    op.create_table(
        "ledger_segments",
        *_of_operation("ledger_segments"),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("seq_from", sa.Integer, nullable=False),
        sa.Column("seq_to", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("operation_id", "kind", "seq_from", name="pk_ledger_segments"),
        sa.CheckConstraint("seq_to > seq_from", name="ck_ledger_segments_rows"),
    )
    op.create_table(
        "results",
        *_of_operation("results"),
        sa.Column("result_hash", sa.Text, nullable=False),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("metrics", sa.Text, nullable=False),
        sa.Column("undefined", sa.Text, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("warnings", sa.Text, nullable=False),
        sa.Column("trades", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("operation_id", name="pk_results"),
    )


def _workers() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("profile", sa.Text),
        sa.Column("semantics", sa.Integer),
        sa.Column("data_stamp", sa.Text),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )
