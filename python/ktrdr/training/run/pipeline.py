"""The one path of a training, with or without a database: bars, features, rows, net, bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ktrdr.control import CancellationToken, ProgressBridge
from ktrdr.data.origin import require_one_origin
from ktrdr.errors import Cancelled
from ktrdr.feature_pipeline.build import build_features
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.neural.bundle import read_history, read_metadata
from ktrdr.neural.numeric_profile import machine_profile
from ktrdr.neural.storage import ModelStorage
from ktrdr.training.inputs import TrainingInputs
from ktrdr.training.run.identity import TrainingIdentity
from ktrdr.training.run.result import TrainResult

if TYPE_CHECKING:
    import torch

    from ktrdr.neural.bundle import BundleDraft
    from ktrdr.training.run.state import PauseCallback, TrainingState
    from ktrdr.training.trainer import RunSettings


@dataclass(frozen=True)
class SavedTraining:
    """A training that was stopped.

    Args:
        parts: hashes of the inputs that it was started with, by name.
        state: at its last save.
        name: of the training in errors.
    """

    parts: Mapping[str, str]
    state: TrainingState
    name: str = ""


PausesOf = Callable[[TrainingIdentity], "PauseCallback"]
"""Returns the callback of a training whose identity is known: a save needs it."""


def run_training(
    inputs: TrainingInputs,
    settings: RunSettings,
    *,
    resample: bool = False,
    resume: SavedTraining | None = None,
    pauses_of: PausesOf | None = None,
    of_fold: bool = False,
) -> TrainResult:
    """Trains a net and returns its bundle; a bundle of an equal training is returned instead of a copy.

    Args:
        inputs: strategy, symbols, span, source of bars.
        settings: seed, device, threads, progress and cancellation.
        resample: make a missing timeframe from a finer one.
        resume: an equal training that was stopped, to be continued.
        pauses_of: for a training that is saved.
        of_fold: True for a part of a walk-forward: no run chooses its net by itself.

    Raises:
        ConfigError, DataError, TrainingError: the strategy, the bars or the training; nothing is written.
        IdentityMismatch: ``resume`` had other inputs; ``part`` names the first that differs.
        ProfileMismatch: its inputs are the same, the numeric profile is not.
        Cancelled: the token asked to stop; no bundle is written.
    """
    from ktrdr.neural.runtime import choose_device, run_state

    device = choose_device(settings.device)
    storage = ModelStorage(inputs.repository.models_dir)
    storage.require_writable(inputs.strategy.name)
    with run_state(settings.threads, device):
        bridge = _Stoppable(settings.bridge, settings.cancellation_token)
        matrices = [
            build_features(inputs.strategy, inputs.source, name, inputs.span, resample=resample, bridge=bridge)
            for name in inputs.symbols
        ]
        identity = TrainingIdentity.of(inputs.strategy, inputs.symbols, matrices, run_facts(settings, device))
        if resume is not None:
            identity.require_equal(resume.parts, resume.name)
        found = storage.equal(inputs.strategy.name, identity.hash, of_fold=of_fold)
        if found is not None:
            return _result(inputs, found.path, is_new=False)
        draft = _trained(inputs, settings, matrices, identity, resume, pauses_of)
        return _result(inputs, storage.save(replace(draft, metadata=replace(draft.metadata, of_fold=of_fold))))


def run_facts(settings: RunSettings, device: torch.device) -> dict[str, Any]:
    """Returns all of a run that decides the bits of its net: seed, threads, device, and the machine's profile."""
    import torch

    accelerator = {"accelerator": torch.cuda.get_device_name(device)} if device.type == "cuda" else {}
    return {
        "seed": settings.seed,
        "threads": settings.threads,
        "device": str(device),
        **accelerator,
        **machine_profile(),
    }


def _trained(
    inputs: TrainingInputs,
    settings: RunSettings,
    matrices: list[FeatureMatrix],
    identity: TrainingIdentity,
    resume: SavedTraining | None,
    pauses_of: PausesOf | None,
) -> BundleDraft:
    """Fits the net; returns its bundle, which is not written yet."""
    from ktrdr.training.draft import bundle_draft
    from ktrdr.training.samples import make_samples
    from ktrdr.training.trainer import fit

    synthetic = require_one_origin([series for matrix in matrices for series in matrix.series.values()])
    samples = make_samples(inputs.strategy, matrices)
    fitted = fit(
        samples.task,
        settings,
        resume=None if resume is None else resume.state,
        on_pause=None if pauses_of is None else pauses_of(identity),
    )
    return bundle_draft(inputs.strategy, inputs.symbols, matrices, samples, fitted, identity, synthetic=synthetic)


def _result(inputs: TrainingInputs, path: Path, *, is_new: bool = True) -> TrainResult:
    """Returns the result of a bundle, read back, so that a new one and a found one are described alike."""
    rules = inputs.strategy.training.canonical()
    return TrainResult(path, read_metadata(path), read_history(path), rules, is_new)


@dataclass(frozen=True)
class _Stoppable:
    """The bridge of a run while it loads: between two reports it may be stopped."""

    bridge: ProgressBridge
    token: CancellationToken

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        self.bridge.report(phase, done, total, detail)
        if self.token.is_cancelled():
            raise Cancelled("the training was cancelled before its first batch")
