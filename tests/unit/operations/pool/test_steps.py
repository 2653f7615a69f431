"""The runner's thread outlives every failure of its steps, says each cause once, and works again afterwards."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from ktrdr.errors import StorageUnavailable
from ktrdr.operations.pool import runner as pool
from ktrdr.operations.pool.runner import Runner
from ktrdr.operations.pool.steps import LONGEST_PAUSE_S, Causes, Step
from ktrdr.operations.store.store import Store
from support.database import stores
from support.process.processes import wait_for

FAILURES = [ValueError("a damaged row"), OSError(24, "Too many open files"), MemoryError(), RecursionError("deep")]


class Faulty:
    """A store whose methods fail while there is an error to raise."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.store, name)
        if not callable(found):
            return found

        def called(*words: Any, **named: Any) -> Any:
            if self.error is not None:
                raise self.error
            return found(*words, **named)

        return called


@pytest.fixture
def faulty(sqlite_url: str) -> Iterator[Faulty]:
    found = Faulty(Store.open(sqlite_url))
    yield found
    found.store.close()


@pytest.mark.parametrize("error", [*FAILURES, StorageUnavailable("the disk is full")], ids=lambda it: type(it).__name__)
def test_the_runner_outlives_every_failure(
    faulty: Faulty, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pool, "_SIGN_OF_LIFE_S", 0.01)
    monkeypatch.setattr(pool, "_IDLE_TICK_S", 0.01)
    caplog.set_level(logging.INFO, "ktrdr.operations")
    runner = Runner(faulty, 1)  # type: ignore[arg-type]
    faulty.error = error
    runner.start()
    time.sleep(0.5)
    assert runner.alive and runner.looks and not runner.registered.is_set()
    assert 1 <= len([record for record in caplog.records if record.levelno >= logging.WARNING]) <= len(runner._steps)
    faulty.error = None
    assert runner.registered.wait(LONGEST_PAUSE_S)
    runner.stop()
    assert not runner.alive
    assert faulty.store.workers() == []


def test_a_child_that_cannot_be_spawned_is_no_end(faulty: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def refuse(*_: Any, **__: Any) -> None:
        tried.append(time.monotonic())
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(pool.subprocess, "Popen", refuse)
    monkeypatch.setattr(pool, "_IDLE_TICK_S", 0.01)
    stores.submit(faulty.store)
    runner = Runner(faulty, 1)  # type: ignore[arg-type]
    runner.start()
    wait_for(lambda: len(tried) >= 3, 20)
    assert runner.alive
    runner.stop()
    assert all(later - earlier > 0.05 for earlier, later in pairwise(tried))


def test_a_step_waits_longer_after_each_failure() -> None:
    now_s = 0.0
    ran = []

    def work() -> None:
        ran.append(now_s)
        if now_s < 100:
            raise ValueError(f"row {now_s}")

    step = Step("looking", work, Causes(clock=lambda: now_s), clock=lambda: now_s)
    while now_s < 110:
        step.attempt()
        now_s += 0.05
    waits = [later - earlier for earlier, later in pairwise(ran) if later < 100]
    assert waits[:3] == pytest.approx([0.1, 0.2, 0.4], abs=0.06)
    assert max(waits) <= LONGEST_PAUSE_S + 0.1
    assert step.failures == 0


def test_a_runner_that_hangs_in_a_step_does_not_look(faulty: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = Runner(faulty, 1)  # type: ignore[arg-type]
    runner.start()
    assert runner.looks
    monkeypatch.setattr(pool, "_HANGS_AFTER_S", 0.0)
    assert runner.alive and not runner.looks
    runner.stop()
