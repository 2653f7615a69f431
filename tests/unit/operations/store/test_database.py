"""A database that is locked, full or away is an error that passes; what was committed stays, the rest never was."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

import ktrdr
from ktrdr.backtesting.job.stored import ledger
from ktrdr.errors import AlreadyRunning, StorageUnavailable
from ktrdr.operations.models import Lease, Segment
from ktrdr.operations.store import database
from ktrdr.operations.store.store import Store
from support.database import stores, tape
from support.database.databases import Server
from support.database.disks import full, small_disk

TESTS = Path(__file__).resolve().parents[3]
PACKAGES = Path(ktrdr.__file__).parents[1]


@contextmanager
def passes(name: str = "") -> Iterator[None]:
    """Raises a ``StorageUnavailable`` that another attempt may not meet, with the driver's word for it."""
    with pytest.raises(
        StorageUnavailable, match=f"(holds the database|is full|does not answer): found {name}"
    ) as caught:
        yield
    assert caught.value.transient


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Somebody else holds SQLite's write lock."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def two_saves(store: Store) -> Lease:
    return stores.saved(store, stores.running(store).lease, 2, 3)


def assert_whole(store: Store, operation_id: str, bar: int) -> None:
    for kind, frame in ledger(store, operation_id).items():
        assert frame.equals(tape.rows(bar)[kind]), kind


class TestSqlite:
    @pytest.fixture
    def store(self, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
        """Waits for the lock a third of a second instead of five."""
        monkeypatch.setattr(database, "BUSY_SECONDS", 0.3)
        store = Store.open(sqlite_url)
        yield store
        store.close()

    def test_locked_for_longer_than_it_waits(self, store: Store, sqlite_url: str) -> None:
        lease = two_saves(store)
        before = stores.everything(store)
        for write in (
            lambda: stores.save(store, lease, 6, after=3),
            lambda: stores.complete(store, lease, after=3),
            lambda: store.beat(lease),
            lambda: stores.submit(store),
            lambda: stores.claim_next(store),
            lambda: store.request_cancel(lease.operation_id),
        ):
            with locked(sqlite_url):
                began_s = time.monotonic()
                with passes("SQLITE_BUSY"):
                    write()
                assert time.monotonic() - began_s >= 0.25
                assert store.get(lease.operation_id).generation == 2, "reads still work"
        assert stores.everything(store) == before
        stores.complete(store, stores.save(store, lease, 6, after=3), after=6)

    def test_writers_that_wait_leave_readers_their_connections(self, sqlite_url: str) -> None:
        """Forty threads of a worker had every connection while they waited for the lock: no list was answered."""
        store = Store.open(sqlite_url)
        with ThreadPoolExecutor(40) as pool:
            with locked(sqlite_url):
                writes = [pool.submit(stores.submit, store) for _ in range(40)]
                time.sleep(0.3)
                began_s = time.monotonic()
                assert store.list() == ([], None)
                assert time.monotonic() - began_s < 1.0
            assert len({write.result().id for write in writes}) == len(store.list()[0]) == 40
        store.close()

    def test_a_writer_does_not_wait_for_the_turns_of_many(self, store: Store, sqlite_url: str) -> None:
        with ThreadPoolExecutor(40) as pool, locked(sqlite_url):
            began_s = time.monotonic()
            errors = [write.exception() for write in [pool.submit(stores.submit, store) for _ in range(40)]]
            assert time.monotonic() - began_s < 5.0
        assert all(isinstance(error, StorageUnavailable) and error.transient for error in errors)
        assert stores.submit(store).id

    def test_a_lock_while_the_journal_is_changed(self, tmp_path: Path) -> None:
        """SQLite does not wait by itself there, as where several processes open a new database at once."""
        url = f"sqlite:///{tmp_path}/another.db"
        with ThreadPoolExecutor(1) as pool:
            with locked(url):
                opening = pool.submit(Store.open, url)
                time.sleep(0.3)
                assert not opening.done()
            store = opening.result(timeout=10)
        assert stores.sql(store, "PRAGMA journal_mode") == [("wal",)]
        store.close()

    def test_such_a_lock_for_longer_than_it_waits(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(database, "BUSY_SECONDS", 0.3)
        url = f"sqlite:///{tmp_path}/another.db"
        with locked(url), passes("SQLITE_BUSY"):
            began_s = time.monotonic()
            try:
                Store.open(url)
            finally:
                assert 0.25 <= time.monotonic() - began_s < 5

    def test_the_driver_waits_five_seconds(self, sqlite_url: str) -> None:
        store = Store.open(sqlite_url)
        assert stores.sql(store, "PRAGMA busy_timeout") == [(5_000,)]
        store.close()


class TestFullDisk:
    @pytest.fixture
    def disk(self, tmp_path: Path) -> Iterator[Path]:
        with small_disk(tmp_path / "disk", "3m") as found:
            yield found

    def test_a_save_that_finds_it_full_never_was(self, disk: Path) -> None:
        store = Store.open(f"sqlite:///{disk}/ktrdr.db")
        lease = two_saves(store)
        before = stores.everything(store)
        large = [*tape.segments(3, 6), Segment("decisions", 1_000, 1_001, bytes(1_000_000))]

        def save() -> Lease:
            return store.save(lease, tape.snapshot(6), 6, large, {"bar": 6}, identity=tape.IDENTITY)

        with full(disk):
            for _ in range(2):
                with passes("SQLITE_(FULL|IOERR)"):
                    save()
            assert stores.everything(store) == before
            again = Store.open(f"sqlite:///{disk}/ktrdr.db")
            assert stores.sql(again, "PRAGMA integrity_check") == [("ok",)]
            again.close()
        assert save().generation == 3
        assert stores.sql(store, "PRAGMA integrity_check") == [("ok",)]
        store.close()

    def test_a_database_that_fills_its_disk_keeps_what_was_saved(self, disk: Path) -> None:
        store = Store.open(f"sqlite:///{disk}/ktrdr.db")
        lease = stores.running(store).lease
        saves = 0
        with passes("SQLITE_(FULL|IOERR)"):
            while True:
                rows = Segment("decisions", saves, saves + 1, os.urandom(100_000))
                lease = store.save(lease, tape.snapshot(3), 3, [rows], {"bar": saves}, identity=tape.IDENTITY)
                saves += 1
        assert saves > 5
        found = store.get(lease.operation_id)
        assert (found.generation, found.progress) == (saves, {"bar": saves - 1})
        assert sum(1 for _ in store.segments(lease.operation_id, "decisions")) == saves
        assert stores.sql(store, "PRAGMA integrity_check") == [("ok",)]
        store.close()

    def test_a_database_is_made_once_there_is_room(self, disk: Path) -> None:
        with full(disk), pytest.raises(StorageUnavailable) as caught:
            Store.open(f"sqlite:///{disk}/ktrdr.db")
        assert caught.value.transient
        store = Store.open(f"sqlite:///{disk}/ktrdr.db")
        two_saves(store)
        store.close()


class TestPostgresql:
    @pytest.fixture
    def store(self, postgresql_url: str) -> Iterator[Store]:
        store = Store.open(postgresql_url)
        yield store
        store.close()

    def test_stopped_then_there_again(self, store: Store, postgresql: Server) -> None:
        lease = two_saves(store)
        postgresql.stop()
        try:
            for ask in (
                lambda: stores.save(store, lease, 6, after=3),
                lambda: store.get(lease.operation_id),
                lambda: stores.claim_next(store),
            ):
                with passes():
                    ask()
        finally:
            postgresql.start()
        assert_whole(store, stores.save(store, lease, 6, after=3).operation_id, 6)

    @pytest.mark.parametrize("crash", [False, True])
    def test_restarted_between_transactions_nobody_notices(self, store: Store, postgresql: Server, crash: bool) -> None:
        lease = stores.running(store).lease
        postgresql.restart(crash=crash)
        lease = stores.saved(store, lease, 3, 6)
        postgresql.restart(crash=crash)
        assert store.get(lease.operation_id).generation == 2
        assert_whole(store, lease.operation_id, 6)

    @pytest.mark.parametrize("statement", [1, 2, 4])
    def test_restarted_inside_a_save_it_is_made_once(self, store: Store, postgresql: Server, statement: int) -> None:
        lease = two_saves(store)
        self.restart_at(store, postgresql, statement)
        lease = stores.save(store, lease, 6, after=3)
        assert lease.generation == 3
        assert store.get(lease.operation_id).progress_seq == 3
        assert_whole(store, lease.operation_id, 6)
        assert [record.generation for record in store.checkpoints(lease.operation_id)] == [3, 2]

    def test_restarted_inside_a_claim_it_is_asked_for_again(self, store: Store, postgresql: Server) -> None:
        waiting = stores.submit(store)
        self.restart_at(store, postgresql, 4)
        with passes():
            stores.claim_next(store)
        assert store.get(waiting.id) == waiting
        assert stores.claim_next(store) is not None

    def test_frozen_it_is_given_up_in_time(
        self, store: Store, postgresql: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A stopped server takes bytes and says nothing: TCP sees a peer that lives."""
        monkeypatch.setattr(database, "ANSWER_SECONDS", 1)
        lease = two_saves(store)
        assert postgresql._process is not None
        pids = [postgresql._process.pid, *_children(postgresql._process.pid)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            began_s = time.monotonic()
            with passes():
                store.list()
            assert time.monotonic() - began_s < 12
        finally:
            for pid in reversed(pids):
                os.kill(pid, signal.SIGCONT)
        assert_whole(store, stores.save(store, lease, 6, after=3).operation_id, 6)

    def test_something_else_at_its_address_is_given_up_in_time(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            began_s = time.monotonic()
            with passes():
                Store.open(f"postgresql+psycopg://ktrdr@127.0.0.1:{silent.getsockname()[1]}/ktrdr")
            assert time.monotonic() - began_s < 12

    def restart_at(self, store: Store, server: Server, statement: int) -> None:
        """Crashes and starts the server before the nth statement from now."""
        count = 0

        @event.listens_for(store._database._engine, "before_cursor_execute")
        def reach(*_: Any) -> None:
            nonlocal count
            count += 1
            if count == statement:
                server.restart(crash=True)

    def test_a_row_that_is_locked_for_longer_than_it_waits(
        self, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(database, "BUSY_SECONDS", 1)
        store = Store.open(postgresql_url)
        other = Store.open(postgresql_url)
        lease = two_saves(store)
        stores.submit(store)
        before = stores.everything(store)
        with other._database._engine.begin() as connection:
            connection.exec_driver_sql("SELECT id FROM operations FOR UPDATE")
            with passes("55P03"):
                stores.save(store, lease, 6, after=3)
            assert stores.claim_next(store, stores.owner(2)) is None, "what is just being changed is passed over"
        assert stores.everything(store) == before
        assert stores.save(store, lease, 6, after=3).generation == 3
        store.close()
        other.close()


FROZEN = """
import os, signal, sys
from ktrdr.operations.store import database, fence
database.BUSY_SECONDS = 1
from ktrdr.operations.store.store import Store
from support.database import stores
store = Store.open(sys.argv[1])
claim = stores.claim_next(store)
def freeze(connection):
    fence.fenced(connection, claim.lease, crashes=8)
    print(claim.operation.id, flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    fence.fenced(connection, claim.lease, crashes=9)
store._database.write(freeze)
"""


def test_an_owner_frozen_inside_a_transaction_holds_nobody_up(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends its transaction after a while; thawed, it writes nothing."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 1)
    store = Store.open(postgresql_url)
    stores.submit(store)
    environment = os.environ | {"PYTHONPATH": f"{PACKAGES}:{TESTS}", "KTRDR_LEASE_SECONDS": "0.5"}
    words = [sys.executable, "-c", FROZEN, postgresql_url]
    frozen = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert frozen.stdout is not None
        operation_id = frozen.stdout.readline().strip()
        claim = within(20, lambda: store.claim(operation_id, stores.owner(2)))
        lease = stores.saved(store, claim.lease, 3)
        before = stores.everything(store)
        frozen.send_signal(signal.SIGCONT)
        _, complaint = frozen.communicate(timeout=30)
    finally:
        frozen.kill()
    assert frozen.returncode == 1
    assert "StorageUnavailable" in complaint
    assert stores.everything(store) == before
    assert stores.save(store, lease, 6, after=3).generation == 2
    store.close()


def within(seconds: float, ask: Callable[[], Any]) -> Any:
    """The answer, asked for again and again, as a run asks."""
    until_s = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except (StorageUnavailable, AlreadyRunning):
            assert time.monotonic() < until_s
            time.sleep(0.05)
