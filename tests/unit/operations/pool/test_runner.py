"""Helpers of a worker: one at a time, after everything that waits, and never where it cannot help."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ktrdr._version import __version__
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Claim
from ktrdr.operations.owner import Owner
from ktrdr.operations.pool.child import DONE, NOTHING
from ktrdr.operations.pool.runner import Runner, _Child
from ktrdr.operations.store.elsewhere.units import Terms
from ktrdr.operations.store.store import Store
from support.database import stores, tape

TERMS = Terms(tape.IDENTITY, __version__)


class Pool(Runner):
    """A runner whose children wait for their exit code, and whose looks are called by the test."""

    def _spawn(self, threads: int, helps: str | None = None) -> None:
        process = subprocess.Popen(["sh", "-c", "read code; exit $code"], stdin=subprocess.PIPE)
        self._children.append(_Child(process, Owner.of_process(process.pid), threads, helps))

    def look(self) -> list[str | None]:
        """Looks for work; returns what the children help, None for one that runs an operation."""
        self._spawn_after_s = 0.0
        self._look()
        return [child.helps for child in self._children]

    def end(self, code: int) -> None:
        """Ends the only child."""
        (child,) = self._children
        child.process.communicate(b"%d\n" % code)
        self._reap()

    def reap(self) -> None:
        """Waits for killed children."""
        for child in self._children:
            child.process.wait()
        self._reap()


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path))
    store = Store.open(f"sqlite:///{tmp_path / 'operations.db'}")
    found = Pool(store, 1, most_threads=8)
    yield found
    for child in found._children:
        child.process.kill()
        child.process.communicate()
    store.close()


@pytest.fixture
def shared(pool: Pool) -> Claim:
    """An operation that another worker runs and shares."""
    claim = stores.running(pool._store)
    stores.save(pool._store, claim.lease, 4)
    pool._store.share(claim.lease, TERMS, offered=[0])
    return claim


def test_what_waits_comes_before_help(pool: Pool, shared: Claim) -> None:
    name = shared.operation.id
    assert pool.look() == [name]
    assert pool.look() == [name]
    stores.submit(pool._store)
    assert pool.look() == [name]  # killed, and nothing runs beside it in its slot
    pool.reap()
    assert pool.look() == [None]
    assert pool.look() == [None]


@pytest.mark.parametrize("code", [NOTHING, 1])
def test_a_helper_that_cannot_help_is_not_tried_again(pool: Pool, shared: Claim, tmp_path: Path, code: int) -> None:
    pool.look()
    pool.end(code)
    assert pool.look() == []
    (tmp_path / "EURUSD_1h.parquet").write_bytes(b"other bars")
    assert pool.look() == [shared.operation.id]


def test_a_helper_that_is_done_is_followed_by_another(pool: Pool, shared: Claim) -> None:
    pool.look()
    pool.end(DONE)
    assert pool.look() == [shared.operation.id]


def test_nobody_helps_itself(pool: Pool, shared: Claim) -> None:
    two = Pool(pool._store, 2)
    two._spawn(1)
    mine = Owner.of_process(two._children[0].process.pid)
    stores.sql(pool._store, "UPDATE operations SET owner = :mine", mine=mine.text)
    assert two.look() == [None]
    two._children[0].process.kill()
    two._children[0].process.communicate()


def test_a_helper_finishes_its_unit_for_the_run_that_waits(pool: Pool, shared: Claim) -> None:
    """Its owner is gone. In another slot the run is claimed at once; the only slot is left to the helper."""
    name = shared.operation.id
    assert pool.look() == [name]
    stores.lapse(pool._store, name)
    assert pool.look() == [name]
    assert not pool._children[0].killed
    pool._slots = 2
    assert pool.look() == [name, None]
    assert not pool._children[0].killed


def test_no_helper_takes_the_cores_of_the_owner(pool: Pool, shared: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner is a process of this machine, first on all cores that this worker may use, then without one of them."""
    cores = os.sched_getaffinity(0)
    if len(cores) == 1:
        pytest.skip("one core")
    monkeypatch.setattr(type(kind_of("backtest")), "every_core", True)
    with subprocess.Popen(["sleep", "60"]) as process:
        owner = Owner.of_process(process.pid)
        stores.sql(pool._store, "UPDATE operations SET owner = :owner", owner=owner.text)
        assert pool.look() == []
        os.sched_setaffinity(process.pid, cores - {min(cores)})
        assert pool.look() == [shared.operation.id]
        process.kill()
