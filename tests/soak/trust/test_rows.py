"""Rows that are damaged in every column of every table, and altered results: each is named, nothing else suffers."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from ktrdr.operations.verification import verify_result
from support import flips
from support.process.processes import Place, wait_until
from support.process.service import service

pytestmark = pytest.mark.soak
VALUES: tuple[Any, ...] = (None, "", "x", '{"a": ', b"\xff\xfe", -1, 2**62, 0.5, float("inf"))
"""Values that a cell is made to hold, whatever its type."""
TABLES = (*flips.DATABASE, "damaged_checkpoints")
_ALLOWED = frozenset({200, 404, 409, 422, 503})
Tell = Callable[[str, object], None]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> flips.World:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("KTRDR_STRATEGIES_DIR", str(tmp_path / "strategies"))
    return flips.World.make(tmp_path)


@pytest.fixture
def client(world: flips.World) -> Iterator[httpx.Client]:
    """A worker over that database."""
    place = Place(world.folder, f"sqlite:///{world.folder / 'ktrdr.db'}")
    with service(place) as running, running.client() as found:
        yield found
        assert "Traceback" not in running.log


def damaged(file: Path) -> Iterator[tuple[str, str, Any]]:
    """Damages one cell after another, of one row of each table; each is as before when the next one is asked for."""
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
                        yield table, "refused by the database", value
                        continue
                    yield table, column, value
                    rowid = value if column == "seq" and isinstance(value, int) else row[0]
                    whole = ", ".join(f"{name} = ?" for name in columns)
                    base.execute(f"UPDATE {table} SET {whole} WHERE rowid = ?", (*row[1:], rowid))
                    assert number < len(columns)


def test_trust_2_every_column(world: flips.World, client: httpx.Client, record_property: Tell) -> None:
    """The worker answers without a fault, runs what is whole, and shows every other row as it is."""
    other = Place(world.folder, f"sqlite:///{world.folder / 'ktrdr.db'}").submit(world.store, "mlp")
    wait_until(world.store, other.id, within_s=300)
    paths = ["/operations", "/", "/workers", "/metrics", "/dashboard/workers", "/dashboard/compare"]
    paths += [f"/operations/{name}" for name in (world.done, world.stopped)]
    paths += [f"/operations/{world.done}/{part}" for part in ("results", "trades", "equity")]
    tally: Counter[str] = Counter()
    for table, column, value in damaged(world.folder / "ktrdr.db"):
        tally[f"{table}: cells" if column != "refused by the database" else f"{table}: refused by the database"] += 1
        for path in paths:
            said = client.get(path)
            assert said.status_code in _ALLOWED, (table, column, value, path, said.text[:300])
            tally["answers"] += 1
        shown = client.get(f"/operations/{other.id}").json()
        assert shown["status"] == "completed" and not shown["error"], (table, column, value, shown["error"])
        assert client.get("/health").status_code == 200, (table, column, value)
    last = Place(world.folder, f"sqlite:///{world.folder / 'ktrdr.db'}").submit(world.store, "mlp", end="2024-03-01")
    wait_until(world.store, last.id, within_s=300)
    record_property("table", "\n".join(["trust_2", *(f"  {tally[name]:7,} {name}" for name in sorted(tally))]))


def test_trust_3_altered_figures(world: flips.World, client: httpx.Client, record_property: Tell) -> None:
    """Each metric of a result, times three: list, result and page say so, and so does its verification."""
    file = world.folder / "ktrdr.db"
    with closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as base:
        (text,) = base.execute("SELECT summary FROM results WHERE operation_id = ?", (world.done,)).fetchone()
        metrics = {name: value for name, value in json.loads(text)["metrics"].items() if value}
        write = "UPDATE results SET summary = ? WHERE operation_id = ?"
        for name, value in metrics.items():
            changed = json.loads(text)
            changed["metrics"][name] = value * 3
            base.execute(write, (json.dumps(changed), world.done))
            (listed,) = (one for one in client.get("/operations").json()["operations"]
                         if one["operation_id"] == world.done)  # fmt: skip
            assert listed["error"]["code"] == "result_damaged", name
            assert client.get(f"/operations/{world.done}/results").json()["error"]["code"] == "result_damaged", name
            assert verify_result(world.store, world.done).failed, name
            base.execute(write, (text, world.done))
        assert not verify_result(world.store, world.done).failed
    record_property("table", f"trust_3\n  {len(metrics):7,} metrics altered, each named by list, result and proof")
