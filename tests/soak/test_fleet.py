"""Two workers on one PostgreSQL share operations while some are cancelled and the workers are killed: all end, once."""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import ExitStack
from itertools import chain, repeat
from pathlib import Path

import pytest

from ktrdr.backtesting.results import BacktestResults
from ktrdr.operations.models import Status
from ktrdr.operations.store.store import Store
from support.database import stores
from support.database.databases import Server
from support.process.processes import RESTING, Place, assert_same, furnish, wait_until, worker
from support.soak import seeds

N_BARS = 6_000
OFTEN = {"KTRDR_CHECKPOINT_SECONDS": "0.05"}
FIRST = ("cancel", "kill", "cancel")
"""Whatever the seed draws, each happens."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("shared"), N_BARS, ("slow",))


@pytest.fixture(scope="module")
def whole(folder: Path) -> BacktestResults:
    """Returns the uninterrupted run."""
    return Place(folder, "").expected("slow")


class Pair:
    """Two workers with one log; one that is killed is replaced."""

    def __init__(self, place: Place, log: Path) -> None:
        self._place = place
        self.log = log
        self._workers = [ExitStack(), ExitStack()]

    def __enter__(self) -> Pair:
        for each in self._workers:
            each.enter_context(worker(self._place, log=self.log))
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._workers:
            each.close()

    def replace(self, which: int) -> None:
        """Kill -9, and another one."""
        self._workers[which].close()
        self._workers[which].enter_context(worker(self._place, log=self.log))


def share(place: Place, count: int, seed: int, log: Path, whole: BacktestResults, tally: Counter[str]) -> None:
    """So many operations, disturbed until they rest; what was cancelled is resumed and left in peace."""
    store = place.store()
    rng = random.Random(seed)
    names = [place.submit(store, "slow").id for _ in range(count)]
    with Pair(place, log) as pair:
        _disturb(store, names, pair, rng, tally)
        cancelled = [name for name in names if store.get(name).status is Status.CANCELLED]
        tally["resumed"] += len(cancelled)
        for name in cancelled:
            store.requeue(name)
        for name in names:
            assert_same(store, wait_until(store, name, within_s=60 + 10 * len(cancelled)), whole)
    said = log.read_text()
    assert all(said.count(f"{name}: completed") <= 1 for name in names)
    assert stores.sql(store, "SELECT count(*) FROM results") == [(count,)]
    tally["operations"] += count
    store.close()


def _disturb(store: Store, names: list[str], pair: Pair, rng: random.Random, tally: Counter[str]) -> None:
    """No worker is killed twice without an end in between: on a busy machine none would ever get to one."""
    until_s = time.monotonic() + 60 + 10 * len(names)
    deeds = chain(FIRST, repeat(""))
    left_at_kill = len(names) + 1
    while unrested := [name for name in names if store.get(name).status not in RESTING]:
        assert time.monotonic() < until_s, f"{len(unrested)} operations do not end"
        time.sleep(rng.uniform(0.5, 3.0))
        deed = next(deeds) or rng.choice(("cancel", "cancel", "kill", "nothing"))
        if deed == "kill" and len(unrested) >= left_at_kill:
            continue
        tally[deed] += 1
        if deed == "cancel":
            runs = [name for name in unrested if store.get(name).status is Status.RUNNING]
            store.request_cancel(rng.choice(runs or unrested))
        elif deed == "kill":
            pair.replace(rng.randrange(2))
            left_at_kill = len(unrested)


@pytest.mark.soak
def test_two_workers_share(folder: Path, postgresql_url: str, tmp_path: Path, whole: BacktestResults) -> None:
    tally: Counter[str] = Counter()
    share(Place(folder, postgresql_url, OFTEN), 6, 1, tmp_path / "log", whole, tally)
    assert tally["kill"] >= 1
    assert tally["resumed"] >= 1


@pytest.mark.soak
def test_fleet(folder: Path, postgresql: Server, tmp_path: Path, whole: BacktestResults) -> None:
    tally: Counter[str] = Counter()
    for seed in seeds("fleet", 1, batch=1, tally=tally):
        place = Place(folder, postgresql.url(postgresql.take()), OFTEN)
        share(place, 200, 800_000 + seed, tmp_path / f"{seed}.log", whole, tally)
