"""The database goes away, is locked, or its disk is full: the run waits, or ends as said, and nothing is lost."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ktrdr.backtesting.results import BacktestResults
from ktrdr.operations.models import Status
from support.database import disks
from support.database.databases import Server
from support.process.processes import RESTING, Place, assert_same, furnish, wait_for, wait_for_bar, wait_until, worker
from support.soak import seeds

N_BARS = 16_000
OFTEN = {"KTRDR_CHECKPOINT_SECONDS": "0.1"}
IMPATIENT = OFTEN | {"KTRDR_STORE_PATIENCE_SECONDS": "2"}
STORAGE = 5
SMALL_DISK = "16m"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("shared"), N_BARS, ("slow",))


@pytest.fixture(scope="module")
def whole(folder: Path) -> BacktestResults:
    """Returns the uninterrupted run."""
    return Place(folder, "").expected("slow")


@pytest.fixture
def sqlite(folder: Path, tmp_path: Path) -> Place:
    return Place(folder, f"sqlite:///{tmp_path / 'ktrdr.db'}", OFTEN)


# PostgreSQL goes and comes back


@pytest.mark.soak
def test_postgresql_is_restarted(folder: Path, postgresql: Server, postgresql_url: str, whole: BacktestResults) -> None:
    """Once with a word to its clients, once without: the same process continues both times."""
    place = Place(folder, postgresql_url, OFTEN)
    store = place.store()
    operation = place.submit(store, "slow")
    with worker(place):
        for bar, crash in ((2_000, False), (7_000, True)):
            wait_for_bar(store, operation.id, bar)
            postgresql.restart(crash=crash)
        assert_same(store, wait_until(store, operation.id), whole)
    assert store.get(operation.id).epoch == 1
    store.close()


@pytest.mark.soak
def test_restarts(folder: Path, postgresql: Server, whole: BacktestResults) -> None:
    """Every five seconds, while two slots work through ten operations; five times."""
    tally: Counter[str] = Counter()
    for seed in seeds("postgresql restarts", 5, batch=1, tally=tally):
        rng = random.Random(400_000 + seed)
        database = postgresql.take()
        place = Place(folder, postgresql.url(database), OFTEN)
        store = place.store()
        names = [place.submit(store, "slow").id for _ in range(10)]
        with worker(place, 2):
            while not all(store.get(name).status in RESTING for name in names):
                assert tally["restarts"] < 200, "no end in sight"
                time.sleep(5.0)
                postgresql.restart(crash=rng.random() < 0.5)
                tally["restarts"] += 1
        for name in names:
            assert_same(store, store.get(name), whole)
            tally["operations"] += 1
        store.close()
        postgresql.give_back(database)


# SQLite is locked


@contextmanager
def locked(place: Place) -> Iterator[None]:
    """Somebody else holds the write lock."""
    connection = sqlite3.connect(place.url.removeprefix("sqlite:///"), timeout=60, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def survive_a_lock(place: Place, seconds: float, bar: int, whole: BacktestResults) -> None:
    """Longer than the driver waits, and than the lease: the run waits, and continues as if nothing had been."""
    store = place.store()
    operation = place.submit(store, "slow")
    with worker(place):
        wait_for_bar(store, operation.id, bar)
        with locked(place):
            before = store.get(operation.id)
            time.sleep(seconds)
            during = store.get(operation.id)
            assert (during.generation, during.progress) == (before.generation, before.progress)
        assert_same(store, wait_until(store, operation.id), whole)
    assert store.get(operation.id).epoch == 1
    store.close()


@pytest.mark.soak
def test_sqlite_locked_for_longer_than_its_driver_waits(sqlite: Place, whole: BacktestResults) -> None:
    survive_a_lock(sqlite, 8.0, 3_000, whole)


@pytest.mark.soak
def test_locks(folder: Path, tmp_path: Path, whole: BacktestResults) -> None:
    for seed in seeds("sqlite locked for a minute", 5, batch=1):
        place = Place(folder, f"sqlite:///{tmp_path / f'{seed}.db'}", OFTEN)
        survive_a_lock(place, 60.0, random.Random(500_000 + seed).randint(1, 8_000), whole)


# beyond the patience


def give_up_at_a_lock(sqlite: Place, log: Path, bar: int, whole: BacktestResults) -> None:
    """The child says why it ends, its end is no crash, and the worker resumes the run once it can."""
    place = replace(sqlite, settings=IMPATIENT)
    store = place.store()
    operation = place.submit(store, "slow")
    with worker(place, log=log):
        wait_for_bar(store, operation.id, bar)
        with locked(place):
            wait_for(lambda: "storage_unavailable: " in log.read_text())
            wait_until(store, operation.id, Status.INTERRUPTED)
        assert_same(store, wait_until(store, operation.id), whole)
    assert "a child ended with" not in log.read_text()
    assert store.get(operation.id).epoch > 1
    store.close()


@pytest.mark.soak
def test_sqlite_locked_beyond_the_patience(sqlite: Place, tmp_path: Path, whole: BacktestResults) -> None:
    give_up_at_a_lock(sqlite, tmp_path / "log", 3_000, whole)


@pytest.mark.soak
def test_locks_beyond_the_patience(folder: Path, tmp_path: Path, whole: BacktestResults) -> None:
    for seed in seeds("sqlite locked beyond the patience", 20, batch=5):
        place = Place(folder, f"sqlite:///{tmp_path / f'{seed}.db'}", OFTEN)
        give_up_at_a_lock(place, tmp_path / f"{seed}.log", random.Random(600_000 + seed).randint(1, 8_000), whole)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few MiB of its own."""
    with disks.small_disk(tmp_path / "disk", SMALL_DISK) as disk:
        yield disk


def child(place: Place, log: Path) -> subprocess.Popen[bytes]:
    """Spawns the child that a worker would spawn for a run."""
    words = [sys.executable, "-m", "ktrdr.operations.pool.child", "one", str(os.getpid())]
    with log.open("ab") as stderr:
        return subprocess.Popen(words, env=place.environment, stderr=stderr)


def fill_the_disk(place: Place, disk: Path, log: Path, bar: int, whole: BacktestResults) -> None:
    """Exit code 5 once the patience is over; what was saved before is intact, and gone on with."""
    store = place.store()
    operation = place.submit(store, "slow")
    process = child(place, log)
    wait_for_bar(store, operation.id, bar)
    with disks.full(disk):
        began_s = time.monotonic()
        assert process.wait(timeout=30) == STORAGE, log.read_text()
        assert time.monotonic() - began_s > 1.0
    assert "storage_unavailable: " in log.read_text()
    left = wait_until(store, operation.id, Status.INTERRUPTED)
    assert left.crashes == 0
    with worker(place):
        assert_same(store, wait_until(store, operation.id), whole)
    store.close()


def test_a_full_disk(folder: Path, small_disk: Path, tmp_path: Path, whole: BacktestResults) -> None:
    place = Place(folder, f"sqlite:///{small_disk / 'ktrdr.db'}", IMPATIENT)
    fill_the_disk(place, small_disk, tmp_path / "log", 3_000, whole)


@pytest.mark.soak
def test_full_disks(folder: Path, small_disk: Path, tmp_path: Path, whole: BacktestResults) -> None:
    for seed in seeds("disk full", 20, batch=5):
        file = small_disk / f"{seed}.db"
        bar = random.Random(700_000 + seed).randint(1, 8_000)
        place = Place(folder, f"sqlite:///{file}", IMPATIENT)
        fill_the_disk(place, small_disk, tmp_path / f"{seed}.log", bar, whole)
        for each in small_disk.glob(f"{file.name}*"):
            each.unlink()
