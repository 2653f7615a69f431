"""A net trained on `mps` or `cuda`, backtested by a real worker on a machine that has neither."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ktrdr.backtesting.job.stored import stored_results
from ktrdr.operations.models import Status
from support.inputs.older import older, pickled, with_pickle
from support.process.processes import PACKAGES, RESTING, Place, furnish, wait_for
from support.process.service import service

WATCH_LOADS = """
import importlib.machinery, json, os, sys

class Watch:
    def find_spec(self, name, path, target=None):
        if name != "torch.serialization":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module
        def watched(module):
            execute(module)
            load = module.load
            def noting(*arguments, **options):
                with open(os.environ["LOADS"], "a") as log:
                    log.write(json.dumps({key: str(value) for key, value in options.items()}) + "\\n")
                return load(*arguments, **options)
            module.load = noting
        spec.loader.exec_module = watched
        return spec

sys.meta_path.insert(0, Watch())
"""
"""Python runs it at the start of every process; torch's `load` writes down how it is called."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Bars, an MLP and a GRU, in a place whose processes write down each `torch.load`."""
    folder = tmp_path_factory.mktemp("devices")
    (folder / "watch").mkdir()
    (folder / "watch" / "sitecustomize.py").write_text(WATCH_LOADS)
    settings = {"PYTHONPATH": f"{folder / 'watch'}:{PACKAGES}", "LOADS": str(folder / "loads.jsonl")}
    return Place(furnish(folder / "data", 2_000, ("mlp", "gru")), f"sqlite:///{folder / 'ktrdr.db'}", settings)


def loads(place: Place) -> list[dict[str, Any]]:
    """Returns the arguments of every call of `torch.load` so far."""
    log = Path(place.settings["LOADS"])
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def test_a_worker_without_the_device_runs_nets_of_it(place: Place) -> None:
    store = place.store()
    expected = {kind: place.expected(kind).result_hash for kind in ("mlp", "gru")}
    # an older program's bundle, and weights of torch.save beside metadata of version 3; unit tests have safetensors
    for kind, tag, changed in (("mlp", "mps", older), ("gru", "cuda:0", with_pickle)):
        path = place.folder / "models" / f"walker_{kind}" / "1h_v1"
        changed(path, pickled(path, tag))
    with service(place) as running:
        for done, kind in enumerate(("mlp", "gru"), start=1):
            run = place.submit(store, kind)
            wait_for(lambda run=run: store.get(run.id).status in RESTING, 60, 0.1)
            assert store.get(run.id).status is Status.COMPLETED, (kind, store.get(run.id).error, running.log)
            assert stored_results(store, run.id).result_hash == expected[kind], kind
            assert loads(place) == [{"map_location": "cpu", "weights_only": "True"}] * done, kind
        assert "Traceback" not in running.log
    store.close()
