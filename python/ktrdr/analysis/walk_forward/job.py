"""Runs a walk-forward: for each fold a training, a backtest over its own bars, and one over the bars after them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from ktrdr._types import Json
from ktrdr.analysis.splits import Window
from ktrdr.analysis.walk_forward.plan import Plan
from ktrdr.analysis.walk_forward.request import WalkForwardRequest
from ktrdr.analysis.walk_forward.result import FoldRuns, WalkForwardResult
from ktrdr.backtesting.job.stored import stored_results
from ktrdr.backtesting.results import BacktestResults
from ktrdr.errors import DataTooShort, KtrdrError, LabelsEmpty
from ktrdr.operations.models import Claim
from ktrdr.operations.running.children import Parts, parent_of
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.save_point import StateSavePoint
from ktrdr.operations.store.store import Store
from ktrdr.time import iso
from ktrdr.training.run.result import TrainResult

_PARTS = ("training", "in-sample", "test")


def run(claim: Claim, io: RunIO) -> WalkForwardResult:
    """Runs a claimed walk-forward to its end; folds that have completed are read.

    Raises ``IdentityMismatch`` where the bars have changed since its first start.
    """
    operation = claim.operation
    request = WalkForwardRequest.of_spec(operation.spec)
    stages = [_stage(number, part) for number in range(1, request.folds + 1) for part in _PARTS]
    with parent_of(claim, io, stages) as (recorder, parts):
        plan = Plan.of(request, operation.threads, io.data_dir)
        recorder.record_start()
        if claim.saved is None:
            recorder.reach(StateSavePoint(plan), stops=True)
        else:
            assert isinstance(claim.saved.opened, Plan)
            claim.saved.opened.require_same(plan, operation.id)
        runs = list(_folds(request, plan, parts))
        manifest = _manifest(request, plan, operation.threads, operation.id)
        result = WalkForwardResult.of(runs, identity=plan.identity.hex(), manifest=manifest, notices=claim.notices)
        recorder.complete(result)
    return result


def _folds(request: WalkForwardRequest, plan: Plan, parts: Parts) -> Iterator[FoldRuns]:
    for number, window in enumerate(plan.windows, 1):
        try:
            training = parts.run(_stage(number, "training"), "training", request.training_of(window).to_spec())
        except (DataTooShort, LabelsEmpty) as error:
            raise _of_fold(error, number, window, request.folds) from None
        assert isinstance(training, TrainResult)
        model = training.model_id
        fitted = training.metadata.in_sample
        assert fitted is not None
        inside = parts.run(_stage(number, "in-sample"), "backtest", request.in_sample_of(fitted, model).to_spec())
        test = parts.run(_stage(number, "test"), "backtest", request.test_of(window, model).to_spec())
        yield FoldRuns(window, training, cast("BacktestResults", inside), cast("BacktestResults", test))


def _of_fold(error: DataTooShort | LabelsEmpty, number: int, window: Window, folds: int) -> KtrdrError:
    """Returns the error of a fold's training, with the fold and its bars in its place."""
    span = f"{iso(window.train_from_ns)} to {iso(window.train_until_ns)}"
    what = f"fold {number} of {folds}, trained on {span}: {error.what}"
    hint = "give a longer range, fewer folds, or a larger --train-share"
    return type(error)(**error.fields() | {"what": what, "hint": hint})


def _stage(number: int, part: str) -> str:
    return f"fold {number} {part}"


def _manifest(request: WalkForwardRequest, plan: Plan, threads: int, operation_id: str) -> dict[str, Any]:
    strategy = request.submitted.parse()
    parameters = request.model_dump(exclude={"strategy_name", "strategy_text"})
    return {
        "identity": plan.identity.hex(),
        "parts": dict(plan.inputs),
        "operation": operation_id,
        "strategy": strategy.name,
        **parameters,
        "threads": threads,
        "windows": [list(window) for window in plan.windows],
    }


def tests_of(store: Store, summary: Json) -> Sequence[BacktestResults]:
    """Returns the stored tests of a completed walk-forward, in order."""
    return [stored_results(store, fold["operations"]["test"]) for fold in summary["folds"]]
