"""A run that a worker has begun keeps its numeric profile: only a process of the same one continues it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ktrdr.analysis.sweep.request import SweepRequest
from ktrdr.analysis.walk_forward.request import WalkForwardRequest
from ktrdr.backtesting.inputs.request import BacktestRequest
from ktrdr.data.bars import BarSeries
from ktrdr.data.store.repository import Repository
from ktrdr.errors import Cancelled, DataNotFound, ProfileMismatch
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Capability
from ktrdr.operations.owner import Owner
from ktrdr.operations.pool.identity import WorkerHere
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.foreground import claim_for_resume
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.store.store import Store
from ktrdr.time import Timeframe
from ktrdr.training.job.request import TrainingRequest
from support.database import stores
from support.inputs import worlds

FILE = worlds.strategy("mlp")
SPECS = {
    "backtest": BacktestRequest.of(FILE, "EURUSD", "1h", model="walker_mlp/1h_v1").to_spec(),
    "sweep": SweepRequest.of(
        FILE, "EURUSD", "1h", model="walker_mlp/1h_v1", grid={"execution.slippage.rate": [0.0, 0.001]}
    ).to_spec(),
    "training": TrainingRequest.of(FILE, "EURUSD", "1h", device="cpu").to_spec(),
    "walkforward": WalkForwardRequest.of(FILE, "EURUSD", "1h", 2, device="cpu").to_spec(),
}


@dataclass
class Stop:
    """A bridge that shuts the run down at the first report of its main phase."""

    phase: str
    token: Token = field(default_factory=Token)

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        if phase == self.phase:
            self.token.shut_down()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The rules for claims are tested on both databases; here the kinds matter."""
    found = Store.open(f"sqlite:///{tmp_path / 'ktrdr.db'}")
    yield found
    found.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("kind", SPECS)
def test_a_worker_stores_its_profile_and_another_one_is_kept_away(folder: Path, store: Store, kind: str) -> None:
    n_bars = 9_000 if kind == "backtest" else 600  # a backtest stops between two blocks of 4,096 rows
    Repository(folder).store(BarSeries.from_frame(worlds.frame(n_bars, seed=4), "EURUSD", Timeframe.H1))
    worlds.untrained(folder, FILE)
    store.submit(kind, SPECS[kind], threads=1)
    mine = kind_of(kind).capability()
    claim = store.claim_next(Owner.me(), "one", {kind: mine})
    assert claim is not None
    stop = Stop("training" if kind == "walkforward" else kind)
    with pytest.raises(Cancelled):
        kind_of(kind).run(claim, RunIO(store, stop.token, stop, data_dir=folder, worker=WorkerHere("one", "as it is")))
    left = store.get(claim.operation.id)
    assert (left.profile, left.semantics) == (mine.profile, mine.semantics)
    assert left.profile is not None
    other = {kind: Capability({**left.profile, "torch": "another"}, mine.semantics)}
    assert store.claimable("two", other) is None
    seen = store.claimable("two", {kind: mine})
    assert seen is not None and seen.id == left.id
    stores.sql(store, 'UPDATE operations SET profile = \'{"torch": "another"}\'')
    with pytest.raises(ProfileMismatch):
        claim_for_resume(store, left.id)


@pytest.mark.parametrize("kind", SPECS)
def test_a_worker_without_the_bars_returns_it_for_any_profile(folder: Path, store: Store, kind: str) -> None:
    worlds.untrained(folder, FILE)
    store.submit(kind, SPECS[kind], threads=1)
    claim = store.claim_next(Owner.me(), "one", None)
    assert claim is not None
    with pytest.raises(DataNotFound):
        kind_of(kind).run(claim, RunIO(store, data_dir=folder, worker=WorkerHere("one", "as it is")))
    left = store.get(claim.operation.id)
    assert (left.status, left.profile) == ("pending", None)
