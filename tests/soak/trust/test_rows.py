"""Rows that are damaged in every column of every table, and altered results: each is named, nothing else suffers."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from ktrdr.operations.store.tables import metadata
from ktrdr.operations.verification import verify_result
from support import flips
from support.database import stores
from support.process.processes import Place, wait_until
from support.process.service import service

pytestmark = pytest.mark.soak
VALUES: tuple[Any, ...] = (None, "", "x", '{"a": ', b"\xff\xfe", -1, 2**62, 0.5, float("inf"))
"""Values that a cell is made to hold, whatever its type."""
TABLES = (*flips.DATABASE, "damaged_checkpoints")
REFUSED = "refused by the database"
_ALLOWED = frozenset({200, 404, 409, 422, 503})
Tell = Callable[[str, object], None]


@pytest.fixture
def world(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> flips.World:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("KTRDR_STRATEGIES_DIR", str(tmp_path / "strategies"))
    return flips.World.make(tmp_path, database_url)


@pytest.fixture
def place(world: flips.World, database_url: str) -> Place:
    return Place(world.folder, database_url)


@pytest.fixture
def client(place: Place) -> Iterator[httpx.Client]:
    """A worker over that database."""
    with service(place) as running, running.client() as found:
        yield found
        assert "Traceback" not in running.log


def damaged(url: str) -> Iterator[tuple[str, str, Any]]:
    """Damages one cell after another, of one row of each table; each is as before when the next one is asked for."""
    if url.startswith("sqlite"):
        return damaged_in_sqlite(Path(url.removeprefix("sqlite:///")))
    return damaged_in_postgresql(url.replace("+psycopg", ""))


def damaged_in_postgresql(address: str) -> Iterator[tuple[str, str, Any]]:
    """The same past PostgreSQL's foreign keys; it refuses values of another type by itself."""
    with psycopg.connect(address, autocommit=True) as base:
        base.execute("SET session_replication_role = replica")
        for table in TABLES:
            columns = list(metadata.tables[table].columns.keys())
            keys = list(metadata.tables[table].primary_key.columns.keys())
            here = " AND ".join(f"{name} = %s" for name in keys)
            whole = ", ".join(f"{name} = %s" for name in columns)
            row = base.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {keys[0]} LIMIT 1").fetchone()
            key = [row[columns.index(name)] for name in keys] if row else []
            for column, value in product(columns if row else (), VALUES):
                change = f"UPDATE {table} SET {column} = %s WHERE {here} RETURNING {', '.join(keys)}"
                try:
                    moved = base.execute(change, (value, *key)).fetchone()
                except psycopg.Error:
                    yield table, REFUSED, value
                    continue
                yield table, column, value
                assert row is not None and moved is not None
                base.execute(f"UPDATE {table} SET {whole} WHERE {here}", (*row, *moved))


def damaged_in_sqlite(file: Path) -> Iterator[tuple[str, str, Any]]:
    """The same past SQLite's checks."""
    with closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as base:
        base.execute("PRAGMA ignore_check_constraints = ON")
        base.execute("PRAGMA foreign_keys = OFF")
        for table in TABLES:
            columns = [name for _, name, *_ in base.execute(f"PRAGMA table_info({table})")]
            row = base.execute(f"SELECT rowid, * FROM {table} ORDER BY rowid LIMIT 1").fetchone()
            for number, column in enumerate(columns if row else ()):
                for value in VALUES:
                    try:
                        base.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, row[0]))
                    except (sqlite3.IntegrityError, OverflowError):
                        yield table, REFUSED, value
                        continue
                    yield table, column, value
                    rowid = value if column == "seq" and isinstance(value, int) else row[0]
                    whole = ", ".join(f"{name} = ?" for name in columns)
                    base.execute(f"UPDATE {table} SET {whole} WHERE rowid = ?", (*row[1:], rowid))
                    assert number < len(columns)


def test_trust_2_every_column(world: flips.World, place: Place, client: httpx.Client, record_property: Tell) -> None:
    """The worker answers without a fault, runs what is whole, and shows every other row as it is."""
    other = place.submit(world.store, "mlp")
    wait_until(world.store, other.id, within_s=300)
    paths = ["/operations", "/", "/workers", "/metrics", "/dashboard/workers", "/dashboard/compare"]
    paths += [f"/operations/{name}" for name in (world.done, world.stopped)]
    paths += [f"/operations/{world.done}/{part}" for part in ("results", "trades", "equity")]
    tally: Counter[str] = Counter()
    for table, column, value in damaged(place.url):
        tally[f"{table}: cells" if column != REFUSED else f"{table}: {REFUSED}"] += 1
        for path in paths:
            said = client.get(path)
            assert said.status_code in _ALLOWED, (table, column, value, path, said.text[:300])
            tally["answers"] += 1
        shown = client.get(f"/operations/{other.id}").json()
        assert shown["status"] == "completed" and not shown["error"], (table, column, value, shown["error"])
        assert client.get("/health").status_code == 200, (table, column, value)
    last = place.submit(world.store, "mlp", end="2024-03-01")
    wait_until(world.store, last.id, within_s=300)
    record_property(
        "table",
        "\n".join(
            [f"trust_2, {place.url.partition(':')[0]}", *(f"  {tally[name]:7,} {name}" for name in sorted(tally))]
        ),
    )


def test_trust_3_altered_figures(world: flips.World, client: httpx.Client, record_property: Tell) -> None:
    """Each metric of a result, times three: list, result and page say so, and so does its verification."""
    read = "SELECT summary FROM results WHERE operation_id = :id"
    ((text,),) = stores.sql(world.store, read, id=world.done)
    metrics = {name: value for name, value in json.loads(text)["metrics"].items() if value}
    write = "UPDATE results SET summary = :it WHERE operation_id = :id"
    for name, value in metrics.items():
        changed = json.loads(text)
        changed["metrics"][name] = value * 3
        stores.sql(world.store, write, it=json.dumps(changed), id=world.done)
        (listed,) = (one for one in client.get("/operations").json()["operations"]
                     if one["operation_id"] == world.done)  # fmt: skip
        assert listed["error"]["code"] == "result_damaged", name
        assert client.get(f"/operations/{world.done}/results").json()["error"]["code"] == "result_damaged", name
        assert verify_result(world.store, world.done).failed, name
        stores.sql(world.store, write, it=text, id=world.done)
    assert not verify_result(world.store, world.done).failed
    record_property("table", f"trust_3\n  {len(metrics):7,} metrics altered, each named by list, result and proof")
