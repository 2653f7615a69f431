"""A hundred resumes of one operation at the same moment: one wins, the others get an error that it runs."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ktrdr.backtesting.job.stored import ledger
from ktrdr.errors import AlreadyRunning
from ktrdr.operations.models import Claim, Operation, Status
from ktrdr.operations.store.store import Store
from support.database import stores, tape
from support.database.databases import Server
from support.process.processes import Place
from support.soak import seeds

AT_ONCE = 100
STORES = 10
RESUMER = """
import sys
from ktrdr.errors import AlreadyRunning
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.store import Store
store = Store.open()
print("ready", flush=True)
sys.stdin.readline()
try:
    claim = store.claim(sys.argv[1], Owner.me(), placement="host:here")
except AlreadyRunning as error:
    print(error.code, flush=True)
else:
    print(f"won {claim.lease.epoch} {claim.saved.bar}", flush=True)
sys.stdin.readline()
"""
"""An explicit resume without its run; it lives until it is killed, since a dead owner is no owner."""
NO_HURRY = {"KTRDR_LEASE_SECONDS": "600"}
"""Nobody beats for the winner: its lease has to last until the last of the others has asked."""


def resting(store: Store) -> Operation:
    """A cancelled operation with two checkpoints."""
    claim = stores.running(store)
    store.end(stores.saved(store, claim.lease, 3, 6), Status.CANCELLED)
    return store.get(claim.operation.id)


def at_once(attempt: Callable[[int], Claim | Operation]) -> list[Claim | Operation]:
    """Returns what the winners got; the losers got an error that somebody runs it."""
    start = threading.Barrier(AT_ONCE)

    def one(number: int) -> Claim | Operation | None:
        start.wait()
        try:
            return attempt(number)
        except AlreadyRunning:
            return None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [found for found in pool.map(one, range(AT_ONCE)) if found is not None]


@pytest.mark.parametrize("round_", range(3))
def test_one_of_a_hundred_threads_wins(open_store: Callable[[], Store], round_: int) -> None:
    homes = [open_store() for _ in range(STORES)]
    store = homes[0]
    operation = resting(homes[0])
    (won,) = at_once(lambda number: homes[number % STORES].claim(operation.id, stores.owner(1_000 + number)))
    assert isinstance(won, Claim)
    now = store.get(operation.id)
    assert (now.status, now.owner, now.epoch) == (Status.RUNNING, won.lease.owner, operation.epoch + 1)
    assert won.saved is not None
    assert won.saved.bar == 6
    stores.complete(store, won.lease, 6)
    rows = ledger(store, operation.id)
    assert all(rows[kind].equals(frame) for kind, frame in tape.rows(tape.LAST).items())


def test_one_of_a_hundred_puts_it_into_the_queue(open_store: Callable[[], Store]) -> None:
    homes = [open_store() for _ in range(STORES)]
    operation = resting(homes[0])
    (queued,) = at_once(lambda number: homes[number % STORES].requeue(operation.id))
    assert isinstance(queued, Operation)
    assert (queued.status, queued.epoch) == (Status.PENDING, operation.epoch + 1)
    (won,) = at_once(lambda number: _claimed(homes[number % STORES], number))
    assert isinstance(won, Claim)
    assert won.lease.epoch == operation.epoch + 2


def _claimed(store: Store, number: int) -> Claim:
    """As a worker takes it."""
    found = stores.claim_next(store, stores.owner(2_000 + number), f"worker {number}")
    if found is None:
        raise AlreadyRunning("somebody else has it")
    return found


def race(place: Place) -> None:
    """A hundred processes that are ready before the first of them is let go."""
    store = place.store()
    operation = resting(store)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RESUMER, operation.id], env=place.environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1,
        )
        for _ in range(AT_ONCE)
    ]  # fmt: skip
    try:
        said = [_hear(racer) for racer in racers]
        assert said == ["ready"] * AT_ONCE
        for racer in racers:
            _start(racer)
        answers = Counter(_hear(racer) for racer in racers)
    finally:
        for racer in racers:
            racer.kill()
            racer.communicate()
    assert answers == {"already_running": AT_ONCE - 1, f"won {operation.epoch + 1} 6": 1}
    store.close()


def _hear(racer: subprocess.Popen[str]) -> str:
    assert racer.stdout is not None
    return racer.stdout.readline().strip()


def _start(racer: subprocess.Popen[str]) -> None:
    assert racer.stdin is not None
    racer.stdin.write("\n")


@pytest.mark.soak
def test_resumes(tmp_path: Path, postgresql: Server) -> None:
    """By turns on SQLite and on PostgreSQL."""
    for seed in seeds("resumes", 10, batch=1):
        url = f"sqlite:///{tmp_path / f'{seed}.db'}" if seed % 2 else postgresql.url(postgresql.take())
        race(Place(tmp_path, url, NO_HURRY))
