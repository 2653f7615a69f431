"""A kind of operation that ktrdr has never heard of: one file and one registration run it like a backtest.

Every process is real: worker, its children, the command line. The registration reaches them as a ``sitecustomize``.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import support
from ktrdr.operations import KINDS, resume
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.store.store import Store
from support.database import stores
from support.database.databases import ONE_DATABASE
from support.process import toy
from support.process.processes import Place, answer_of, kill, wait_for, wait_for_bar, wait_until, worker
from support.process.service import service

QUICK = {"KTRDR_CHECKPOINT_SECONDS": "0.05"}
TOTAL = 40 * 41 // 2


@pytest.fixture
def place(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A data folder whose processes know the toy; SQLite and PostgreSQL."""
    (tmp_path / "data").mkdir()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(toy.REGISTRATION)
    monkeypatch.setitem(KINDS, "toy", "support.process.toy:KIND")
    found = Place(tmp_path / "data", database_url)
    paths = (str(tmp_path / "site"), str(Path(support.__file__).parents[1]), found.environment["PYTHONPATH"])
    return Place(tmp_path / "data", database_url, {**QUICK, "PYTHONPATH": os.pathsep.join(paths)})


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    found = place.store()
    yield found
    found.close()


@pytest.fixture
def gate(place: Place) -> Path:
    """The file that lets the sum pass its twentieth number."""
    return place.folder / "gate"


@pytest.fixture
def held(store: Store, gate: Path) -> Operation:
    """A sum that waits for a process, and will not end before the gate is there."""
    return store.submit("toy", {"name": "held", "count": 40, "gate": str(gate)})


def expected(spec: Mapping[str, Any]) -> str:
    """Returns the hash of the uninterrupted sum."""
    state = toy.State(toy.Sum(**spec))
    while not state.is_last:
        state = state.after_next()
    found = toy.hashlib.sha256(f"{state.identity().hex()} {state.total}".encode()).hexdigest()
    return f"sha256:{found}"


def assert_whole(store: Store, operation: Operation) -> None:
    outcome = store.outcome(operation.id)
    assert outcome is not None
    assert (operation.status, outcome.summary, outcome.result_hash) == (
        Status.COMPLETED,
        {"total": TOTAL},
        expected(operation.spec),
    )
    assert store.checkpoints(operation.id) == []


def test_a_worker_runs_it_and_a_killed_child_is_resumed(
    place: Place, store: Store, held: Operation, gate: Path
) -> None:
    with worker(place):
        running = wait_for_bar(store, held.id, 20)
        assert running.owner is not None
        assert running.profile is None  # it does not depend on the numbers of a machine
        assert running.generation > 0
        kill(running.owner.pid, signal.SIGKILL)
        gate.touch()
        done = wait_until(store, held.id)
    assert_whole(store, done)
    assert done.owner != running.owner
    assert done.progress is not None
    assert done.progress["bar"] == 40


def test_a_command_line_that_is_killed_is_resumed_by_another(
    place: Place, store: Store, held: Operation, gate: Path
) -> None:
    program = place.begin("operations", "resume", held.id)
    wait_for_bar(store, held.id, 20)
    kill(program)
    program.communicate()  # closes its pipes
    wait_until(store, held.id, Status.INTERRUPTED)
    gate.touch()
    said = place.call("--json", "operations", "resume", held.id)
    answer = answer_of(said)
    assert (answer["operation_id"], answer["status"], answer["total"]) == (held.id, "completed", TOTAL)
    assert answer["result_hash"] == expected(held.spec)
    assert_whole(store, store.get(held.id))


@ONE_DATABASE
def test_the_command_line_lists_shows_and_cancels_it(place: Place, store: Store, held: Operation, gate: Path) -> None:
    with worker(place):
        wait_for_bar(store, held.id, 20)
        listed = place.call("operations", "list").stdout
        assert held.id in listed
        assert "sum held" in listed
        shown = answer_of(place.call("--json", "operations", "show", held.id))
        assert (shown["type"], shown["title"], shown["request"]["count"]) == ("toy", "sum held", "40")
        cancelled = place.call("operations", "cancel", held.id)
        assert cancelled.returncode == 0, cancelled.stderr
        rests = wait_until(store, held.id)
    assert (rests.status, rests.generation > 0) == (Status.CANCELLED, True)
    gate.touch()
    done = answer_of(place.call("--json", "operations", "resume", held.id))
    assert done["total"] == TOTAL


@ONE_DATABASE
def test_http_lists_cancels_and_resumes_it(place: Place, store: Store, held: Operation, gate: Path) -> None:
    with service(place) as running, running.client() as client:
        wait_for_bar(store, held.id, 20)
        [listed] = client.get("/operations", params={"type": "toy"}).json()["operations"]
        assert (listed["operation_id"], listed["title"], listed["detail"]) == (held.id, "sum held", "to 40")
        assert "sum held" in client.get("/").text
        assert client.post(f"/operations/{held.id}/cancel").json()["status"] == "cancelled"
        gate.touch()
        assert client.post(f"/operations/{held.id}/resume").status_code == 202
        assert wait_until(store, held.id).status is Status.COMPLETED
        found = client.get(f"/operations/{held.id}/results").json()
        assert (found["total"], found["result_hash"]) == (TOTAL, expected(held.spec))
        assert client.get(f"/operations/{held.id}/trades").json()["error"]["code"] == "not_found"
        forked = client.post(f"/operations/{held.id}/fork")
        assert forked.json()["error"]["message"].startswith("kind: cannot be forked")


def test_a_name_that_means_another_thing_is_refused(place: Place, store: Store) -> None:
    operation = store.submit("toy", {"name": "changed", "count": 2})
    store.request_cancel(operation.id)
    said = place.call("operations", "resume", operation.id)
    assert (said.returncode, said.stderr.split(":")[0]) == (4, "identity_mismatch")
    assert resume(operation.id, stored=True, store=store).summary == {"total": 3}


def test_a_worker_without_it_leaves_it_alone(place: Place, store: Store) -> None:
    operation = store.submit("toy", {"name": "quick", "count": 2})
    plain = Place(place.folder, place.url)
    with worker(plain):
        stores.submit(store)  # a backtest, so that the worker starts a child and learns its capabilities
        reasons = wait_for(lambda: reasons_of_workers(store, operation))
    assert list(reasons.values()) == ["does not run operations of kind toy"]
    assert store.get(operation.id).status is Status.PENDING
    listed = plain.call("operations", "list").stdout
    assert operation.id in listed


def reasons_of_workers(store: Store, operation: Operation) -> dict[str, str]:
    """Returns the reasons of workers that know their capabilities."""
    reasons = store.waiting_reasons(operation)
    return {worker: reason for worker, reason in reasons.items() if worker and "takes it" not in reason}
