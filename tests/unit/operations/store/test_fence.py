"""Writes of an owner: checkpoints, reports and ends, each once; also where the answer to a commit is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import IntegrityError

from ktrdr.backtesting.job.stored import ledger
from ktrdr.errors import LeaseLost, StorageUnavailable
from ktrdr.operations.models import Lease, Status
from ktrdr.operations.store.store import Store
from support.database import stores, tape
from support.database.cuts import Proxy, sqlite_commit_fails
from support.database.databases import Server

REASON = {"code": "data_not_found", "message": "no such series"}


class TestSave:
    def test_it_is_snapshot_ledger_progress_and_lease(self, store: Store) -> None:
        claim = stores.running(store)
        stores.lapse(store, claim.operation.id)
        lease = stores.saved(store, claim.lease, 3)
        assert lease == Lease(claim.operation.id, claim.lease.epoch, 1, claim.lease.owner)
        found = store.get(lease.operation_id)
        assert (found.generation, found.identity, found.progress, found.progress_seq) == (
            1, tape.IDENTITY, {"bar": 3}, 1,
        )  # fmt: skip
        assert found.lease_left_s == pytest.approx(store.lease_seconds, abs=5)
        assert store.snapshot(lease.operation_id) == tape.snapshot(3)
        for kind, frame in ledger(store, lease.operation_id).items():
            assert frame.equals(tape.rows(3)[kind]), kind

    def test_two_generations_are_kept(self, store: Store) -> None:
        lease = stores.saved(store, stores.running(store).lease, 2, 3, 5, 6, 8)
        assert [(record.generation, record.bar) for record in store.checkpoints(lease.operation_id)] == [(5, 8), (4, 6)]
        assert [record.size_bytes for record in store.checkpoints(lease.operation_id)] == [
            len(tape.snapshot(8)), len(tape.snapshot(6)),
        ]  # fmt: skip
        assert ledger(store, lease.operation_id)["equity"].equals(tape.rows(8)["equity"])
        assert ledger(store, lease.operation_id, 4)["equity"].equals(tape.rows(6)["equity"])

    def test_once_more_it_changes_nothing(self, store: Store) -> None:
        claim = stores.running(store)
        lease = stores.saved(store, claim.lease, 3)
        before = stores.everything(store)
        assert stores.save(store, claim.lease, 3) == lease
        assert stores.everything(store) == before

    def test_once_more_with_another_snapshot_is_refused(self, store: Store) -> None:
        claim = stores.running(store)
        stores.saved(store, claim.lease, 3)
        before = stores.everything(store)
        with pytest.raises(LeaseLost):
            store.save(claim.lease, tape.snapshot(5), 5, (), {}, identity=tape.IDENTITY)
        assert stores.everything(store) == before

    def test_once_more_after_a_claim_is_refused(self, store: Store) -> None:
        """The same snapshot at the same generation, but somebody else's epoch."""
        claim = stores.running(store)
        stores.saved(store, claim.lease, 3)
        store.claim(claim.operation.id, stores.owner(2), **stores.lapsed(store, claim.operation.id))
        with pytest.raises(LeaseLost):
            stores.save(store, claim.lease, 3)

    def test_rows_that_stand_already_are_never_written_twice(self, store: Store) -> None:
        """All of the save is undone, its generation too."""
        lease = stores.saved(store, stores.running(store).lease, 3)
        before = stores.everything(store)
        with pytest.raises(IntegrityError):
            stores.save(store, lease, 6, after=2)
        assert stores.everything(store) == before

    def test_without_new_rows(self, store: Store) -> None:
        lease = stores.saved(store, stores.running(store).lease, 3)
        again = store.save(lease, tape.snapshot(3), 3, (), {}, identity=tape.IDENTITY)
        assert again.generation == 2
        assert ledger(store, lease.operation_id)["equity"].equals(tape.rows(3)["equity"])


class TestComplete:
    def test_it_is_the_last_save_and_the_end(self, store: Store) -> None:
        lease = stores.saved(store, stores.running(store).lease, 3, 6)
        stores.complete(store, lease, after=6)
        found = store.get(lease.operation_id)
        assert (found.status, found.generation, found.lease_left_s) == (Status.COMPLETED, 3, None)
        assert found.ended_at is not None
        assert found.progress == {"bar": tape.LAST}
        assert store.outcome(lease.operation_id) == tape.OUTCOME
        for kind, frame in ledger(store, lease.operation_id).items():
            assert frame.equals(tape.rows(tape.LAST)[kind]), kind

    def test_snapshots_go_also_what_was_never_saved_before_completes(self, store: Store) -> None:
        lease = stores.saved(store, stores.running(store).lease, 3, 6)
        stores.complete(store, lease, after=6)
        assert store.checkpoints(lease.operation_id) == []
        short = stores.running(store)
        stores.complete(store, short.lease)
        assert ledger(store, short.operation.id)["fills"].equals(tape.rows(tape.LAST)["fills"])

    def test_once_more_it_changes_nothing(self, store: Store) -> None:
        lease = stores.saved(store, stores.running(store).lease, 3)
        stores.complete(store, lease, after=3)
        before = stores.everything(store)
        stores.complete(store, lease, after=3)
        assert stores.everything(store) == before

    @pytest.mark.parametrize("change", ["request_cancel", "count_crash", "force_cancel"])
    def test_nothing_changes_it(self, store: Store, change: str) -> None:
        claim = stores.running(store)
        stores.complete(store, claim.lease)
        before = stores.everything(store)
        epoch = () if change == "request_cancel" else (claim.lease.epoch,)
        getattr(store, change)(claim.operation.id, *epoch)
        assert stores.everything(store) == before


class TestReports:
    def test_a_beat_extends_the_lease_and_numbers_the_reports(self, store: Store) -> None:
        claim = stores.running(store)
        stores.lapse(store, claim.operation.id)
        assert not store.beat(claim.lease, {"bar": 1, "equity": 1.5})
        assert not store.beat(claim.lease)
        found = store.get(claim.operation.id)
        assert (found.progress, found.progress_seq) == ({"bar": 1, "equity": 1.5}, 1)
        assert found.lease_left_s == pytest.approx(store.lease_seconds, abs=5)

    def test_a_beat_hears_that_the_run_should_stop(self, store: Store) -> None:
        claim = stores.running(store)
        store.request_cancel(claim.operation.id)
        assert store.beat(claim.lease)
        lease = stores.saved(store, claim.lease, 3)
        assert store.beat(lease)

    def test_release_ends_the_lease_now(self, store: Store) -> None:
        claim = stores.running(store)
        store.release(claim.lease)
        assert store.get(claim.operation.id).status is Status.INTERRUPTED
        assert stores.claim_next(store, stores.owner(2)) is not None

    @pytest.mark.parametrize("status", [Status.CANCELLED, Status.FAILED])
    def test_an_end_rests_with_its_error(self, store: Store, status: Status) -> None:
        claim = stores.running(store)
        store.end(claim.lease, status, REASON)
        found = store.get(claim.operation.id)
        assert (found.status, found.error, found.lease_left_s) == (status, REASON, None)
        assert found.ended_at is not None
        assert stores.claim_next(store, stores.owner(2)) is None


WRITES: dict[str, Callable[[Store, Lease], Any]] = {
    "save": lambda store, lease: stores.save(store, lease, 6, after=3),
    "complete": lambda store, lease: stores.complete(store, lease, after=3),
    "beat": lambda store, lease: store.beat(lease, {"bar": 4}),
    "cancel": lambda store, lease: store.end(lease, Status.CANCELLED),
    "fail": lambda store, lease: store.end(lease, Status.FAILED, REASON),
    "return to queue": lambda store, lease: store.return_to_queue(lease, "one", REASON),
    "release": lambda store, lease: store.release(lease),
    "record start": lambda store, lease: store.record_start(lease, model_id="m"),
}
EXPECTED: dict[str, tuple[Status, int, int]] = {
    "save": (Status.RUNNING, 2, 6), "complete": (Status.COMPLETED, 2, tape.LAST), "beat": (Status.RUNNING, 1, 3),
    "cancel": (Status.CANCELLED, 1, 3), "fail": (Status.FAILED, 1, 3), "return to queue": (Status.PENDING, 1, 3),
    "release": (Status.INTERRUPTED, 1, 3), "record start": (Status.RUNNING, 1, 3),
}  # fmt: skip
"""Status, generation and ledger of each, however often it was sent."""


def backend(connection: Connection) -> int:
    """The server's process behind a connection."""
    driver: Any = connection.connection.dbapi_connection
    found: int = driver.info.backend_pid
    return found


class TestUnknownCommit:
    """The connection breaks inside COMMIT: the write is repeated, and is there once."""

    @pytest.fixture
    def proxy(self, postgresql: Server) -> Iterator[Proxy]:
        proxy = Proxy(postgresql.port)
        yield proxy
        proxy.close()

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("write", WRITES)
    def test_on_postgresql(self, postgresql: Server, postgresql_url: str, proxy: Proxy, write: str, when: str) -> None:
        store = Store.open(postgresql_url.replace(f":{postgresql.port}/", f":{proxy.port}/"))
        lease = stores.saved(store, stores.running(store).lease, 3)
        proxy.cut_next(when)
        WRITES[write](store, lease)
        assert proxy.cuts == 1
        self.check(store, lease, write)
        store.close()

    @pytest.mark.parametrize("write", WRITES)
    def test_on_postgresql_by_an_administrator(self, postgresql: Server, postgresql_url: str, write: str) -> None:
        store = Store.open(postgresql_url)
        lease = stores.saved(store, stores.running(store).lease, 3)
        killed: list[int] = []

        @event.listens_for(store._database._engine, "commit")
        def kill(connection: Connection) -> None:
            if not killed:
                killed.append(backend(connection))
                postgresql.execute(f"SELECT pg_terminate_backend({killed[0]}, 5000)")

        WRITES[write](store, lease)
        assert killed
        self.check(store, lease, write)
        store.close()

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("write", WRITES)
    def test_on_sqlite(self, sqlite_url: str, write: str, when: str) -> None:
        """A file's COMMIT that fails is an error that passes: the run itself tries again."""
        store = Store.open(sqlite_url)
        lease = stores.saved(store, stores.running(store).lease, 3)
        with sqlite_commit_fails(store, when), pytest.raises(StorageUnavailable) as caught:
            WRITES[write](store, lease)
        assert caught.value.transient
        WRITES[write](store, lease)
        self.check(store, lease, write)
        store.close()

    def check(self, store: Store, lease: Lease, write: str) -> None:
        status, generation, bar = EXPECTED[write]
        found = store.get(lease.operation_id)
        assert (found.status, found.generation, found.epoch) == (status, generation, lease.epoch)
        for kind, frame in ledger(store, lease.operation_id).items():
            assert frame.equals(tape.rows(bar)[kind]), kind
        kept = [] if write == "complete" else list(range(generation, 0, -1))
        assert [record.generation for record in store.checkpoints(lease.operation_id)] == kept
        assert (store.outcome(lease.operation_id) is not None) == (write == "complete")

    def test_a_connection_that_breaks_again_and_again_is_an_error_that_passes(
        self, postgresql: Server, postgresql_url: str
    ) -> None:
        store = Store.open(postgresql_url)
        lease = stores.saved(store, stores.running(store).lease, 3)
        event.listen(
            store._database._engine, "commit",
            lambda connection: postgresql.execute(
                f"SELECT pg_terminate_backend({backend(connection)}, 5000)"
            ),
        )  # fmt: skip
        with pytest.raises(StorageUnavailable) as caught:
            stores.save(store, lease, 6, after=3)
        assert caught.value.transient
        store.close()
        again = Store.open(postgresql_url)
        assert stores.save(again, lease, 6, after=3).generation == 2
        again.close()
