"""Studies killed at random moments, on both databases: they ask for the same again, and log each scenario once."""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from ktrdr.analysis.sweep.trials import rows_of
from ktrdr.operations import sweep
from ktrdr.operations.models import Status
from ktrdr.operations.store.store import Store
from support.database.databases import Server
from support.inputs import worlds
from support.process.processes import Place, furnish, kill, wait_for
from support.soak import seeds

GRID = {
    "decisions.confidence_threshold": [round(0.34 + step / 100, 2) for step in range(30)],
    "execution.commission.rate": [0.0, 0.0001, 0.001],
    "execution.exits.stop_loss": [None, {"rate": 0.01}],
}
GRIDS = [f"--grid={name}={','.join(json.dumps(value) for value in values)}" for name, values in GRID.items()]
ASKED = ("sweep", "mine.yaml", "EURUSD", "1h", "--threads=1", "--trials=400", "--seed=4", *GRIDS)
PATIENCE_S = 600.0


def placed(folder: Path, url: str) -> Place:
    furnish(folder, 1_500, ("mlp",))
    (folder / "mine.yaml").write_text(json.dumps(worlds.strategy("mlp")))
    return Place(folder, url, {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {})


def identities(store: Store) -> list[bytes]:
    logged = [one.trial for one in store.trials("EURUSD", "1h", 0, 2**62) if one.trial.rows is not None]
    return [identity for trial in logged for identity in rows_of(trial)["identity"]]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[bytes]]:
    """The result of the study that nothing stops, and its trials."""
    folder = tmp_path_factory.mktemp("expected")
    place = placed(folder / "data", f"sqlite:///{folder / 'whole.db'}")
    store = place.store()
    found = sweep(
        worlds.strategy("mlp"), "EURUSD", "1h", grid=GRID, trials=400, seed=4, threads=1, store=store,
        data_dir=place.folder,
    )  # fmt: skip
    known = identities(store)
    store.close()
    return found.result_hash, known


@pytest.mark.soak
def test_kills_of_studies(tmp_path: Path, postgresql: Server, expected: tuple[str, list[bytes]]) -> None:
    pytest.importorskip("optuna", reason="ktrdr[study] is not installed")
    tally: Counter[str] = Counter()
    for seed in seeds("kills of studies", 40, batch=2, tally=tally):
        url = f"sqlite:///{tmp_path / f'{seed}.db'}" if seed % 2 else postgresql.url(postgresql.take())
        met = _killed_and_resumed(placed(tmp_path / str(seed), url), seed, expected)
        tally["kills, SQLite" if seed % 2 else "kills, PostgreSQL"] += met


def _wait_for_saves(store: Store, operation_id: str, target: int) -> None:
    def reached() -> bool:
        found = store.get(operation_id)
        return found.generation >= target or found.status is Status.COMPLETED

    wait_for(reached, PATIENCE_S)


def _killed_and_resumed(place: Place, seed: int, expected: tuple[str, list[bytes]]) -> int:
    store = place.store()
    rng = random.Random(seed)
    program = place.begin(*ASKED)
    operation = wait_for(lambda: next(iter(store.list(kind="sweep")[0]), None), PATIENCE_S)
    met = 0
    for _ in range(3):
        target = store.get(operation.id).generation + rng.randint(0, 8)
        _wait_for_saves(store, operation.id, target)
        time.sleep(rng.uniform(0.0, 0.1))
        kill(program)
        program.communicate()
        if store.get(operation.id).status is Status.COMPLETED:
            break
        met += 1
        program = place.begin("operations", "resume", operation.id)
    assert program.wait(PATIENCE_S) in (0, -9)
    program.communicate()
    outcome = store.outcome(operation.id)
    assert outcome is not None
    assert (outcome.result_hash, identities(store)) == expected
    store.close()
    return met
