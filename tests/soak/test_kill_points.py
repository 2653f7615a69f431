"""A real child dies at every point of a save: the run ends on the same bits, and no row is there twice or missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from ktrdr.backtesting.results import BacktestResults
from ktrdr.operations.models import Status
from support.process.kill_points import __file__ as PLUGIN
from support.process.processes import Place, assert_same, furnish
from support.soak import seeds

N_BARS = 2_500
EVERY_BLOCK = {"KTRDR_CHECKPOINT_SECONDS": "0.000001"}
FIRST = 1
"""The first save of a child."""
MIDDLE = 4
"""A save behind others."""
LAST = "last"
"""The save that completes the run."""
Whole = Callable[[], BacktestResults]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("shared"), N_BARS, ("lstm",))


@pytest.fixture(scope="module")
def whole(folder: Path) -> Whole:
    return cache(lambda: Place(folder, "").expected("lstm"))


def child(place: Place, *, kill_at: str = "", trace: Path | None = None) -> int:
    """A real child of this process, with a plugin that it does not know of; returns its exit code."""
    armed = {"KILL_AT": kill_at, "KILL_TRACE": str(trace or "")}
    paths = os.pathsep.join([str(Path(PLUGIN).parents[2]), place.environment["PYTHONPATH"]])
    code = "from support.process import kill_points; kill_points.arm(); kill_points.child()"
    done = subprocess.run(
        [sys.executable, "-c", code, "worker-of-a-test", str(os.getpid())],
        env=place.environment | armed | {"PYTHONPATH": paths}, timeout=120, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode in (0, -9, 75), done.stderr
    return done.returncode


def points(place: Place, trace: Path) -> dict[str, list[str]]:
    """The steps of each save of an undisturbed run, by the save's number; the last is ``last``."""
    store = place.store()
    operation = place.submit(store, "lstm")
    assert child(place, trace=trace) == 0
    assert store.get(operation.id).status is Status.COMPLETED
    store.delete(operation.id)
    store.close()
    steps: dict[str, list[str]] = {}
    for line in trace.read_text().splitlines():
        save, step = json.loads(line)
        steps.setdefault(str(save), []).append(step)
    return steps


def die_and_finish(place: Place, save: str, step: int, whole: Whole, tally: Counter[str]) -> None:
    """Runs a backtest whose child is killed at that step of that save; the next child resumes it."""
    store = place.store()
    operation = place.submit(store, "lstm")
    assert child(place, kill_at=f"{save} {step}") == -9
    left = store.get(operation.id)
    assert left.status in (Status.INTERRUPTED, Status.COMPLETED)
    if left.status is Status.INTERRUPTED:
        assert child(place) == 0
    assert_same(store, store.get(operation.id), whole())
    tally["kill points"] += 1
    tally["found completed"] += left.status is Status.COMPLETED
    store.delete(operation.id)
    store.close()


@pytest.mark.soak
def test_points_cover_the_save_from_encoding_to_acknowledgement(
    folder: Path, sqlite_url: str, tmp_path: Path, whole: Whole
) -> None:
    """A child dies at two of them, in the middle of a save and of the last; `test_kill_points` has both databases."""
    place = Place(folder, sqlite_url, EVERY_BLOCK)
    steps = points(place, tmp_path / "trace")
    middle = steps[str(MIDDLE)]
    assert middle[:2] == ["before encode", "after encode"]
    assert middle[-3:] == ["before COMMIT", "after COMMIT", "acknowledged"]
    words = " ".join(middle)
    assert words.index("UPDATE operations") < words.index("INSERT INTO ledger_segments")
    assert {"INSERT INTO checkpoints", "DELETE FROM checkpoints"} <= {step.partition(" ")[2] for step in middle}
    assert "before INSERT INTO results" in steps["last"]
    tally: Counter[str] = Counter()
    after_commit = middle.index("after COMMIT")
    die_and_finish(place, str(MIDDLE), after_commit, whole, tally)
    die_and_finish(place, "last", steps["last"].index("after INSERT INTO results"), whole, tally)
    assert tally == {"kill points": 2, "found completed": 0}


@pytest.mark.soak
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("save", [str(FIRST), str(MIDDLE), "last"])
def test_kill_points(
    database: str, save: str, folder: Path, tmp_path: Path, whole: Whole, request: pytest.FixtureRequest
) -> None:
    tally: Counter[str] = Counter()
    place = Place(folder, request.getfixturevalue(f"{database}_url"), EVERY_BLOCK)
    steps = points(place, tmp_path / "trace")[save]
    for step in seeds(f"kill points {database} save {save}", len(steps), batch=len(steps), tally=tally):
        die_and_finish(replace(place), save, step, whole, tally)
