"""Trainings as operations: a claim goes in, a stored result comes out, fresh and resumed alike."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import torch

from ktrdr.errors import SnapshotInconsistent
from ktrdr.neural.models.factory import build_model
from ktrdr.neural.runtime import run_state
from ktrdr.operations.models import Claim, LoadedCheckpoint, Segment
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.recorder import Recorder
from ktrdr.operations.running.session import read_checkpoint, recorded
from ktrdr.training.job.request import TrainingRequest
from ktrdr.training.job.snapshot import MAX_BYTES, OpenedTraining, seal, size_of
from ktrdr.training.run.identity import TrainingIdentity
from ktrdr.training.run.pipeline import SavedTraining, run_training
from ktrdr.training.run.result import TrainResult
from ktrdr.training.run.state import Pause
from ktrdr.training.train import run_settings

log = logging.getLogger("ktrdr.operations")


class TrainingWorker:
    """Runs claimed trainings to their end.

    Args:
        io: store, token, progress bridge and cadence of the run.
    """

    def __init__(self, io: RunIO) -> None:
        self._io = io

    def run(self, claim: Claim) -> TrainResult:
        """Runs a training from its newest undamaged checkpoint, or from its beginning; the result names the damage."""
        claim, saved = read_checkpoint(claim, self._io, _saved_training)
        operation = claim.operation
        with recorded(claim, self._io) as recorder:
            request = TrainingRequest.of_spec(operation.spec)
            inputs = request.inputs(self._io.data_dir)
            settings = run_settings(inputs, request.seed, request.device, operation.threads, self._io.token)
            pauses = _Pauses(recorder)
            found = run_training(
                inputs,
                replace(settings, bridge=recorder.progress),
                resample=request.resample,
                resume=saved,
                pauses_of=pauses.of,
                of_fold=request.of_fold,
            )
            notices = (*claim.notices, *pauses.notices)
            result = replace(found, operation=operation.id, notices=notices)
            recorder.complete(result)
        return result


def _saved_training(claim: Claim, saved: LoadedCheckpoint) -> SavedTraining:
    """Reads the checkpoint back, without bars, so that damage is found before anything else is done."""
    assert isinstance(saved.opened, OpenedTraining)
    state = saved.opened.state()
    strategy = TrainingRequest.of_spec(claim.operation.spec).strategy()
    with run_state(), torch.device("meta"):
        net = build_model(strategy.model, len(strategy.feature_names), strategy.n_outputs).state_dict()
    for weights in (state.weights, *([state.best] if state.best_epoch else [])):
        if {name: tensor.shape for name, tensor in weights.items()} != {name: one.shape for name, one in net.items()}:
            raise SnapshotInconsistent("the weights of another net", where=claim.operation.id)
    return SavedTraining(saved.opened.parts, state, claim.operation.id)


@dataclass(frozen=True)
class _SavePoint:
    """A training between two batches, as the recorder saves it."""

    pause: Pause
    training: TrainingIdentity

    @property
    def bar(self) -> int:
        return self.pause.batches_done

    @property
    def is_last(self) -> bool:
        return False  # before every batch there is work left

    @property
    def is_current(self) -> bool:
        return self.pause.is_current

    def snapshot(self) -> bytes:
        return seal(self.pause.state(), self.training.parts)

    def identity(self) -> bytes:
        return bytes.fromhex(self.training.hash)

    def segments(self) -> list[Segment]:
        return []

    def trial(self) -> None:
        return None


class _Pauses:
    """Offers every pause of a training to the recorder, unless its net is too large for a database."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._identity: TrainingIdentity | None = None
        self._fits: bool | None = None
        self.notices: tuple[str, ...] = ()

    def of(self, identity: TrainingIdentity) -> _Pauses:
        """Returns itself, as the callback of a training with that identity: its inputs are there, so it starts."""
        self._identity = identity
        self._recorder.record_start()
        return self

    def __call__(self, pause: Pause, stops: bool) -> None:
        """Saves the training where a save is due or the training stops."""
        assert self._identity is not None
        if self._fits is None:
            self._fits = self._can_be_saved(pause)
        if self._fits:
            self._recorder.reach(_SavePoint(pause, self._identity), stops=stops)

    def _can_be_saved(self, pause: Pause) -> bool:
        # the best weights and the two moments of Adam come with the first steps
        size = 4 * size_of(replace(pause.state(), best={}, optimizer={}, generators={}))
        if size <= MAX_BYTES:
            return True
        note = f"no checkpoints: each would take {size >> 20} MiB; a stopped training starts again"
        log.warning("%s", note)
        self.notices = (note,)
        return False
