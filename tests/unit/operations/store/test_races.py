"""Many at once, threads and processes: one winner, nothing twice, nothing left over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import ktrdr
from ktrdr.backtesting.job.stored import ledger
from ktrdr.errors import AlreadyRunning, LeaseLost, StorageUnavailable
from ktrdr.operations.models import Status
from ktrdr.operations.store.store import Store
from support.database import stores, tape

TESTS = Path(__file__).resolve().parents[3]
PACKAGES = Path(ktrdr.__file__).parents[1]
CLAIMANT = """
import json, sys, time
from ktrdr.operations.store.store import Store
from support.database import stores
url, number, at = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
store, mine = Store.open(url), []
time.sleep(max(0.0, at - time.time()))
while (claim := stores.claim_next(store, stores.owner(number), worker_id=str(number))) is not None:
    mine.append(claim.operation.id)
    stores.complete(store, stores.saved(store, claim.lease, 3), after=3)
print(json.dumps(mine))
"""


def at_once(opened: list[Store], count: int, work: Callable[[Store, int], Any]) -> list[Any]:
    """Returns what each of ``count`` threads got, all begun at one moment, spread over the stores."""
    start = threading.Barrier(count)

    def one(number: int) -> Any:
        start.wait()
        while True:
            try:
                return work(opened[number % len(opened)], number)
            except (AlreadyRunning, LeaseLost) as error:
                return error.code
            except StorageUnavailable as error:  # SQLite's lock is not a queue: on a busy machine one waits in vain
                assert error.transient

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@pytest.fixture
def opened(open_store: Callable[[], Store]) -> list[Store]:
    """Several processes' worth of connections."""
    return [open_store() for _ in range(7)]


def test_a_hundred_resumes_have_one_winner(opened: list[Store]) -> None:
    claim = stores.running(opened[0])
    opened[0].end(stores.saved(opened[0], claim.lease, 3), Status.CANCELLED)
    found = at_once(opened, 100, lambda store, _: store.requeue(claim.operation.id).epoch)
    assert sorted(map(str, found)) == [str(claim.lease.epoch + 1), *["already_running"] * 99]


def test_a_hundred_claims_by_name_have_one_winner(opened: list[Store]) -> None:
    claim = stores.running(opened[0])
    opened[0].end(stores.saved(opened[0], claim.lease, 3), Status.CANCELLED)
    found = at_once(opened, 100, lambda store, i: store.claim(claim.operation.id, stores.owner(i)).lease)
    [lease] = [one for one in found if one != "already_running"]
    assert opened[0].get(claim.operation.id).owner == lease.owner
    stores.complete(opened[0], lease, after=3)


@pytest.mark.parametrize("lapsed", [False, True])
def test_a_hundred_workers_find_one_operation_once(opened: list[Store], lapsed: bool) -> None:
    if lapsed:
        stores.lapse(opened[0], stores.running(opened[0]).operation.id)
    else:
        stores.submit(opened[0])
    found = at_once(opened, 100, lambda store, i: stores.claim_next(store, stores.owner(i)))
    [claim] = [one for one in found if one is not None]
    assert opened[0].get(claim.operation.id).owner == claim.lease.owner


def test_an_owner_against_all_that_can_happen_to_it(opened: list[Store]) -> None:
    """Whoever comes first, the row and its ledger are one run's, and the loser gets an error."""
    for round_ in range(5):
        claim = stores.running(opened[0])
        stores.lapse(opened[0], claim.operation.id)
        works: list[Callable[[Store], Any]] = [
            lambda store, lease=claim.lease: stores.saved(store, lease, 3),
            lambda store, one=claim.operation.id: store.claim(one, stores.owner(2)),
            lambda store, one=claim.operation.id: store.claim(one, stores.owner(3)),
            lambda store: stores.claim_next(store, stores.owner(4)),
        ]
        found = at_once(opened, 4, lambda store, i, works=works: works[i](store))
        now = opened[0].get(claim.operation.id)
        assert now.status is Status.RUNNING, round_
        for kind, frame in ledger(opened[0], now.id).items():
            assert frame.equals(tape.rows(3 if now.generation else 0)[kind]), kind
        claims = [one for one in found[1:] if one not in ("already_running", None)]
        assert len(claims) <= 1
        assert now.epoch == claim.lease.epoch + len(claims)
        if claims:
            stores.complete(opened[0], claims[0].lease, after=3 if claims[0].lease.generation else 0)
        else:
            stores.complete(opened[0], found[0], after=3)
        assert ledger(opened[0], now.id)["equity"].equals(tape.rows(tape.LAST)["equity"])


def test_processes_share_the_work_and_none_is_done_twice(store: Store, database_url: str) -> None:
    submitted = {stores.submit(store).id for _ in range(60)}
    environment = os.environ | {"PYTHONPATH": f"{PACKAGES}:{TESTS}"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMANT, database_url, str(number), str(time.time() + 3)],
            env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for number in range(4)
    ]  # fmt: skip
    shares = []
    for process in started:
        said, complaint = process.communicate(timeout=120)
        assert process.returncode == 0, complaint
        shares.append(json.loads(said))
    done = [one for share in shares for one in share]
    assert len(done) == len(set(done))
    assert set(done) == submitted
    assert all(store.get(one).status is Status.COMPLETED for one in done)
    assert stores.sql(store, "SELECT count(*) FROM results") == [(60,)]
