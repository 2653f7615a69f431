"""Upgrades the schema to its newest revision when a database is opened."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, column, select, table, text

from ktrdr.errors import DatabaseTooNew
from ktrdr.operations.store.database import Database

HEAD = "0010"
MIGRATIONS = Path(__file__).parent
_UPGRADE_LOCK = 0x6B74_7264_72  # "ktrdr": any number that PostgreSQL's other users do not lock
_version = table("alembic_version", column("version_num"))


def bring_to_head(database: Database) -> None:
    """Runs the missing migrations; ``DatabaseTooNew`` if the database has one that this version does not know."""
    if database.read(_revision) != HEAD:
        database.write(_upgrade)


def _revision(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    found: str | None = connection.execute(select(_version.c.version_num)).scalar()
    return found


def _upgrade(connection: Connection) -> None:
    """Upgrades in one process while the others wait; on SQLite the write lock is held already."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
    current = _revision(connection)
    directory = ScriptDirectory(str(MIGRATIONS))
    context = MigrationContext.configure(connection)
    scripts = list(directory.walk_revisions())  # newest first, in one line
    known = [script.revision for script in scripts]
    if current is not None and current not in known:
        hint = "update ktrdr, or use another database"
        raise DatabaseTooNew("written by a later version", where="database", found=current, expected=HEAD, hint=hint)
    missing = scripts if current is None else scripts[: known.index(current)]
    with Operations.context(context):
        for script in reversed(missing):
            script.module.upgrade()
    context.stamp(directory, "head")
