"""Readiness: not without somebody who looks for operations, and not without a database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ktrdr.operations.models import Operation
from ktrdr.operations.pool.runner import Runner
from ktrdr.operations.store.store import Store
from ktrdr.worker.access.settings import Access
from ktrdr.worker.app import create_app
from ktrdr.worker.service import Service
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


def test_not_ready_without_a_database_and_still_alive(asked: Callable[..., Said], store: Store, tmp_path: Path) -> None:
    store.close()
    (tmp_path / "ktrdr.db").write_bytes(b"no database" * 1_000)
    said = asked(Looking())
    assert (said.status, said.body) == (503, b'{"status":"not ok"}')
    assert asked(Looking(), "/health").status == 200
