"""Helpers for walk-forwards in real processes: a place without models, and a program that is killed and resumed."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

from ktrdr.operations import walk_forward
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.store.store import Store
from support.inputs import worlds
from support.process.processes import RESTING, Place, furnish, kill, wait_for, wait_until

ASKED = ("--folds", "2", "--threads", "1", "--device", "cpu")
QUICK = {"KTRDR_CHECKPOINT_SECONDS": "0.05"}
N_BARS = 1_500
PATIENCE_S = 600.0
"""Time that a program may take to its next write: a soak may have a small share of a busy machine."""


def placed(folder: Path, url: str) -> Place:
    """A data folder with bars, a strategy and no model: a training finds the bundle of an equal one."""
    furnish(folder, N_BARS, ())
    (folder / "mine.yaml").write_text(json.dumps(worlds.strategy("mlp")))
    return Place(folder, url, QUICK)


def expected_in(parent: Path) -> str:
    """The result hash of the walk-forward that nothing stops, run in this process."""
    place = placed(parent / "data", f"sqlite:///{parent / 'whole.db'}")
    store = place.store()
    found = walk_forward(
        worlds.strategy("mlp"), "EURUSD", "1h", 2, threads=1, device="cpu", store=store, data_dir=place.folder
    )
    store.close()
    return found.result_hash


def killed_and_resumed(place: Place, seed: int, kills: int, expected: str) -> int:
    """Kills the program at moments that the seed draws, resumes it, and compares; returns the kills that met a run."""
    store = place.store()
    rng = random.Random(seed)
    program = place.begin("walk-forward", "mine.yaml", "EURUSD", "1h", *ASKED)
    operation = wait_for(lambda: only(store), PATIENCE_S)
    met = 0
    for _ in range(kills):
        _let_it_get_on(store, operation.id, rng)
        kill(program)
        program.communicate()
        if store.get(operation.id).status is Status.COMPLETED:
            break
        met += 1
        program = place.begin("operations", "resume", operation.id)
        wait_until(store, operation.id, Status.RUNNING, *RESTING, within_s=PATIENCE_S)
    assert program.wait(PATIENCE_S) in (0, -9)
    program.communicate()
    outcome = store.outcome(operation.id)
    assert outcome is not None
    assert outcome.result_hash == expected
    parts = store.parts([operation.id])[operation.id]
    assert [part.status for part in parts] == [Status.COMPLETED] * 6
    store.close()
    return met


def only(store: Store) -> Operation | None:
    found, _ = store.list(kind="walkforward")
    return found[0] if found else None


def _let_it_get_on(store: Store, operation_id: str, rng: random.Random) -> None:
    """Waits for the next few writes of the run, then a moment more."""
    target = store.get(operation_id).progress_seq + rng.randint(0, 6)
    wait_for(lambda: (now := store.get(operation_id)).progress_seq >= target or now.status in RESTING, PATIENCE_S)
    time.sleep(rng.uniform(0.0, 0.3))
