"""Readiness: not without somebody who looks for operations, and not without a database."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ktrdr.operations.models import Operation
from ktrdr.operations.pool.runner import Runner
from ktrdr.operations.store.store import Store
from ktrdr.worker.access.settings import Access
from ktrdr.worker.app import create_app
from ktrdr.worker.guard.readiness import Readiness
from ktrdr.worker.service import Service
from support.database.disks import full, small_disk
from support.process.asgi import Said, ask


@dataclass
class Looking:
    """A runner that looks for operations, and never finds any."""

    running: int = 0
    alive: bool = True
    looks: bool = True
    worker_id: str = "one"

    def wake(self) -> None:
        pass

    def cancel_here(self, operation_id: str) -> Operation:
        raise NotImplementedError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = Store.open(f"sqlite:///{tmp_path / 'ktrdr.db'}")
    opened.register("one", host="here", pid=1, slots=1)
    return opened


@pytest.fixture
def asked(store: Store) -> Callable[..., Said]:
    def ask_ready(runner: Runner | Looking, path: str = "/ready") -> Said:
        return ask(create_app(Service.of(store, runner, Access())), "GET", path)

    return ask_ready


def test_ready_while_the_runner_looks_and_the_database_answers(asked: Callable[..., Said]) -> None:
    assert (asked(Looking()).status, asked(Looking()).body) == (200, b'{"status":"ok"}')


def test_not_ready_once_nobody_looks_for_operations(asked: Callable[..., Said], store: Store) -> None:
    said = asked(Runner(store, 1))
    assert (said.status, said.body) == (503, b'{"status":"not ok"}')


def test_unhealthy_once_the_runner_is_dead(asked: Callable[..., Said], store: Store) -> None:
    said = asked(Looking(alive=False, looks=False), "/health")
    assert (said.status, said.body) == (503, b'{"status":"not ok"}')
    hangs = Looking(looks=False)
    assert (asked(hangs, "/health").status, asked(hangs).status) == (200, 503)


def test_not_ready_on_a_full_disk(asked: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with small_disk(tmp_path / "disk", "32m") as disk:
        monkeypatch.setenv("KTRDR_DATA_DIR", str(disk))
        assert asked(Looking()).status == 200
        with full(disk):
            assert asked(Looking()).status == 503
            assert asked(Looking(), "/health").status == 200
        assert asked(Looking()).status == 200


def test_a_database_that_is_silent_holds_up_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask, one thread waits, and each of them has its answer in time."""
    asked_at_once = 20
    waiting = threading.Event()
    beats = []
    monkeypatch.setattr(store, "worker_beat", lambda *_: beats.append(1) or waiting.wait(30))
    readiness = Readiness(store, Looking(), limit_s=0.2)

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*(readiness.is_ready() for _ in range(asked_at_once)))

    began_s = time.monotonic()
    assert asyncio.run(all_of_them()) == [False] * asked_at_once
    waiting.set()
    assert time.monotonic() - began_s < 5
    assert len(beats) == 1


def test_a_probe_that_a_later_caller_begins_is_nobody_elses(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first caller has its answer, though the second begins a probe of its own before the first one hears."""
    monkeypatch.setattr("ktrdr.worker.guard.readiness._FRESH_SECONDS", 0.0)
    readiness = Readiness(store, Looking())

    async def one_after_the_other() -> list[bool]:
        first = asyncio.create_task(readiness.is_ready())
        while readiness._probe is None or not readiness._probe.done():
            await asyncio.sleep(0)
        return [await readiness.is_ready(), await first]

    assert asyncio.run(one_after_the_other()) == [True, True]


def test_not_ready_without_a_database_and_still_alive(asked: Callable[..., Said], store: Store, tmp_path: Path) -> None:
    store.close()
    (tmp_path / "ktrdr.db").write_bytes(b"no database" * 1_000)
    said = asked(Looking())
    assert (said.status, said.body) == (503, b'{"status":"not ok"}')
    assert asked(Looking(), "/health").status == 200
