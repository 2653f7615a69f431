"""A cancel over HTTP, from the request to the answer: of the worker that runs it, and of another on one database."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ktrdr.operations.models import Status
from ktrdr.operations.store.store import Store
from support.process.cancels import a_hundred, one_of_three
from support.process.long_runs import LARGEST, busy, place_with, submit
from support.process.processes import Place, furnish, wait_for_bar, wait_until
from support.process.service import Service, service

Begin = Callable[[Store, int], str]
"""Submits a run, by seed, and waits until it is in the midst of what takes it long."""


class Pair:
    """Two workers on one database: which of them runs an operation is theirs to settle."""

    def __init__(self, store: Store, begin: Begin, pair: tuple[Service, Service]) -> None:
        self._store = store
        self._begin = begin
        self._pair = pair

    def once(self, seed: int, *, here: bool) -> float:
        """One run, cancelled by the worker that runs it, or by the other one."""
        name = self._begin(self._store, seed)
        chosen = next(each for each in self._pair if self._runs(each, name) == here)
        with chosen.client() as client:
            client.get("/health")
            took_s = self._cancelled(client, name, here=here)
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


@pytest.mark.soak
def test_cancelled_over_http(tmp_path: Path) -> None:
    folder = furnish(tmp_path / "data", 30_000, ("slow",))
    place = Place(folder, f"sqlite:///{folder / 'ktrdr.db'}")

    def begin(store: Store, _: int) -> str:
        name = place.submit(store, "slow").id
        wait_for_bar(store, name, 3_000)
        return name

    with pair(place, begin) as cancels:
        one_of_three(cancels.once, here=True)
        one_of_three(cancels.once, here=False)


@pytest.mark.soak
@pytest.mark.parametrize(("part", "architecture"), [("largest LSTM", LARGEST), ("short blocks", None)])
def test_cancel_over_http(part: str, architecture: dict[str, Any] | None, tmp_path: Path) -> None:
    place = place_with(tmp_path / "data", architecture, {})

    def begin(store: Store, seed: int) -> str:
        name = submit(place, store, architecture)
        busy(store, name, architecture, random.Random(seed))
        return name

    with pair(place, begin) as cancels:
        a_hundred(cancels.once, f"cancel over HTTP during {part}", batch=12)
