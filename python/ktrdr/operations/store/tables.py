"""The tables, as the newest migration leaves them. Times are seconds since 1970 by the database's clock."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    type_coerce,
)
from sqlalchemy.types import NullType

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

operations = Table(
    "operations",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False),
    Column("parent_id", String(64), ForeignKey("operations.id", ondelete="CASCADE"), index=True),
    Column("kind", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("spec", Text, nullable=False),
    Column("request_seal", LargeBinary),
    Column("model_id", Text),
    Column("threads", Integer, nullable=False),
    Column("profile", Text),
    Column("semantics", Integer),
    Column("identity", LargeBinary),
    Column("placement", Text),
    Column("unsuited_workers", Text, nullable=False),
    Column("idempotency_key", Text),
    Column("body_hash", LargeBinary),
    Column("owner", Text),
    Column("epoch", Integer, nullable=False),
    Column("lease_until", Double),
    Column("lease_s", Double),
    Column("generation", Integer, nullable=False),
    Column("progress", Text),
    Column("progress_seq", Integer, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("error", Text),
    Column("forked_from", Text),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("note", Text),
    UniqueConstraint("id"),
    UniqueConstraint("idempotency_key"),
    CheckConstraint("status IN ('pending', 'running', 'completed', 'failed', 'cancelled')", name="status"),
    Index(None, "status", "seq"),
    sqlite_autoincrement=True,
)


def _operation_id(*, primary_key: bool = False) -> Column[str]:
    there = ForeignKey("operations.id", ondelete="CASCADE")
    return Column("operation_id", String(64), there, primary_key=primary_key, nullable=False)


checkpoints = Table(
    "checkpoints",
    metadata,
    _operation_id(primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("bar", Integer, nullable=False),
    Column("snapshot", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("saved_at", Double, nullable=False),
)

damaged_checkpoints = Table(
    "damaged_checkpoints",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    _operation_id(),
    Column("generation", Integer, nullable=False),
    Column("bar", Integer, nullable=False),
    Column("snapshot", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("saved_at", Double, nullable=False),
    Column("code", String(64), nullable=False),
    Index(None, "operation_id"),
)

ledger_segments = Table(
    "ledger_segments",
    metadata,
    _operation_id(primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("seq_from", Integer, primary_key=True, autoincrement=False),
    Column("seq_to", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    CheckConstraint("seq_to > seq_from", name="rows"),
)

results = Table(
    "results",
    metadata,
    _operation_id(primary_key=True),
    Column("result_hash", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("manifest", Text, nullable=False),
    Column("warnings", Text, nullable=False),
    Column("summary", Text, nullable=False, server_default="{}"),
    Column("ledger", Text),
    Column("summary_seal", LargeBinary),
    Column("seal", LargeBinary),
)

trials = Table(
    "trials",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("operation_id", String(64), nullable=False),  # of an operation that may be gone
    Column("kind", String(32), nullable=False),
    Column("identity", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("timeframe", String(8), nullable=False),
    Column("from_ns", BigInteger, nullable=False),
    Column("until_ns", BigInteger, nullable=False),
    Column("facts", Text, nullable=False),
    Column("recorded_at", Double, nullable=False),
    Column("place", Text),
    Column("seal", LargeBinary),
    Column("rows", LargeBinary),
    UniqueConstraint("operation_id", "seal"),
    Index(None, "symbol", "timeframe"),
    sqlite_autoincrement=True,
)

units = Table(
    "units",
    metadata,
    _operation_id(primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("identity", LargeBinary, nullable=False),
    Column("version", Text, nullable=False),
    Column("owner", Text),
    Column("data", LargeBinary),
    Column("seal", LargeBinary),
    Column("lease_until", Double),
    Column("lease_s", Double),
    Column("reached", Double),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("data_stamp", Text),
    Column("started_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Column("capabilities", Text),
)


def as_stored(columns: Iterable[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """Returns columns to select without their types.

    A type would refuse a damaged value, and every other row of the answer with it. Readers check values one by one.
    """
    return [type_coerce(column, NullType()).label(column.key) for column in columns]
