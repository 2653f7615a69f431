"""Workers and children are killed, again and again: every run ends once, on the bits of a run that nothing stopped."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from ktrdr.backtesting.results import BacktestResults
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.store.store import Store
from support.database.databases import Server
from support.process.processes import RESTING, Place, assert_same, furnish, kill, wait_for, wait_until, worker
from support.soak import seeds

KINDS = ("slow", "slow_lstm", "slow_mlp", "slow_mtf", "slow_regression")
N_BARS = 30_000
LEAST_KILLS = 2
MOST_KILLS = 4
OFTEN = {"KTRDR_CHECKPOINT_SECONDS": "0.05"}
"""Nearly every block is saved, so that many kills fall into a save."""
Whole = Callable[[str], BacktestResults]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("shared"), N_BARS, KINDS)


@pytest.fixture(scope="module")
def whole(folder: Path) -> Whole:
    """The uninterrupted run of a kind."""
    return cache(lambda kind: Place(folder, "").expected(kind))


def kill_and_finish(place: Place, seed: int, whole: Whole, tally: Counter[str]) -> None:
    """One run, its worker killed at least twice at moments that the seed draws."""
    store = place.store()
    rng = random.Random(seed)
    kind = rng.choice(KINDS)
    operation = place.submit(store, kind)
    kills = 0
    for _ in range(rng.randint(LEAST_KILLS, MOST_KILLS)):
        with worker(place) as process:
            wait_until(store, operation.id, Status.RUNNING, *RESTING)
            _let_it_get_on(store, operation.id, rng, early=kills == 0)
            kill(process)
            process.wait()
        at = store.get(operation.id)
        if at.status is Status.COMPLETED:
            break
        kills += 1
        tally["kills before the first checkpoint"] += at.generation == 0
    assert kills >= LEAST_KILLS, "the run was over too soon: it needs more bars"
    with worker(place):
        assert_same(store, wait_until(store, operation.id), whole(kind))
    tally["kills"] += kills
    tally["runs"] += 1
    store.close()


def _let_it_get_on(store: Store, operation_id: str, rng: random.Random, *, early: bool) -> None:
    """From the claim on: a moment while it loads, or one behind a few more checkpoints."""
    if not early:
        target = store.get(operation_id).generation + rng.randint(0, 4)
        wait_for(lambda: (now := store.get(operation_id)).generation >= target or now.status in RESTING)
    time.sleep(rng.uniform(0.0, 0.15 if early else 0.06))


@pytest.mark.soak
def test_a_worker_killed_at_random(folder: Path, database_url: str, whole: Whole) -> None:
    kill_and_finish(Place(folder, database_url, OFTEN), 1, whole, Counter())


@pytest.mark.soak
def test_kills_sqlite(folder: Path, tmp_path: Path, whole: Whole) -> None:
    tally: Counter[str] = Counter()
    for seed in seeds("kills sqlite", 250, batch=5, tally=tally):
        place = Place(folder, f"sqlite:///{tmp_path / f'{seed}.db'}", OFTEN)
        kill_and_finish(place, seed, whole, tally)


@pytest.mark.soak
def test_kills_postgresql(folder: Path, postgresql: Server, whole: Whole) -> None:
    tally: Counter[str] = Counter()
    for seed in seeds("kills postgresql", 250, batch=5, tally=tally):
        database = postgresql.take()
        kill_and_finish(Place(folder, postgresql.url(database), OFTEN), 100_000 + seed, whole, tally)
        postgresql.give_back(database)


def crash_children(place: Place, seed: int, whole: Whole, tally: Counter[str]) -> None:
    """Only children die: with progress between the deaths nobody minds, without it the third is the last."""
    store = place.store()
    rng = random.Random(seed)
    kind = rng.choice(KINDS)
    operation = place.submit(store, kind)
    with worker(place):
        for _ in range(3):
            _kill_child(store, operation, rng, to_generation=0)
            tally["children killed"] += 1
        ended = wait_until(store, operation.id)
        assert ended.status is Status.FAILED
        assert (ended.error or {})["code"] == "poisoned"
        store.requeue(operation.id)
        for more in range(1, 4):  # a new generation each time: crashes are forgiven
            if not _kill_child(store, operation, rng, to_generation=more):
                break
            tally["children killed"] += 1
        assert_same(store, wait_until(store, operation.id), whole(kind))
    tally["runs"] += 1
    store.close()


def _kill_child(store: Store, operation: Operation, rng: random.Random, *, to_generation: int) -> bool:
    """Kills the child that runs it; before any save where ``to_generation`` is 0, else behind that generation."""
    epoch = store.get(operation.id).epoch

    def ready() -> Operation | None:
        now = store.get(operation.id)
        fresh = now.status is Status.RUNNING and now.generation >= to_generation
        return now if fresh or now.status in RESTING else None

    now: Operation = wait_for(ready)
    if now.status is Status.COMPLETED:
        return False
    time.sleep(rng.uniform(0.0, 0.02))
    assert now.owner is not None
    kill(now.owner.pid)
    wait_for(lambda: (after := store.get(operation.id)).epoch > max(epoch, now.epoch) or after.status in RESTING)
    return True


@pytest.mark.soak
def test_children_killed_alone(folder: Path, tmp_path: Path, whole: Whole) -> None:
    crash_children(Place(folder, f"sqlite:///{tmp_path / 'ktrdr.db'}", OFTEN), 1, whole, Counter())


@pytest.mark.soak
def test_kills_children(folder: Path, tmp_path: Path, postgresql: Server, whole: Whole) -> None:
    tally: Counter[str] = Counter()
    for seed in seeds("kills children", 40, batch=4, tally=tally):
        url = f"sqlite:///{tmp_path / f'{seed}.db'}" if seed % 2 else postgresql.url(postgresql.take())
        crash_children(Place(folder, url, OFTEN), 200_000 + seed, whole, tally)
