"""A database is made, brought to head, or refused, when it is opened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import ktrdr
from ktrdr.errors import ArgumentInvalid, DatabaseTooNew, StorageUnavailable
from ktrdr.operations.models import Status
from ktrdr.operations.store.database import database_url as url_of
from ktrdr.operations.store.migrations.schema import HEAD, MIGRATIONS
from ktrdr.operations.store.store import Store
from ktrdr.operations.store.tables import metadata
from support.database import stores, tape
from support.database.databases import Server

FIRST_FIGURES = {"metrics": "TEXT", "undefined": "TEXT", "trades": "INTEGER"}
"""Columns that the first revision had for a backtest's result."""
PACKAGES = Path(ktrdr.__file__).parents[1]


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


def test_the_migrations_make_the_tables(store: Store) -> None:
    with store._database._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_a_database_of_a_later_version_is_refused(store: Store, database_url: str) -> None:
    stores.sql(store, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseTooNew, match=rf"database: written by a later version: found 9999, expected {HEAD}; .*"):
        Store.open(database_url)
    stores.sql(store, f"UPDATE alembic_version SET version_num = '{HEAD}'")


def test_a_database_of_an_earlier_version_keeps_what_it_holds(store: Store, database_url: str) -> None:
    completed = stores.running(store)
    stores.complete(store, completed.lease)
    operation = stores.running(store).operation
    store.register("one", host="box", pid=7, slots=1)
    kept = stores.facts(store, operation.id)
    _back_to_0001(store)
    again = Store.open(database_url)
    assert stores.sql(again, "SELECT version_num FROM alembic_version") == [(HEAD,)]
    assert stores.facts(again, operation.id) == kept
    assert again.get(operation.id).status is Status.RUNNING  # sealed as it was
    first = {name: tape.OUTCOME.summary[name] for name in FIRST_FIGURES}
    assert again.outcome(completed.operation.id) == replace(tape.OUTCOME, summary=first)
    assert again.workers() == []  # they register again at their next heartbeat
    again.close()


def _back_to_0001(store: Store) -> None:
    """Makes the columns of the first revision, with the figures that the summary holds."""
    if store._database._engine.dialect.name == "postgresql":
        stores.sql(store, "ALTER TABLE ledger_segments ALTER COLUMN data SET STORAGE EXTENDED")
    figures = {name: json.dumps(value) for name, value in tape.OUTCOME.summary.items()}
    for name, kind in FIRST_FIGURES.items():
        stores.sql(store, f"ALTER TABLE results ADD COLUMN {name} {kind} NOT NULL DEFAULT '{figures[name]}'")
    for name, kind in {"profile": "TEXT", "semantics": "INTEGER"}.items():
        stores.sql(store, f"ALTER TABLE workers ADD COLUMN {name} {kind}")
    stores.sql(store, "ALTER TABLE results DROP COLUMN summary")
    for table, name in (("results", "ledger"), ("results", "summary_seal"), ("results", "seal")):
        stores.sql(store, f"ALTER TABLE {table} DROP COLUMN {name}")
    for name in ("note", "request_seal", "lease_s"):
        stores.sql(store, f"ALTER TABLE operations DROP COLUMN {name}")
    stores.sql(store, "ALTER TABLE workers DROP COLUMN capabilities")
    stores.sql(store, "DROP TABLE trials")
    stores.sql(store, "DROP TABLE units")
    stores.sql(store, "UPDATE alembic_version SET version_num = '0001'")


def test_postgresql_does_not_compress_segments_again(postgresql_url: str) -> None:
    """It took four fifths of a large save."""
    store = Store.open(postgresql_url)
    asked = "SELECT attstorage FROM pg_attribute WHERE attrelid = 'ledger_segments'::regclass AND attname = 'data'"
    _back_to_0001(store)
    assert stores.sql(store, asked) == [("x",)]
    Store.open(postgresql_url).close()
    assert stores.sql(store, asked) == [("e",)]
    store.close()


OPEN = """
import sys, time
from ktrdr.operations.store.store import Store
time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
store = Store.open(sys.argv[1])
store.submit("backtest", {})
print(*(name for name in ("alembic", "torch", "fastapi", "polars", "talib") if name in sys.modules))
"""


def start(url: str, at: float = 0.0) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(PACKAGES)}
    command = [sys.executable, "-c", OPEN, url, str(at)]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'ktrdr.db'}"
    server: Server = request.getfixturevalue("postgresql")
    return server.url(server.empty())


def test_processes_that_open_a_new_database_at_once_all_succeed(empty_url: str) -> None:
    import time

    at = time.time() + 1.5
    opened = [start(empty_url, at) for _ in range(4)]
    ends = [(process.communicate(timeout=60), process.returncode) for process in opened]
    assert [code for _, code in ends] == [0] * 4, ends
    store = Store.open(empty_url)
    assert len(store.list()[0]) == 4
    assert stores.sql(store, "SELECT version_num FROM alembic_version") == [(HEAD,)]
    store.close()


def test_at_head_nothing_heavy_is_imported(database_url: str) -> None:
    process = start(database_url)
    said, complaint = process.communicate(timeout=60)
    assert (said.strip(), process.returncode) == ("", 0), complaint


def test_the_default_is_a_file_in_the_data_folder_for_its_user_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("KTRDR_DATABASE_URL", raising=False)
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path / "data"))
    store = Store.open()
    stores.submit(store)
    files = sorted((tmp_path / "data").iterdir())
    assert [file.name for file in files] == ["ktrdr.db", "ktrdr.db-shm", "ktrdr.db-wal"]
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * 3
    assert [stores.sql(store, f"PRAGMA {name}") for name in ("journal_mode", "synchronous", "foreign_keys")] == [
        [("wal",)], [(2,)], [(1,)],
    ]  # fmt: skip
    store.close()


def test_the_environment_names_the_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KTRDR_DATABASE_URL", f"sqlite:///{tmp_path}/x.db")
    Store.open().close()
    assert (tmp_path / "x.db").exists()


@pytest.mark.parametrize("url", ["mysql://me:secret@host/db", "postgresql://me:secret@host/db", "sqlite://", "secret"])
def test_another_kind_of_database_is_refused_without_repeating_a_password(url: str) -> None:
    with pytest.raises(ArgumentInvalid) as caught:
        url_of(url)
    assert "secret" not in str(caught.value)


def test_a_lease_must_be_a_time(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> None:
    monkeypatch.setenv("KTRDR_LEASE_SECONDS", "soon")
    with pytest.raises(ArgumentInvalid, match="KTRDR_LEASE_SECONDS"):
        Store.open(sqlite_url)


def test_a_file_that_is_no_database_is_refused_for_good(tmp_path: Path) -> None:
    (tmp_path / "ktrdr.db").write_bytes(b"not a database, but long enough to be looked at " * 100)
    with pytest.raises(StorageUnavailable) as caught:
        Store.open(f"sqlite:///{tmp_path}/ktrdr.db")
    assert not caught.value.transient
    assert str(tmp_path) not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_named_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnavailable, match=r"^ktrdr.db: the database cannot be opened: found Not a directory$"):
        Store.open(f"sqlite:///{tmp_path}/file/under/ktrdr.db")


def test_a_database_that_does_not_exist_is_refused_for_good(postgresql: Server) -> None:
    with pytest.raises(StorageUnavailable) as caught:
        Store.open(postgresql.url("nobody_made_it"))
    assert not caught.value.transient
