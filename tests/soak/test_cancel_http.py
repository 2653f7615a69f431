"""A cancel over HTTP, from the request to the answer: of the worker that runs it, and of another on one database."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ktrdr.operations.models import Status
from ktrdr.operations.store import Store
from support.long_runs import LARGEST, busy, place_with, submit
from support.processes import Place, furnish, wait_for_bar, wait_until
from support.service import Service, service
from support.soak import recorded, seeds

HERE_S, ELSEWHERE_S = 0.25, 1.5

Begin = Callable[[Store, int], str]
"""Submits a run, by seed, and waits until it is in the midst of what takes it long."""


class Pair:
    """Two workers on one database: which of them runs an operation is theirs to settle."""

    def __init__(self, store: Store, begin: Begin, pair: tuple[Service, Service]) -> None:
        self._store, self._begin, self._pair = store, begin, pair
        self.here_s: list[float] = []
        self.elsewhere_s: list[float] = []

    def once(self, seed: int, *, here: bool) -> float:
        """One run, cancelled by the worker that runs it, or by the other one."""
        name = self._begin(self._store, seed)
        chosen = next(each for each in self._pair if self._runs(each, name) == here)
        with chosen.client() as client:
            client.get("/health")
            took_s = self._cancelled(client, name, here=here)
        (self.here_s if here else self.elsewhere_s).append(took_s)
        found = self._store.get(name)
        assert (found.crashes, found.error) == (0, None)
        return took_s

    def _cancelled(self, client: httpx.Client, name: str, *, here: bool) -> float:
        began_s = time.monotonic()
        said = client.post(f"/operations/{name}/cancel").json()
        took_s = time.monotonic() - began_s
        if here:
            assert said["status"] == "cancelled", said
            return took_s
        assert said["status"] != "completed", said
        wait_until(self._store, name, Status.CANCELLED)
        return time.monotonic() - began_s

    def _runs(self, worker: Service, name: str) -> bool:
        owner = self._store.get(name).owner
        assert owner is not None
        fields = Path(f"/proc/{owner.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[1]) == worker.process.pid


@contextmanager
def pair(place: Place, begin: Begin) -> Iterator[Pair]:
    store = place.store()
    with service(place) as one, service(place) as other:
        yield Pair(store, begin, (one, other))
        assert "Traceback" not in one.log + other.log
    store.close()


def test_cancelled_over_http(tmp_path: Path) -> None:
    folder = furnish(tmp_path / "data", 30_000, ("slow",))
    place = Place(folder, f"sqlite:///{folder / 'ktrdr.db'}")

    def begin(store: Store, _: int) -> str:
        name = place.submit(store, "slow").id
        wait_for_bar(store, name, 3_000)
        return name

    with pair(place, begin) as cancels:  # tests beside this one take their share of the cores: one of three is enough
        assert any(cancels.once(seed, here=True) < HERE_S for seed in range(3)), cancels.here_s
        assert any(cancels.once(seed, here=False) < ELSEWHERE_S for seed in range(3)), cancels.elsewhere_s


@pytest.mark.soak
@pytest.mark.parametrize(("part", "architecture"), [("largest LSTM", LARGEST), ("short blocks", None)])
def test_cancel_over_http(part: str, architecture: dict[str, Any] | None, tmp_path: Path) -> None:
    """At most one in a hundred of those asked of the worker that runs it is late, and none that is asked of the other.

    The record counts the late ones: what a run has failed by, the next one does not forget.
    """
    place, tally = place_with(tmp_path / "data", architecture, {}), Counter[str]()
    name = f"cancel over HTTP during {part}"

    def begin(store: Store, seed: int) -> str:
        operation_id = submit(place, store, architecture)
        busy(store, operation_id, architecture, random.Random(seed))
        return operation_id

    with pair(place, begin) as cancels:
        for seed in seeds(name, 120, batch=12, tally=tally):
            here = seed % 6 != 0
            took_s = cancels.once(seed, here=here)
            longest = "longest here ms" if here else "longest elsewhere ms"
            tally[longest] = max(tally[longest], round(1_000 * took_s))
            tally["late here"] += here and took_s >= HERE_S
            assert here or took_s < ELSEWHERE_S
    assert sum(line["late here"] for line in recorded(name)) <= 1
