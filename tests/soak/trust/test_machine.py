"""Costs on one machine: two recurrent runs at once, and a run beside a hundred requests a second."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ktrdr.operations.models import Status
from ktrdr.operations.store.store import Store
from support.process.processes import Place, furnish, wait_for, wait_until
from support.process.service import Service, service

pytestmark = pytest.mark.soak
N_BARS = 60_000
REQUESTS_A_SECOND = 100
ROUNDS = 5
LISTED = 60
Tell = Callable[[str, object], None]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("machine")
    return Place(furnish(folder / "data", N_BARS, ("mlp", "slow")), f"sqlite:///{folder / 'ktrdr.db'}")


@pytest.fixture(scope="module")
def store(place: Place) -> Iterator[Store]:
    found = place.store()
    yield found
    found.close()


def took_s(store: Store, *names: str) -> float:
    """Seconds from the first start of these operations to their last end, by the database's clock."""
    done = [wait_until(store, name, within_s=900) for name in names]
    starts = [each.started_at for each in done if each.started_at]
    ends = [each.ended_at for each in done if each.ended_at and each.status is Status.COMPLETED]
    assert len(starts) == len(ends) == len(names), [each.error for each in done]
    return (max(ends) - min(starts)).total_seconds()


def test_trust_5_two_at_once(place: Place, store: Store, record_property: Tell) -> None:
    """Two GRU runs in two slots with the defaults take at most 1.2 times what they take one after the other."""
    both_s = []
    alone_s = []
    for _ in range(ROUNDS):
        with service(place, slots=2):
            both_s.append(took_s(store, *(place.submit(store, "slow", threads=2).id for _ in range(2))))
        with service(place, slots=1):
            alone_s.append(took_s(store, *(place.submit(store, "slow", threads=2).id for _ in range(2))))
    ratio = statistics.median(both_s) / statistics.median(alone_s)
    record_property("table", f"trust_5\n  {ratio:.2f} of one after the other; at once {both_s} s, alone {alone_s} s")
    assert ratio < 1.2


@contextmanager
def asked(running: Service, a_second: float) -> Iterator[list[int]]:
    """Asks for the list so many times a second from this process; yields the statuses so far."""
    over = threading.Event()
    statuses: list[int] = []

    def ask() -> None:
        with running.client() as client:
            began_s = time.monotonic()
            while not over.is_set():
                statuses.append(client.get("/operations").status_code)
                # The threads share one list, so its length is the number that all of them have asked.
                time.sleep(max(began_s + len(statuses) / a_second - time.monotonic(), 0.0))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        over.set()
        for thread in threads:
            thread.join()


def children_s(pid: int) -> float:
    """Returns the processor seconds of the children of a process, once all of them have ended and are counted."""
    tasks = Path(f"/proc/{pid}/task")
    wait_for(lambda: not any((task / "children").read_text() for task in tasks.iterdir()))
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def test_trust_load(place: Place, store: Store, record_property: Tell) -> None:
    """A run's own processor time beside a hundred lists a second, and without: in turns."""
    with service(place) as running:
        for _ in range(LISTED):
            wait_until(store, place.submit(store, "mlp", end="2024-01-25").id, within_s=300)
        beside = []
        alone = []
        handled = []
        counts = []
        for _ in range(ROUNDS):
            before_s = children_s(running.process.pid)
            took_s(store, place.submit(store, "slow").id)
            alone.append(children_s(running.process.pid) - before_s)
            with asked(running, REQUESTS_A_SECOND) as statuses:
                before_s = children_s(running.process.pid)
                own_s = running.cpu_s
                began_s = time.monotonic()
                took_s(store, place.submit(store, "slow").id)
                beside.append(children_s(running.process.pid) - before_s)
                counts.append(len(statuses) / (time.monotonic() - began_s))
                handled.append((running.cpu_s - own_s) / max(len(statuses), 1))
            assert set(statuses) <= {200}
    ratio = statistics.median(beside) / statistics.median(alone)
    each_ms = 1_000 * statistics.median(handled)
    lines = (
        f"{ratio:.3f} of the run's processor time alone",
        f"{statistics.median(counts):.0f} requests a second",
        f"{each_ms:.2f} ms of the worker's processor time a request",
        f"alone {alone} s, beside {beside} s",
    )
    record_property("table", "\n  ".join(["trust_load", *lines]))
    assert ratio < 1.1
