"""Three workers share a walk-forward: a helper is killed in a fold, then the owner; each fold is booked once."""

from __future__ import annotations

import os
from pathlib import Path

from ktrdr.analysis.walk_forward.fold import stages_of
from ktrdr.analysis.walk_forward.request import WalkForwardRequest
from ktrdr.operations import walk_forward
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.store import Store
from support.database import stores
from support.inputs import worlds
from support.process.processes import PACKAGES, Place, kill, parent_of, wait_for, wait_until, worker
from support.process.walk_forwards import QUICK, placed

PATIENCE_S = 240.0
FILE = worlds.strategy("mlp")
FOLDS = 4
GATES = """
import pathlib, sys, time
if any(word.startswith("ktrdr.operations.pool") for word in sys.orig_argv):
    from ktrdr.analysis.walk_forward import fold
    from ktrdr.errors import Cancelled
    from ktrdr.operations.units import workers
    workers._WORTH_S = workers._WATCH_S = 0.1
    run = fold.fold_runs
    def fold_runs(request, plan, number, parts):
        while pathlib.Path({gates!r}, str(number)).exists():
            if parts._io.token.is_cancelled():
                raise Cancelled("stopped before a gate")
            sum(range(20_000))
            time.sleep(0.02)
        return run(request, plan, number, parts)
    fold.fold_runs = fold_runs
"""
"""Folds of a worker's children wait at a gate, busily, until it is opened."""


def gated(folder: Path, url: str) -> tuple[Place, list[Path]]:
    """A place whose folds wait, and their gates in order."""
    gates = [folder / "gates" / str(number) for number in range(1, FOLDS + 1)]
    for each in (folder / "gates", folder / "scratch"):
        each.mkdir()
    for gate in gates:
        gate.touch()
    (folder / "sitecustomize.py").write_text(GATES.format(gates=str(folder / "gates")))
    paths = os.pathsep.join([str(folder), str(PACKAGES)])
    bare = placed(folder / "data", url)
    return Place(bare.folder, url, {**QUICK, "PYTHONPATH": paths, "TMPDIR": str(folder / "scratch")}), gates


def two_helpers(store: Store) -> set[int]:
    """Returns the processes that have taken a fold each, once there are two."""

    def look() -> set[int]:
        rows = stores.sql(store, "SELECT owner FROM units WHERE owner IS NOT NULL AND data IS NULL")
        pids = {Owner.parse(owner).pid for (owner,) in rows}
        alive = {pid for pid in pids if parent_of(pid)}
        return alive if len(alive) == 2 else set()

    found: set[int] = wait_for(look, PATIENCE_S)
    return found


def owner_of(store: Store, operation: Operation) -> int:
    found = wait_until(store, operation.id, Status.RUNNING, within_s=PATIENCE_S)
    assert found.owner is not None
    return found.owner.pid


def test_three_workers_share_a_walk_forward_through_two_kills(tmp_path: Path) -> None:
    whole = Store.open(f"sqlite:///{tmp_path / 'whole.db'}")
    alone = placed(tmp_path / "alone", "")
    expected = walk_forward(FILE, "EURUSD", "1h", FOLDS, threads=1, device="cpu", store=whole, data_dir=alone.folder)
    place, gates = gated(tmp_path, f"sqlite:///{tmp_path / 'shared.db'}")
    store = place.store()
    request = WalkForwardRequest.of(FILE, "EURUSD", "1h", FOLDS, device="cpu")
    operation = store.submit("walkforward", request.to_spec(), threads=1)
    log = tmp_path / "log"
    with worker(place, log=log) as one, worker(place, log=log) as two, worker(place, log=log) as three:
        killed = max(two_helpers(store))
        kill(killed)
        gates[0].unlink()
        first = parent_of(owner_of(store, operation))
        everyone = {one.pid, two.pid, three.pid}
        # On a busy machine a helper may end between the two looks, and its worker starts another one.
        wait_for(lambda: {first, *map(parent_of, two_helpers(store))} == everyone, PATIENCE_S)
        kill(first)
        wait_for(lambda: store.get(operation.id).status is Status.INTERRUPTED, PATIENCE_S)
        for gate in gates[1:]:
            gate.unlink()
        done = wait_until(store, operation.id, within_s=PATIENCE_S)
    assert done.status is Status.COMPLETED, done.error
    assert done.progress is not None
    assert done.progress["percentage"] == 100.0
    assert "helped with 1 units" in log.read_text()
    outcome = store.outcome(operation.id)
    assert outcome is not None
    assert outcome.result_hash == expected.result_hash
    parts = store.parts([operation.id])[operation.id]
    stages = [stage for number in range(1, FOLDS + 1) for stage in stages_of(number)]
    assert sorted(str(part.stage) for part in parts) == sorted(stages)
    assert {part.status for part in parts} == {Status.COMPLETED}
    assert len(store.trials("EURUSD", "1h", 0, 2**62)) == FOLDS
    assert stores.sql(store, "SELECT number FROM units") == []
    store.close()
    whole.close()
