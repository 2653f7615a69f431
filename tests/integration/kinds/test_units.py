"""Units that come back in any order: each is stored at once, and a resume computes those that are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ktrdr.analysis.sweep import chunks
from ktrdr.analysis.sweep.foreground import begin
from ktrdr.analysis.sweep.kind import KIND
from ktrdr.analysis.sweep.request import SweepRequest
from ktrdr.analysis.sweep.saved import read_chunks
from ktrdr.analysis.sweep.trials import rows_of
from ktrdr.analysis.walk_forward import foreground as walk_forwards
from ktrdr.analysis.walk_forward.fold import FoldWork, stages_of
from ktrdr.analysis.walk_forward.plan import Plan
from ktrdr.analysis.walk_forward.request import WalkForwardRequest
from ktrdr.analysis.walk_forward.shared import workers_of
from ktrdr.backtesting.job.stored import ledger
from ktrdr.control import CancellationToken
from ktrdr.errors import Cancelled, ProfileMismatch, SnapshotCorrupt
from ktrdr.operations import resume, sweep
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Capability, Claim
from ktrdr.operations.pool.identity import WorkerHere
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.children import parent_of
from ktrdr.operations.running.foreground import claim_for_resume
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.store.elsewhere.written import encoded
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.local import Unit, Work
from ktrdr.operations.units.workers import Workers
from support.inputs import worlds
from support.process.processes import Place, furnish
from support.process.walk_forwards import expected_in, placed

FILE = worlds.strategy("mlp")
GRID: Mapping[str, Any] = {
    "decisions.confidence_threshold": [0.34, 0.4, 0.5],
    "execution.commission.rate": [0.0, 0.0001, 0.001],
    "execution.exits.stop_loss": [None, {"rate": 0.01}],
}


class Shuffled:
    """Units in this process, every other one first and the last ones before the first ones, as far as a limit."""

    def __init__(self, most: int = 1_000) -> None:
        self.most = most
        self.asked: list[int] = []

    def unit_threads(self, local: int) -> int:
        return 1

    def run(self, work: Work[Unit], numbers: Iterable[int], token: CancellationToken) -> Iterator[tuple[int, Unit]]:
        every = [*numbers][::-1]
        for number in [*every[::2], *every[1::2]][: self.most]:
            self.asked.append(number)
            yield number, work.unit(number)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(chunks, "_FEWEST", 2)
    monkeypatch.setattr(chunks, "_MOST", 2)
    furnish(tmp_path, 1_500, ("mlp",))
    found = Store.open(f"sqlite:///{tmp_path / 'operations.db'}")
    yield found
    found.close()


def tried(store: Store) -> list[bytes]:
    logged = [one.trial for one in store.trials("EURUSD", "1h", 0, 2**62) if one.trial.rows is not None]
    return [identity for trial in logged for identity in rows_of(trial)["identity"]]


def test_chunks_in_any_order_make_the_same_sweep(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of them, then the missing ones under another size of chunk: each scenario is run and logged once."""
    expected = sweep(FILE, "EURUSD", "1h", grid=GRID, threads=1, store=store, data_dir=tmp_path)
    known = tried(store)
    units = Shuffled(most=4)
    claim = begin(store, SweepRequest.of(FILE, "EURUSD", "1h", grid=GRID), threads=1)
    with pytest.raises(Cancelled, match="scenario 8 of 18"):
        KIND.run(claim, RunIO(store, token=Token(), data_dir=tmp_path, units=units))
    name = claim.operation.id
    assert units.asked == [16, 12, 8, 4]
    assert [one.seq_from for one in store.segments(name, "scenarios")] == [4, 8, 12, 16]
    assert store.checkpoints(name)[0].bar == 8
    monkeypatch.setattr(chunks, "_MOST", 3)
    monkeypatch.setattr(chunks, "_FEWEST", 3)
    resumed = resume(name, store=store, data_dir=tmp_path)
    assert resumed.result_hash == expected.result_hash
    spans = [(one.seq_from, one.seq_to) for one in store.segments(name, "scenarios")]
    assert spans == [(0, 3), (3, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14), (14, 16), (16, 18)]
    assert sorted(tried(store)) == sorted([*known, *known])
    assert KIND.table(store, name, "scenarios").equals(expected.table)


def test_a_chunk_that_is_gone_is_missed(store: Store, tmp_path: Path) -> None:
    found = sweep(FILE, "EURUSD", "1h", grid=GRID, threads=1, store=store, data_dir=tmp_path)
    with pytest.raises(SnapshotCorrupt, match="rows are missing: found 18, expected 20"):
        read_chunks(store, found.manifest["operation"], rows=20)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Place, Store]]:
    """A place without models, for walk-forwards."""
    place = placed(tmp_path / "data", f"sqlite:///{tmp_path / 'far.db'}")
    monkeypatch.setenv("KTRDR_DATA_DIR", str(place.folder))
    found = place.store()
    yield place, found
    found.close()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The result of the walk-forward that nothing stops."""
    return expected_in(tmp_path_factory.mktemp("expected"))


def begun(store: Store) -> Claim:
    request = WalkForwardRequest.of(FILE, "EURUSD", "1h", 2, device="cpu")
    return walk_forwards.begin(store, request, threads=1)


def statuses(store: Store, operation_id: str) -> dict[str | None, str]:
    return {part.stage: part.status.value for part in store.parts([operation_id]).get(operation_id, [])}


def test_folds_from_elsewhere_are_stored_whole(desk: tuple[Place, Store], expected: str) -> None:
    """The last fold comes from elsewhere, then the run is stopped; the first is run here, and nothing twice."""
    place, store = desk
    claim = begun(store)
    name = claim.operation.id
    with pytest.raises(Cancelled, match="1 of 2 groups"):
        walk_forwards.KIND.run(claim, RunIO(store, data_dir=place.folder, units=Shuffled(most=1)))
    assert statuses(store, name) == dict.fromkeys(stages_of(2), "completed")
    far = {part.id: store.outcome(part.id) for part in store.parts([name])[name]}
    resumed = resume(name, store=store, data_dir=place.folder)
    assert resumed.result_hash == expected
    assert statuses(store, name) == dict.fromkeys([*stages_of(2), *stages_of(1)], "completed")
    assert {key: store.outcome(key) for key in far} == far
    test = store.parts([name])[name][2]
    assert far[test.id].manifest["operation"] == test.id
    assert ledger(store, test.id)["equity"].height > 100
    assert [proof for proof in kind_of("backtest").proofs(store, test.id, rerun=True) if not proof.holds] == []
    logged = store.trials("EURUSD", "1h", 0, 2**62)
    assert sorted(one.operation_id for one in logged) == sorted(
        part.id for part in store.parts([name])[name] if "test" in str(part.stage)
    )


def test_a_fold_that_has_begun_here_is_finished_here(desk: tuple[Place, Store], expected: str) -> None:
    place, store = desk
    claim = begun(store)
    token = Token()

    class Stop:
        def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
            if phase == "training" and done >= 2:
                token.cancel()

    with pytest.raises(Cancelled):
        walk_forwards.KIND.run(claim, RunIO(store, token=token, bridge=Stop(), data_dir=place.folder))
    units = Shuffled()
    again = claim_for_resume(store, claim.operation.id)
    found = walk_forwards.KIND.run(again, RunIO(store, data_dir=place.folder, units=units))
    assert units.asked == [1]
    assert found.result_hash == expected


def test_a_node_with_other_numbers_computes_nothing(desk: tuple[Place, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    place, store = desk
    claim = begun(store)
    work = FoldWork.of(claim.operation, Plan.of(WalkForwardRequest.of_spec(claim.operation.spec), 1, place.folder))
    other = replace(work, capabilities={"training": Capability({"cpu": "another"}, 1)})
    with pytest.raises(ProfileMismatch, match="profile cpu: a node computes with another numeric profile"):
        other.unit(0)


def test_a_fold_counts_only_in_the_data_folder_that_has_its_net(desk: tuple[Place, Store], tmp_path: Path) -> None:
    place, store = desk
    other = placed(tmp_path / "other", place.url).folder
    claim = begun(store)
    plan = Plan.of(WalkForwardRequest.of_spec(claim.operation.spec), 1, place.folder)
    data = encoded(FoldWork.of(claim.operation, plan, place.folder).unit(1))
    here, there = (_helped(claim, store, plan, folder) for folder in (place.folder, other))
    assert here.terms != there.terms
    assert [part.stage for part in here.decode(1, data)] == stages_of(2)
    with pytest.raises(ValueError, match="0"):
        here.decode(0, data)
    with pytest.raises(ValueError, match="its net is not in this data folder"):
        there.decode(1, data)
    FoldWork.of(claim.operation, plan, other).unit(0)  # its net gets the same name
    with pytest.raises(ValueError, match="another net has its name"):
        there.decode(1, data)


def _helped(claim: Claim, store: Store, plan: Plan, folder: Path) -> Workers:
    io = RunIO(store, data_dir=folder)
    with parent_of(claim, io, stages_of(1)) as (_, parts):
        return workers_of(claim, io, plan, WorkerHere("mine", ""), parts)
