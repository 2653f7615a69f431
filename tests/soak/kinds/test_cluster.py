"""A Ray cluster of two nodes: the driver is killed, then a node; nothing is lost, nothing is there twice."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ktrdr.analysis.sweep.trials import rows_of
from ktrdr.analysis.walk_forward.fold import stages_of
from ktrdr.operations import sweep, walk_forward
from ktrdr.operations.models import Operation
from ktrdr.operations.store.store import Store
from support.inputs import worlds
from support.process.processes import PACKAGES, Place, furnish, kill, wait_for
from support.process.walk_forwards import placed

pytestmark = [pytest.mark.soak, pytest.mark.filterwarnings("ignore")]
PATIENCE_S = 300.0
FILE = worlds.strategy("mlp")
GRID = {
    "decisions.confidence_threshold": [round(0.34 + step / 1_000, 3) for step in range(300)],
    "execution.commission.rate": [0.0, 0.0001, 0.001],
    "execution.exits.stop_loss": [None, {"rate": 0.01}],
}
GRIDS = [f"--grid={name}={','.join(json.dumps(value) for value in values)}" for name, values in GRID.items()]
SMALL_CHUNKS = """
from ktrdr.analysis.sweep import chunks
chunks._FEWEST = chunks._MOST = 20
"""
"""Many chunks, in the driver alone: it says what a unit is."""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes of a core each, whose Python is that of the test."""
    pytest.importorskip("ray", reason="ktrdr[cluster] is not installed")
    from ray.cluster_utils import Cluster

    paths = [str(PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # by default they give way to all else: minutes for an import
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path / "nothing"))
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    found.add_node(num_cpus=1)
    yield found
    found.shutdown()


def tried(store: Store) -> list[bytes]:
    logged = [one.trial for one in store.trials("EURUSD", "1h", 0, 2**62) if one.trial.rows is not None]
    return [identity for trial in logged for identity in rows_of(trial)["identity"]]


def test_a_sweep_survives_its_driver_and_a_node(cluster: Any, tmp_path: Path) -> None:
    furnish(tmp_path / "data", 1_500, ("mlp",))
    whole = Store.open(f"sqlite:///{tmp_path / 'whole.db'}")
    expected = sweep(FILE, "EURUSD", "1h", grid=GRID, threads=1, store=whole, data_dir=tmp_path / "data")
    (tmp_path / "data" / "mine.yaml").write_text(json.dumps(FILE))
    (tmp_path / "sitecustomize.py").write_text(SMALL_CHUNKS)
    paths = f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}"
    place = Place(tmp_path / "data", f"sqlite:///{tmp_path / 'far.db'}", {"PYTHONPATH": paths})
    store = place.store()
    at = ("--ray", cluster.address)
    driver = place.begin("sweep", "mine.yaml", "EURUSD", "1h", "--threads", "1", *GRIDS, *at)
    operation: Operation = wait_for(lambda: next(iter(store.list(kind="sweep")[0]), None), PATIENCE_S)
    wait_for(lambda: store.get(operation.id).generation >= 8, PATIENCE_S)
    kill(driver)
    driver.communicate()
    saved = store.get(operation.id).generation
    driver = place.begin("operations", "resume", operation.id, *at)
    wait_for(lambda: store.get(operation.id).generation >= saved + 8, PATIENCE_S)
    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
    at_the_loss = store.checkpoints(operation.id)[0].bar
    said = driver.communicate(timeout=PATIENCE_S)
    assert driver.returncode == 0, said
    assert 0 < at_the_loss < len(expected.table)
    outcome = store.outcome(operation.id)
    assert outcome is not None
    assert outcome.result_hash == expected.result_hash
    spans = [(one.seq_from, one.seq_to) for one in store.segments(operation.id, "scenarios")]
    assert spans == [(first, first + 20) for first in range(0, 1_800, 20)]
    assert sorted(tried(store)) == sorted(tried(whole))
    assert len({*tried(store)}) == 1_800
    store.close()
    whole.close()


def test_a_walk_forward_survives_a_node(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = placed(tmp_path / "whole", f"sqlite:///{tmp_path / 'whole.db'}")
    known = whole.store()
    expected = walk_forward(FILE, "EURUSD", "1h", 5, threads=1, device="cpu", store=known, data_dir=whole.folder)
    place = placed(tmp_path / "far", f"sqlite:///{tmp_path / 'far.db'}")
    monkeypatch.setenv("KTRDR_DATA_DIR", str(place.folder))
    store = place.store()
    asked = ("--folds", "5", "--threads", "1", "--device", "cpu", "--ray", cluster.address)
    driver = place.begin("walk-forward", "mine.yaml", "EURUSD", "1h", *asked)
    operation: Operation = wait_for(lambda: next(iter(store.list(kind="walkforward")[0]), None), PATIENCE_S)
    wait_for(lambda: store.parts([operation.id]), PATIENCE_S)
    at_the_loss = len(store.parts([operation.id])[operation.id])
    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
    said = driver.communicate(timeout=PATIENCE_S)
    assert driver.returncode == 0, said
    assert at_the_loss < 15
    outcome = store.outcome(operation.id)
    assert outcome is not None
    assert outcome.result_hash == expected.result_hash
    stages = [part.stage for part in store.parts([operation.id])[operation.id]]
    assert sorted(map(str, stages)) == sorted(stage for fold in range(1, 6) for stage in stages_of(fold))
    assert len(store.trials("EURUSD", "1h", 0, 2**62)) == 5
    store.close()
    known.close()
