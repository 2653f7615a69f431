"""However long a block of inference takes, a cancel takes a moment, and a worker that is shut down leaves in time."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ktrdr.operations.models import Status
from ktrdr.operations.pool.runner import Runner
from support.process.cancels import a_hundred, one_of_three
from support.process.long_runs import LARGEST, LONG, busy, place_with, submit
from support.process.processes import Place, wait_for, wait_until, worker
from support.soak import seeds

SHUTDOWN_S = 10.0


class Cancels:
    """A runner in this process, and how long each cancel has taken."""

    def __init__(self, place: Place, architecture: dict[str, Any] | None) -> None:
        self._place = place
        self._architecture = architecture
        self._store = place.store()
        self._other = place.store()

    def __enter__(self) -> Cancels:
        self._runner = Runner(self._place.store(), 1)
        self._runner.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.stop()

    def once(self, seed: int, *, here: bool) -> float:
        """One run, cancelled by its own worker, or through the database alone."""
        name = submit(self._place, self._store, self._architecture)
        busy(self._store, name, self._architecture, random.Random(seed))
        began_s = time.monotonic()
        if here:
            assert self._runner.cancel_here(name).status is Status.CANCELLED
        else:
            self._other.request_cancel(name)
            wait_until(self._store, name, Status.CANCELLED)
        took_s = time.monotonic() - began_s
        wait_for(lambda: self._runner.running == 0)
        assert (found := self._store.get(name)).crashes == 0
        assert found.error is None
        return took_s


def in_this_process(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.soak
def test_cancelled_in_the_middle_of_a_long_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = place_with(tmp_path / "data", LONG, {})
    in_this_process(place, monkeypatch)
    with Cancels(place, LONG) as cancels:
        one_of_three(cancels.once, here=True)
        one_of_three(cancels.once, here=False)


@pytest.mark.soak
@pytest.mark.parametrize(("part", "architecture"), [("largest LSTM", LARGEST), ("short blocks", None)])
def test_cancel(
    part: str, architecture: dict[str, Any] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_with(tmp_path / "data", architecture, {})
    in_this_process(place, monkeypatch)
    with Cancels(place, architecture) as cancels:
        a_hundred(cancels.once, f"cancel during {part}", batch=20)


def shut_down(place: Place, architecture: dict[str, Any], seed: int) -> float:
    """SIGTERM in the middle of a block: nothing can be saved, and the run is anyone's once its lease is over."""
    store = place.store()
    name = submit(place, store, architecture)
    with worker(place) as process:
        busy(store, name, architecture, random.Random(seed))
        began_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=2 * SHUTDOWN_S) == 0
        took_s = time.monotonic() - began_s
    left = wait_until(store, name, Status.INTERRUPTED)
    assert (left.crashes, left.error) == (0, None)
    assert store.request_cancel(name).status is Status.CANCELLED
    store.close()
    return took_s


@pytest.mark.soak
def test_shut_down_in_the_middle_of_a_long_block(tmp_path: Path) -> None:
    assert shut_down(place_with(tmp_path / "data", LONG, {}), LONG, 1) < SHUTDOWN_S


@pytest.mark.soak
def test_shutdown(tmp_path: Path) -> None:
    place = place_with(tmp_path / "data", LARGEST, {})
    tally = Counter[str]()
    for seed in seeds("shut down during largest LSTM", 20, batch=5, tally=tally):
        took_s = shut_down(place, LARGEST, seed)
        assert took_s < SHUTDOWN_S
        tally["longest ms"] = max(tally["longest ms"], round(1_000 * took_s))
