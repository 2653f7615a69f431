"""An owner is frozen for two leases, wherever that catches it: another ends its run, it itself commits nothing more."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from ktrdr.backtesting.results import BacktestResults
from ktrdr.operations.models import Operation, Status
from support.database.databases import Server
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
from support.soak import seeds

N_BARS = 16_000
LEASE_S = 2.0
OFTEN = {"KTRDR_CHECKPOINT_SECONDS": "0.05", "KTRDR_LEASE_SECONDS": str(LEASE_S)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("shared"), N_BARS, ("slow",))


@pytest.fixture(scope="module")
def whole(folder: Path) -> BacktestResults:
    """Returns the uninterrupted run."""
    return Place(folder, "").expected("slow")


def freeze_and_replace(place: Place, seed: int, log: Path, whole: BacktestResults, tally: Counter[str]) -> None:
    """Both workers live all the time; the frozen child wakes up while the other runs, or after it has ended."""
    store = place.store()
    rng = random.Random(seed)
    operation = place.submit(store, "slow")
    with worker(place, log=log):
        owner = wait_until(store, operation.id, Status.RUNNING).owner
        assert owner is not None
        wait_for_bar(store, operation.id, rng.randint(1, 8_000))
        time.sleep(rng.uniform(0.0, 0.1))
        freeze(place, owner.pid)
        frozen_at_s = time.monotonic()
        with worker(place, log=log):

            def taken() -> Operation | None:
                now = store.get(operation.id)
                return now if now.owner != owner else None

            epoch = wait_for(taken).epoch
            tally["frozen inside a transaction"] += time.monotonic() - frozen_at_s > 3 * LEASE_S
            time.sleep(max(2 * LEASE_S - (time.monotonic() - frozen_at_s), 0.0))
            tally["woken while the other runs"] += store.get(operation.id).status is Status.RUNNING
            kill(owner.pid, signal.SIGCONT)
            wait_for(lambda: "lease_lost: " in log.read_text())
            done = wait_until(store, operation.id)
            assert_same(store, done, whole)
            assert done.epoch == epoch, "somebody else has written"
    tally["runs"] += 1
    store.close()


@pytest.mark.soak
def test_a_frozen_owner_is_replaced(folder: Path, postgresql_url: str, tmp_path: Path, whole: BacktestResults) -> None:
    freeze_and_replace(Place(folder, postgresql_url, OFTEN), 3, tmp_path / "log", whole, Counter())


@pytest.mark.soak
def test_frozen_sqlite(folder: Path, tmp_path: Path, whole: BacktestResults) -> None:
    tally: Counter[str] = Counter()
    for seed in seeds("frozen sqlite", 25, batch=5, tally=tally):
        place = Place(folder, f"sqlite:///{tmp_path / f'{seed}.db'}", OFTEN)
        freeze_and_replace(place, 800_000 + seed, tmp_path / f"{seed}.log", whole, tally)


@pytest.mark.soak
def test_frozen_postgresql(folder: Path, postgresql: Server, tmp_path: Path, whole: BacktestResults) -> None:
    tally: Counter[str] = Counter()
    for seed in seeds("frozen postgresql", 25, batch=5, tally=tally):
        database = postgresql.take()
        place = Place(folder, postgresql.url(database), OFTEN)
        freeze_and_replace(place, 900_000 + seed, tmp_path / f"{seed}.log", whole, tally)
        postgresql.give_back(database)
