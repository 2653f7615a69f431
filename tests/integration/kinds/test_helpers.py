"""Workers of one PostgreSQL share a sweep without Ray; the one that owns it is killed, and nothing is lost or twice."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ktrdr.analysis.sweep.request import SweepRequest
from ktrdr.analysis.sweep.trials import rows_of
from ktrdr.operations import sweep
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.store import Store
from support.database import stores
from support.inputs import worlds
from support.process.processes import PACKAGES, Place, furnish, kill, parent_of, wait_for, wait_until, worker

PATIENCE_S = 240.0
FILE = worlds.strategy("mlp")
GRID: Mapping[str, Any] = {
    "decisions.confidence_threshold": [round(0.34 + step / 1_000, 3) for step in range(300)],
    "execution.exits.stop_loss": [None, {"rate": 0.01}],
}
CORES = sorted(os.sched_getaffinity(0))
CHUNKS = [(first, first + 4) for first in range(0, 600, 4)]
SLOWLY = """
import pathlib, sys, time
if any(word.startswith("ktrdr.operations.pool") for word in sys.orig_argv):
    from ktrdr.analysis.sweep import chunks
    from ktrdr.operations.units import workers
    chunks._FEWEST = chunks._MOST = 4
    workers._WORTH_S = 0.5
    run = chunks.Market.run
    slow = lambda: 0.01 if pathlib.Path({hurry!r}).exists() else 0.4
    chunks.Market.run = lambda *arguments: (time.sleep(slow()), run(*arguments))[1]
"""
"""Small chunks in the children of workers, and time between them until the test is in a hurry."""


def tried(store: Store) -> list[bytes]:
    logged = [one.trial for one in store.trials("EURUSD", "1h", 0, 2**62) if one.trial.rows is not None]
    return sorted(identity for trial in logged for identity in rows_of(trial)["identity"])


def helpers(store: Store) -> set[int]:
    """Returns the workers whose results wait for the owner of the sweep."""
    rows = stores.sql(store, "SELECT owner FROM units WHERE data IS NOT NULL")
    return {parent_of(Owner.parse(owner).pid) for (owner,) in rows}


@pytest.mark.skipif(len(CORES) < 2, reason="one core")
def test_workers_share_a_sweep_whose_owner_is_killed(tmp_path: Path, postgresql_url: str) -> None:
    furnish(tmp_path / "data", 1_500, ("mlp",))
    whole = Store.open(f"sqlite:///{tmp_path / 'whole.db'}")
    expected = sweep(FILE, "EURUSD", "1h", grid=GRID, threads=1, store=whole, data_dir=tmp_path / "data")
    (tmp_path / "sitecustomize.py").write_text(SLOWLY.format(hurry=str(tmp_path / "hurry")))
    paths = os.pathsep.join([str(tmp_path), str(PACKAGES)])
    place = Place(tmp_path / "data", postgresql_url, {"PYTHONPATH": paths})
    store = place.store()
    operation = store.submit("sweep", SweepRequest.of(FILE, "EURUSD", "1h", grid=GRID).to_spec(), threads=1)
    with worker(place, core=CORES[0]) as first:
        assert _owner(store, operation) == first.pid
        with worker(place, core=CORES[1]) as second:
            wait_for(lambda: second.pid in helpers(store), PATIENCE_S)
            saved = store.get(operation.id).generation
            kill(first)
            wait_for(lambda: _owner(store, operation) == second.pid, PATIENCE_S)
            (tmp_path / "hurry").touch()
            done = wait_until(store, operation.id, within_s=PATIENCE_S)
    assert done.status is Status.COMPLETED, done.error
    assert 0 < saved < len(CHUNKS)
    outcome = store.outcome(operation.id)
    assert outcome is not None
    assert outcome.result_hash == expected.result_hash
    assert [(one.seq_from, one.seq_to) for one in store.segments(operation.id, "scenarios")] == CHUNKS
    assert tried(store) == tried(whole)
    assert stores.sql(store, "SELECT number FROM units") == []
    store.close()
    whole.close()


def _owner(store: Store, operation: Operation) -> int:
    """Returns the worker that runs an operation, once one does."""
    found = wait_until(store, operation.id, Status.RUNNING, within_s=PATIENCE_S)
    assert found.owner is not None
    return parent_of(found.owner.pid)
