"""Trainings as a kind of operation. Nothing heavy is imported before it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ktrdr._types import Json
from ktrdr.operations.deferred import DeferredKind, Words
from ktrdr.operations.kind import Section
from ktrdr.operations.models import Capability, Claim, OpenedSnapshot, Result
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.store.store import Store

if TYPE_CHECKING:
    from ktrdr.training.job.request import TrainingRequest
    from ktrdr.training.run.result import TrainResult


class TrainingKind(DeferredKind):
    """Trainings of a strategy's net over stored bars; the spec is a `TrainingRequest`."""

    name = "training"
    unit = "batches"

    def capability(self) -> Capability:
        """Returns the numeric profile and the version of the rules by which inputs become weights; imports torch."""
        from ktrdr.neural.numeric_profile import machine_profile
        from ktrdr.training.run.identity import SEMANTICS

        return Capability(machine_profile(), SEMANTICS)

    def request_class(self) -> type[TrainingRequest]:
        """Returns the class of its requests; imports the strategy's grammar."""
        from ktrdr.training.job.request import TrainingRequest

        return TrainingRequest

    def words(self) -> Words:
        """Returns the module of its words."""
        from ktrdr.training.job import shown

        return shown

    def remarks(self, result: Result) -> list[Section]:
        """Returns the model, and rows, losses and hit rates by split."""
        from ktrdr.training.job.shown import remarks

        return remarks(result)

    def inputs(self, spec: Json, result: Result) -> dict[str, Any]:
        """Returns features, training rules, bars, run and versions by dotted name."""
        from ktrdr.training.job.shown import inputs
        from ktrdr.training.run.result import TrainResult

        assert isinstance(result, TrainResult)
        return inputs(result)

    def open_snapshot(self, snapshot: bytes) -> OpenedSnapshot:
        """Returns the snapshot, verified, without torch; raises ``SnapshotCorrupt`` or ``SnapshotTooNew``."""
        from ktrdr.training.job.snapshot import open_snapshot

        return open_snapshot(snapshot)

    def described(self, snapshot: bytes) -> dict[str, Any]:
        """Returns place, losses and history, and type and shape of each tensor, without torch."""
        from ktrdr.training.job.snapshot import described

        return described(snapshot)

    def run(self, claim: Claim, io: RunIO) -> TrainResult:
        """Runs a claimed training, fresh or resumed, and returns its stored result."""
        from ktrdr.training.job.worker import TrainingWorker

        return TrainingWorker(io).run(claim)

    def result(self, store: Store, operation_id: str) -> TrainResult:
        """Returns the result of a completed training, as it was stored."""
        from ktrdr.training.job.stored import stored_result

        return stored_result(store, operation_id)


KIND = TrainingKind()
