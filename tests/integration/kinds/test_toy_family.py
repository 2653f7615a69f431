"""Parts of an operation in real processes: killed, cancelled, resumed and shown with their parent."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import support
from ktrdr.operations import KINDS, resume
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.store.store import Store
from support.process import toy
from support.process.processes import Place, answer_of, kill, wait_for, wait_until, worker
from support.runs import toy_family

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
TOTALS = (3, 40 * 41 // 2, 6)


@pytest.fixture
def place(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A data folder whose processes know the family; SQLite and PostgreSQL."""
    (tmp_path / "data").mkdir()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(toy_family.REGISTRATION)
    monkeypatch.setitem(KINDS, "toy", "support.process.toy:KIND")
    monkeypatch.setitem(KINDS, "family", "support.runs.toy_family:KIND")
    plain = Place(tmp_path / "data", database_url).environment["PYTHONPATH"]
    paths = (str(tmp_path / "site"), str(Path(support.__file__).parents[1]), plain)
    quick = {"KTRDR_CHECKPOINT_SECONDS": "0.05", "PYTHONPATH": os.pathsep.join(paths)}
    return Place(tmp_path / "data", database_url, quick)


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    found = place.store()
    yield found
    found.close()


@pytest.fixture
def gate(place: Place) -> Path:
    """The file that lets the second part pass its twentieth number."""
    return place.folder / "gate"


@pytest.fixture
def family(store: Store, gate: Path) -> Operation:
    """Three sums; the second one waits for the gate."""
    parts: dict[str, Any] = {
        "a": {"name": "a", "count": 2},
        "b": {"name": "b", "count": 40, "gate": str(gate)},
        "c": {"name": "c", "count": 3},
    }
    return store.submit("family", {"parts": parts})


def parts_of(store: Store, family: Operation) -> list[Operation]:
    return store.parts([family.id]).get(family.id, [])


def wait_for_hold(store: Store, family: Operation) -> Operation:
    """The part that waits at the gate, once it has saved what it has."""

    def held() -> Operation | None:
        running = [part for part in parts_of(store, family) if part.status is Status.RUNNING]
        at_hold = [part for part in running if (part.progress or {}).get("bar") == toy.HOLD and part.generation]
        return at_hold[0] if at_hold else None

    found: Operation = wait_for(held)
    return found


def assert_whole(store: Store, family: Operation) -> None:
    outcome = store.outcome(family.id)
    assert outcome is not None
    assert outcome.result_hash == toy_family.outcome(TOTALS).result_hash
    parts = parts_of(store, family)
    assert [(part.stage, part.status) for part in parts] == [(stage, Status.COMPLETED) for stage in "abc"]


def test_a_killed_command_line_is_resumed_where_its_part_was(
    place: Place, store: Store, family: Operation, gate: Path
) -> None:
    program = place.begin("operations", "resume", family.id)
    part = wait_for_hold(store, family)
    kill(program)
    program.communicate()  # closes its pipes
    gate.touch()
    answer = answer_of(place.call("--json", "operations", "resume", family.id))
    assert (answer["status"], answer["total"]) == ("completed", sum(TOTALS))
    assert_whole(store, family)
    assert store.get(part.id).started_at == part.started_at


@ON_SQLITE
def test_the_command_line_shows_the_parts(place: Place, store: Store, family: Operation, gate: Path) -> None:
    gate.touch()
    resume(family.id, store=store)
    shown = place.call("operations", "show", family.id).stdout
    assert all(f"{part.stage} " in shown and part.id in shown for part in parts_of(store, family))


@pytest.mark.soak
@ON_SQLITE
def test_a_worker_runs_kills_and_cancels_parent_and_part_together(
    place: Place, store: Store, family: Operation, gate: Path
) -> None:
    with worker(place):
        part = wait_for_hold(store, family)
        parent = store.get(family.id)
        assert parent.owner is not None
        assert parent.owner == part.owner
        kill(parent.owner.pid, signal.SIGKILL)
        again = wait_for(lambda: (held := wait_for_hold(store, family)).owner != part.owner and held)
        assert (again.id, again.started_at, again.crashes) == (part.id, part.started_at, 1)
        wait_for(lambda: (store.get(family.id).progress or {}).get("stage") == "b")
        store.request_cancel(family.id)
        wait_until(store, family.id, Status.CANCELLED)
    assert [found.status.value for found in parts_of(store, family)] == ["completed", "cancelled"]
    gate.touch()
    resume(family.id, store=store)
    assert_whole(store, family)
