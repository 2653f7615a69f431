"""Folds that the workers of one database share: they have one data folder, since a fold leaves its net there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ktrdr import _core
from ktrdr._version import __version__
from ktrdr.analysis.walk_forward.fold import FoldWork, stages_of
from ktrdr.analysis.walk_forward.plan import Plan
from ktrdr.analysis.walk_forward.request import WalkForwardRequest
from ktrdr.data.store.repository import Repository
from ktrdr.errors import ModelError
from ktrdr.neural.storage import ModelStorage
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Claim, Operation
from ktrdr.operations.pool.identity import WorkerHere
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.children import Parts
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.store.elsewhere.adoption import FinishedPart
from ktrdr.operations.store.elsewhere.units import Terms
from ktrdr.operations.store.elsewhere.written import decoded, encoded
from ktrdr.operations.units.folders import folder_id
from ktrdr.operations.units.workers import SharedWork, Workers
from ktrdr.settings import data_root


def workers_of(claim: Claim, io: RunIO, plan: Plan, worker: WorkerHere, parts: Parts) -> Workers:
    """Returns the workers of a database that may help with the folds of a claimed walk-forward."""
    folder = io.data_dir or data_root()
    models = ModelStorage(Repository(folder).models_dir)

    def decode(number: int, data: bytes) -> Sequence[FinishedPart]:
        found = decoded(data)
        if [part.stage for part in found] != list(stages_of(number + 1)):
            raise ValueError(number)
        _require_net(models, found[0])
        return found

    def elsewhere(folds: float) -> None:
        parts.elsewhere(folds * len(stages_of(1)))

    capability = kind_of(claim.operation.kind).capability()
    return Workers(io.store, claim, _terms(plan, folder), worker.id, capability, decode, elsewhere)


def shared_work(operation: Operation, token: Token) -> SharedWork:
    """Returns the folds of a walk-forward that another worker runs, over the bars of this machine."""
    plan = Plan.of(WalkForwardRequest.of_spec(operation.spec), operation.threads, None)
    work = FoldWork.of(operation, plan)
    return SharedWork(
        plan.identity,
        _terms(plan, data_root()),
        frozenset(range(len(plan.windows))),
        lambda number, bridge: encoded(work.finished(number, token, bridge)),
    )


def _terms(plan: Plan, folder: Path) -> Terms:
    """Returns the terms of a fold. Its parts name a net by its place in the folder, so the folder is one of them."""
    return Terms(bytes(_core.content_hash([plan.identity, folder_id(folder).encode()])), __version__)


def _require_net(models: ModelStorage, training: FinishedPart) -> None:
    """Passes if the net of a training lies here; ``ValueError`` if another one or none has its name."""
    try:
        found = models.find(str(training.outcome.manifest.get("model")))
    except ModelError:
        raise ValueError("its net is not in this data folder") from None
    if found.metadata.result_hash != training.outcome.result_hash:
        raise ValueError("another net has its name in this data folder")
