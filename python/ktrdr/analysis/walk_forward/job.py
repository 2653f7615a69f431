"""Runs a walk-forward: for each fold a training, a backtest over its own bars, and one over the bars after them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from ktrdr._types import Json
from ktrdr.analysis.walk_forward.fold import FoldsHere, FoldWork, fold_runs, stages_of
from ktrdr.analysis.walk_forward.plan import Plan
from ktrdr.analysis.walk_forward.request import WalkForwardRequest
from ktrdr.analysis.walk_forward.result import WalkForwardResult
from ktrdr.analysis.walk_forward.shared import workers_of
from ktrdr.backtesting.job.stored import stored_results
from ktrdr.backtesting.results import BacktestResults
from ktrdr.operations.models import Claim
from ktrdr.operations.running.children import Parts, parent_of
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.save_point import StateSavePoint
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.local import HERE
from ktrdr.time import iso


def run(claim: Claim, io: RunIO) -> WalkForwardResult:
    """Runs a claimed walk-forward to its end; folds that have completed are read.

    Raises ``IdentityMismatch`` where the bars have changed since its first start.
    """
    operation = claim.operation
    request = WalkForwardRequest.of_spec(operation.spec)
    folds = range(1, request.folds + 1)
    groups = [stages_of(number) for number in folds]
    with parent_of(claim, io, [*chain.from_iterable(groups)]) as (recorder, parts):
        plan = Plan.of(request, operation.threads, io.data_dir)
        recorder.record_start()
        if claim.saved is None:
            recorder.reach(StateSavePoint(plan), stops=True)
        else:
            assert isinstance(claim.saved.opened, Plan)
            claim.saved.opened.require_same(plan, operation.id)
        _compute_elsewhere(claim, io, request, plan, parts)
        runs = [fold_runs(request, plan, number, parts) for number in folds]
        manifest = _manifest(request, plan, operation.threads, operation.id)
        result = WalkForwardResult.of(runs, identity=plan.identity.hex(), manifest=manifest, notices=claim.notices)
        recorder.complete(result)
    return result


def _compute_elsewhere(claim: Claim, io: RunIO, request: WalkForwardRequest, plan: Plan, parts: Parts) -> None:
    """Computes folds on a cluster, or with the other workers of the database; what is left is run here."""
    operation = claim.operation
    groups = [stages_of(number) for number in range(1, request.folds + 1)]
    if io.units != HERE:
        parts.compute(io.units, FoldWork.of(operation, plan, io.data_dir), groups, parts.untouched(groups))
    elif io.worker is not None:
        here = FoldsHere(request, plan, operation.threads, parts)
        parts.compute(workers_of(claim, io, plan, io.worker, parts), here, groups, parts.unfinished(groups))


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
        "windows": [[iso(edge_ns) for edge_ns in window] for window in plan.windows],
    }


def tests_of(store: Store, summary: Json) -> Sequence[BacktestResults]:
    """Returns the stored tests of a completed walk-forward, in order."""
    return [stored_results(store, fold["operations"]["test"]) for fold in summary["folds"]]
