"""Real workers, killed, stopped and shut down: every run ends on the bits of a run that nothing has stopped."""

from __future__ import annotations

import logging
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ktrdr.backtesting.results import BacktestResults
from ktrdr.operations.models import Status
from ktrdr.operations.pool.runner import Runner
from ktrdr.operations.store.store import Store
from support.database.databases import ONE_DATABASE
from support.process.processes import (
    Place,
    assert_same,
    freeze,
    furnish,
    kill,
    wait_for,
    wait_for_bar,
    wait_until,
    worker,
)

KINDS = ("mlp", "slow")
N_BARS = 16_000
OFTEN = {"KTRDR_CHECKPOINT_SECONDS": "0.2"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("shared"), N_BARS, KINDS)


@pytest.fixture(scope="module")
def slow(folder: Path) -> BacktestResults:
    """The slow run, uninterrupted."""
    return Place(folder, "").expected("slow")


@pytest.fixture
def place(folder: Path, database_url: str) -> Place:
    """Yields a place on each database."""
    return Place(folder, database_url, OFTEN)


@pytest.fixture
def sqlite(folder: Path, tmp_path: Path) -> Place:
    """Returns a place for tests that do not depend on the database."""
    return Place(folder, f"sqlite:///{tmp_path / 'ktrdr.db'}", OFTEN)


def child_of(store: Store, operation_id: str) -> int:
    """The pid of the child that runs it."""
    operation = wait_until(store, operation_id, Status.RUNNING)
    assert operation.owner is not None
    return operation.owner.pid


def test_submitted_run_completed(place: Place) -> None:
    store = place.store()
    operation = place.submit(store)
    assert store.waiting_reasons(operation) == {"": "no worker"}
    with worker(place):
        done = wait_until(store, operation.id)
        assert_same(store, done, place.expected())
        assert done.model_id == "walker_mlp/1h_v1"
        assert (done.progress or {})["percentage"] == 100.0
        assert store.waiting_reasons(done) == {}


@ONE_DATABASE
def test_killed_at_random_times_it_ends_on_the_same_bits(place: Place, slow: BacktestResults) -> None:
    """Before the first checkpoint, then somewhere behind it."""
    store = place.store()
    moments = random.Random(3)
    operation = place.submit(store, "slow")
    with worker(place) as first:
        wait_until(store, operation.id, Status.RUNNING)
        kill(first)
    with worker(place) as second:
        at = moments.randint(3_000, 9_000)
        wait_for_bar(store, operation.id, at)
        kill(second)
    assert store.get(operation.id).generation >= 1
    with worker(place):
        assert_same(store, wait_until(store, operation.id), slow)


def test_three_crashes_without_progress_are_enough(sqlite: Place) -> None:
    """Only children are killed; the worker lives and counts."""
    place = replace(sqlite, settings={"KTRDR_CHECKPOINT_SECONDS": "60"})
    store = place.store()
    operation = place.submit(store, "slow")
    with worker(place):
        for crash in (1, 2, 3):
            kill(child_of(store, operation.id))
            wait_for(lambda crash=crash: store.get(operation.id).crashes == crash)
        ended = wait_until(store, operation.id)
    assert ended.status is Status.FAILED
    assert (ended.error or {})["code"] == "poisoned"
    assert store.requeue(operation.id).crashes == 0


@ONE_DATABASE
def test_sigterm_saves_and_lets_go(place: Place, slow: BacktestResults) -> None:
    place = replace(place, settings={"KTRDR_LEASE_SECONDS": "60"})
    store = place.store()
    operation = place.submit(store, "slow")
    with worker(place) as first:
        wait_for_bar(store, operation.id, 3_000)
        first.send_signal(signal.SIGTERM)
        began_s = time.monotonic()
        assert first.wait(timeout=10) == 0
        assert time.monotonic() - began_s < 10
    left = store.get(operation.id)
    assert (left.status, left.generation, left.crashes) == (Status.INTERRUPTED, 1, 0)
    assert store.workers() == []
    with worker(place):
        assert_same(store, wait_until(store, operation.id), slow)


def test_a_frozen_owner_commits_nothing_after_it_was_replaced(sqlite: Place, slow: BacktestResults) -> None:
    store = sqlite.store()
    operation = sqlite.submit(store, "slow")
    with worker(sqlite):
        wait_for_bar(store, operation.id, 3_000)
        frozen = child_of(store, operation.id)
        freeze(sqlite, frozen)
        with worker(sqlite):
            taken = wait_for(lambda: (now := store.get(operation.id)).epoch > 1 and now.owner.pid != frozen and now)
            wait_for_bar(store, operation.id, taken.progress["bar"] + 256)
            kill(frozen, signal.SIGCONT)
            assert_same(store, wait_until(store, operation.id), slow)


def test_a_worker_without_the_data_says_so_and_finds_them_later(sqlite: Place, tmp_path: Path) -> None:
    bare = Place(furnish(tmp_path / "bare", 10, ()), sqlite.url, OFTEN)
    (bare.folder / "EURUSD_1h.parquet").unlink()
    store = bare.store()
    operation = bare.submit(store)
    with worker(bare):
        waits = wait_for(lambda: (now := store.get(operation.id)).unsuited and now)
        (reason,) = store.waiting_reasons(waits).values()
        assert waits.status is Status.PENDING
        assert reason.startswith("data_not_found: ")
        assert "EURUSD" in reason
        furnish(bare.folder, N_BARS)
        assert_same(store, wait_until(store, operation.id), sqlite.expected())


@contextmanager
def runner_here(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """A runner in this process, whose children are real."""
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    runner = Runner(place.store(), 1)
    runner.start()
    try:
        yield runner
    finally:
        runner.stop()


def test_cancelled_here_it_is_over_in_no_time(
    sqlite: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, slow: BacktestResults
) -> None:
    caplog.set_level(logging.INFO)
    store = sqlite.store()
    operation = sqlite.submit(store, "slow")
    with runner_here(sqlite, monkeypatch) as runner:
        assert runner.registered.wait(10)
        assert f"registered as {runner.worker_id}" in caplog.text
        waits_s = []
        for bar in (2_000, 5_000, 9_000):
            wait_for_bar(store, operation.id, bar)
            began_s = time.monotonic()
            assert runner.cancel_here(operation.id).status is Status.CANCELLED
            waits_s.append(time.monotonic() - began_s)
            wait_for(lambda: runner.running == 0)
            assert runner.cancel_here(operation.id).status is Status.CANCELLED
            store.requeue(operation.id)
            runner.wake()
        assert min(waits_s) < 0.25, waits_s  # the least: tests beside this one take their share of the cores
        assert_same(store, wait_until(store, operation.id), slow)
    assert not runner.alive


def test_cancelled_from_elsewhere_while_it_cannot_listen(
    sqlite: Place, monkeypatch: pytest.MonkeyPatch, slow: BacktestResults
) -> None:
    """The child is frozen as in a long block: the operation is cancelled first, then its process killed."""
    store = sqlite.store()
    operation = sqlite.submit(store, "slow")
    with runner_here(sqlite, monkeypatch) as runner:
        wait_for_bar(store, operation.id, 6_000)
        freeze(sqlite, child_of(store, operation.id))
        began_s = time.monotonic()
        store.request_cancel(operation.id)
        ended = wait_until(store, operation.id, Status.CANCELLED, within_s=5)
        assert time.monotonic() - began_s < 1.5
        assert (ended.crashes, ended.error) == (0, None)
        wait_for(lambda: runner.running == 0, within_s=5)
        store.requeue(operation.id)
        assert_same(store, wait_until(store, operation.id), slow)
