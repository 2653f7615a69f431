"""A cluster before its first unit: what is missing, who does not answer, and what has no units."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import ktrdr
from ktrdr.errors import ArgumentInvalid, ClusterFailed, LibraryMissing
from ktrdr.operations import resume, sweep
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.cluster import Cluster, units_at
from ktrdr.operations.units.local import HERE
from support.database import stores
from support.inputs import worlds

NOBODY = "127.0.0.1:9"
HAS_RAY = importlib.util.find_spec("ray") is not None


def test_no_address_is_this_process() -> None:
    assert units_at(None) is HERE
    assert HERE.unit_threads(4) == 4
    assert Cluster(NOBODY).unit_threads(4) == 1


@pytest.mark.skipif(HAS_RAY, reason="ktrdr[cluster] is installed")
def test_a_library_that_is_missing_is_named_with_its_extra() -> None:
    with pytest.raises(LibraryMissing, match=r"ktrdr\[cluster\]"):
        units_at(NOBODY)


@pytest.mark.skipif(not HAS_RAY, reason="ktrdr[cluster] is not installed")
@pytest.mark.filterwarnings("ignore")
def test_nobody_answers() -> None:
    with pytest.raises(ClusterFailed, match="ConnectionError: nobody answers"):
        ktrdr.sweep(worlds.bars(300)["1h"], [0] * 300, grid={"execution.slippage.rate": [0.0]}, ray=NOBODY)


def test_a_study_asks_in_turns() -> None:
    with pytest.raises(ArgumentInvalid, match="ray: a study asks in turns"):
        sweep(worlds.strategy("mlp"), "EURUSD", "1h", grid={"execution.slippage.rate": [0.0]}, trials=3, ray=NOBODY)


def test_a_backtest_has_no_units(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'operations.db'}")
    operation = stores.submit(store)
    with pytest.raises(ArgumentInvalid, match="ray: is not divided into units: found backtest"):
        resume(operation.id, ray=NOBODY, store=store)
    store.close()
