"""Walk-forwards in this process: spans, the wall between training and test, stops and resumes, changed bars."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ktrdr.analysis.lookahead.market import poisoned
from ktrdr.analysis.walk_forward.kind import KIND
from ktrdr.analysis.walk_forward.plan import Plan
from ktrdr.analysis.walk_forward.request import WalkForwardRequest
from ktrdr.analysis.walk_forward.result import WalkForwardResult
from ktrdr.backtesting.job.stored import stored_results
from ktrdr.data.bars import BarSeries
from ktrdr.data.store.repository import Repository
from ktrdr.errors import (
    ArgumentInvalid,
    Cancelled,
    DataTooShort,
    IdentityMismatch,
    KtrdrError,
    LabelsEmpty,
    ModelNotFound,
    NotCompleted,
    SnapshotCorrupt,
)
from ktrdr.neural.storage import ModelStorage
from ktrdr.operations import resume, run, sweep, walk_forward
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.store.store import Store
from ktrdr.time import Span, Timeframe
from ktrdr.training.train import train
from support.inputs import worlds

FOLDS = 2
N_BARS = 1_200
FILE = worlds.strategy("mlp")


def bars() -> BarSeries:
    return BarSeries.from_frame(worlds.frame(N_BARS, seed=4), "EURUSD", Timeframe.H1)


@dataclass(frozen=True)
class Workplace:
    """A data folder and its database."""

    folder: Path
    store: Store

    def run(self, **options: Any) -> WalkForwardResult:
        known: dict[str, Any] = {"threads": 1, "store": self.store, "data_dir": self.folder, "device": "cpu"}
        return walk_forward(FILE, "EURUSD", "1h", FOLDS, **(known | options))


@contextmanager
def opened(folder: Path, series: BarSeries) -> Iterator[Workplace]:
    """A folder of its own: a training finds the bundle of an equal one in the same folder."""
    store = Store.open(f"sqlite:///{folder / 'ktrdr.db'}")
    Repository(folder).store(series)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KTRDR_DATA_DIR", str(folder))
        yield Workplace(folder, store)
    store.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Workplace]:
    with opened(tmp_path, bars()) as found:
        yield found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> WalkForwardResult:
    """The walk-forward that nothing stops."""
    with opened(tmp_path_factory.mktemp("whole"), bars()) as found:
        return found.run()


@dataclass
class Stop:
    """A bridge that stops the run at one report of a phase."""

    phase: str
    at: int
    token: Token = field(default_factory=Token)

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        self.at -= phase == self.phase
        if self.at == 0:
            self.token.cancel()


def test_tests_follow_their_trainings_and_each_other(desk: Workplace) -> None:
    found = desk.run()
    stored = KIND.result(desk.store, found.manifest["operation"])
    assert (stored.result_hash, stored.summary) == (found.result_hash, found.summary)
    edges = ("train_from", "train_until", "test_from", "test_until")
    assert stored.manifest["windows"] == [[fold[edge] for edge in edges] for fold in found.folds]
    for fold in found.folds:
        assert fold["train_from"] < fold["train_until"] < fold["test_from"] < fold["test_until"]
        test = stored_results(desk.store, fold["operations"]["test"])
        assert test.manifest["in_sample_bars"] == 0
        assert test.manifest["selection_span"] is None
        assert test.manifest["model"] == fold["model"]
        assert test.metrics["initial_capital"] == 100_000
        inside = stored_results(desk.store, fold["operations"]["in_sample"])
        assert inside.manifest["in_sample_bars"] > 100
        assert inside.manifest["selection_span"] is None
    assert all(before["test_until"] == after["test_from"] for before, after in pairwise(found.folds))
    stamps = stored.equity["time"].dt.timestamp("ns").to_list()
    assert stamps == bars().timestamp[N_BARS // 2 :].tolist(), "every bar after the first training, once"
    assert KIND.table(desk.store, found.manifest["operation"], "equity").equals(found.equity)
    assert np.array_equal(found.returns, stored.returns)
    assert len({fold["weights"] for fold in found.folds}) == FOLDS


def test_no_run_chooses_the_net_of_a_fold(desk: Workplace) -> None:
    """It was trained on a part of the span, to judge the strategy; it can be named."""
    place: dict[str, Any] = {"threads": 1, "data_dir": desk.folder}
    span: dict[str, Any] = {"start": "2024-02-10", "store": desk.store}
    found = desk.run()

    def chosen(**options: Any) -> list[str]:
        tested = run(FILE, "EURUSD", "1h", **span, **place, **options)
        swept = sweep(FILE, "EURUSD", "1h", grid={"execution.commission.rate": [0.0, 0.1]}, **span, **place, **options)
        return [result.manifest["model"] for result in (tested, swept)]

    folds = [fold["model"] for fold in found.folds]
    assert folds == ["walker_mlp/1h_v1", "walker_mlp/1h_v2"]
    with pytest.raises(ModelNotFound, match=re.escape("walker_mlp/1h_v2 (EURUSD, real, of a fold)")):
        chosen()
    assert chosen(model=folds[1]) == [folds[1]] * 2
    own = train(FILE, "EURUSD", "1h", start="2024-01-01", end="2024-01-20", device="cpu", **place)
    assert desk.run().folds[1]["model"] == folds[1]
    assert chosen() == [own.model_id] * 2


def test_a_training_that_equals_a_fold_has_a_model_of_its_own(desk: Workplace) -> None:
    """Runs could not choose it otherwise. A fold takes the net of an equal training, whoever asked for that."""
    fold = desk.run().folds[0]
    own = train(
        FILE, "EURUSD", "1h", start=fold["train_from"], end=fold["train_until"], device="cpu", threads=1,
        data_dir=desk.folder,
    )  # fmt: skip
    assert (own.is_new, own.model_id) == (True, "walker_mlp/1h_v3")
    assert own.metadata.result_hash == ModelStorage(desk.folder / "models").find(fold["model"]).metadata.result_hash
    assert desk.run().folds[0]["model"] == own.model_id


def test_a_device_that_is_not_there_leaves_no_operation(desk: Workplace) -> None:
    with pytest.raises(ArgumentInvalid, match="device"):
        desk.run(device="tpu")
    assert desk.store.list(limit=10)[0] == []


@pytest.mark.parametrize(("end", "kind"), [("2024-01-03", DataTooShort), ("2024-01-06", LabelsEmpty)])
def test_a_fold_with_too_few_bars_is_named(end: str, kind: type[KtrdrError], desk: Workplace) -> None:
    with pytest.raises(kind, match=r"fold 1 of 2, trained on 2024-\S+ to 2024-\S+: ") as caught:
        desk.run(end=end)
    assert caught.value.hint.startswith("give a longer range, fewer folds,")
    assert caught.value.hint.endswith(", or labels that are known sooner")


def test_the_tests_of_the_folds_are_the_only_trials(desk: Workplace) -> None:
    found = desk.run()
    series = bars()
    end_ns = int(series.timestamp[-1]) + series.timeframe.ns
    logged = desk.store.trials("EURUSD", "1h", int(series.timestamp[0]), end_ns)
    assert [one.operation_id for one in logged] == [fold["operations"]["test"] for fold in found.folds]


@pytest.mark.parametrize(("phase", "at"), [("training", 40), ("backtest", 3)])
def test_a_stopped_walk_forward_ends_in_the_same_result(
    desk: Workplace, whole: WalkForwardResult, phase: str, at: int
) -> None:
    stop = Stop(phase, at)
    with pytest.raises(Cancelled) as stopped:
        desk.run(bridge=stop, cancellation_token=stop.token)
    operation = str(stopped.value.where)
    with pytest.raises(NotCompleted):
        KIND.result(desk.store, operation)
    again = resume(operation, store=desk.store, data_dir=desk.folder)
    assert again.result_hash == whole.result_hash
    assert again.identity == whole.identity


def test_a_training_sees_nothing_of_its_test(whole: WalkForwardResult, tmp_path: Path) -> None:
    first = bars()
    cut = int(np.searchsorted(first.timestamp, Span.parse(whole.folds[0]["test_from"], None).start_ns or 0))
    with opened(tmp_path, poisoned(first, cut, "shuffled")) as spoilt_desk:
        spoilt = spoilt_desk.run()
    assert spoilt.folds[0]["weights"] == whole.folds[0]["weights"]
    assert spoilt.folds[0]["in_sample"] == whole.folds[0]["in_sample"]
    assert spoilt.folds[0]["result_hash"] != whole.folds[0]["result_hash"]
    assert spoilt.folds[1]["weights"] != whole.folds[1]["weights"], "the second training has those bars"


def test_bars_that_change_before_a_resume_are_refused(desk: Workplace) -> None:
    stop = Stop("backtest", 1)
    with pytest.raises(Cancelled) as stopped:
        desk.run(bridge=stop, cancellation_token=stop.token)
    Repository(desk.folder).store(poisoned(bars(), 1_000, "shuffled"))
    with pytest.raises(IdentityMismatch, match="bars EURUSD 1h has changed"):
        resume(str(stopped.value.where), store=desk.store, data_dir=desk.folder)


def test_anchored_trainings_grow(desk: Workplace) -> None:
    request = WalkForwardRequest.of(FILE, "EURUSD", "1h", 3, anchored=True)
    windows = Plan.of(request, 1, desk.folder).windows
    assert {window.train_from_ns for window in windows} == {int(bars().timestamp[0])}
    assert windows[-1].test_until_ns == int(bars().close_ns[-1])


def test_a_plan_comes_back_from_its_snapshot(desk: Workplace) -> None:
    plan = Plan.of(WalkForwardRequest.of(FILE, "EURUSD", "1h", 3), 1, desk.folder)
    snapshot = plan.encoded()
    found = KIND.open_snapshot(snapshot)
    assert found == plan
    assert found.identity == plan.identity
    assert KIND.open_snapshot(snapshot).lineage == plan.lineage
    for damaged in (snapshot.replace(b"0", b"1", 1), snapshot[:-1], b"{}", b"[]"):
        with pytest.raises(SnapshotCorrupt):
            KIND.open_snapshot(damaged)


@pytest.mark.parametrize("options", [{"train_share": 1.0}, {"initial_capital": 0.0}, {"seed": -1}])
def test_parameters_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentInvalid):
        WalkForwardRequest.of(FILE, "EURUSD", "1h", 2, **options)


def test_more_folds_than_bars_are_refused(desk: Workplace) -> None:
    with pytest.raises(ArgumentInvalid, match="folds"):
        walk_forward(
            FILE, "EURUSD", "1h", 90, start="2024-01-01", end="2024-01-03", store=desk.store, data_dir=desk.folder
        )
