"""A cycle that dies at any step ends as one that nothing stopped: one strategy, one bundle, one verdict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ktrdr.operations.store.store import Store
from support.answers import answer_about, checked
from support.inputs import edges
from support.runs.cycles import Cycles, Scene, cycles

DIED = -9
SELDOM = {"checkpoint_s": "0.05"}
POINTS = (
    ("report design", 1, "sqlite"),
    ("before INSERT INTO checkpoints", 1, "sqlite"),
    ("report training", 30, "sqlite"),
    ("before INSERT INTO operations", 4, "sqlite"),
    ("before INSERT INTO results", 4, "sqlite"),
    ("before INSERT INTO checkpoints", 0, "postgresql"),
    ("before INSERT INTO operations", 3, "postgresql"),
)
"""Steps to die at, as the n-th of their name: after the strategy's file is written, inside an early save,
between two batches, between backtest and assessment, and in the completion of the cycle."""


@pytest.fixture(scope="module")
def forks() -> Iterator[Cycles]:
    with cycles() as found:
        yield found


@pytest.fixture(scope="module")
def whole(forks: Cycles, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The facts of a cycle that nothing stops."""
    folder = tmp_path_factory.mktemp("whole")
    scene = scene_in(folder, f"sqlite:///{folder / 'ktrdr.db'}")
    assert scene.run(forks) == 0
    operation = scene.operation()
    assert operation is not None
    with closing(Store.open(scene.url)) as store:
        checked(answer_about(store, operation.id), "research")
    return scene.facts()


def scene_in(folder: Path, url: str) -> Scene:
    return Scene(edges.furnish(folder / "data"), url, {"strategy": json.dumps(edges.strategy()), **SELDOM})


def test_the_whole_one_has_all_four_stages(whole: dict[str, Any]) -> None:
    facts = whole
    assert facts["stages"] == ["design", "training", "backtest", "assessment"]
    assert set(facts["status"]) == {"completed"}
    assert facts["verdict"] in ("weak_signal", "strong_signal")
    assert (len(facts["weights"]), len(facts["trials"]), facts["checkpoints"]) == (1, 1, [])


@pytest.mark.parametrize(("name", "number", "database_url"), POINTS, indirect=["database_url"])
def test_a_cycle_that_dies_ends_like_the_whole_one(
    forks: Cycles,
    whole: dict[str, Any],
    tmp_path: Path,
    database_url: str,
    name: str,
    number: int,
) -> None:
    scene = scene_in(tmp_path, database_url)
    assert scene.run(forks, kill_at=(name, number)) == DIED
    died = scene.operation()
    assert died is not None
    assert died.status.value == "interrupted"
    assert scene.run(forks) == 0
    assert scene.facts() == whole
