"""``ktrdr.train``: from a strategy and bars to a model bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ktrdr._lazy import require
from ktrdr.arguments import check_threads, check_whole
from ktrdr.control import CancellationToken, NeverCancelled, ProgressBridge
from ktrdr.data.bars import BarsByTimeframe
from ktrdr.data.origin import require_one_origin
from ktrdr.feature_pipeline.build import build_features
from ktrdr.neural.bundle import BundleDraft, bundle_id
from ktrdr.neural.metadata import BundleMetadata
from ktrdr.neural.storage import ModelStorage
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.progress import progress_or
from ktrdr.strategy.schema import Strategy
from ktrdr.training.inputs import Moment, TrainingInputs, training_inputs

if TYPE_CHECKING:
    from ktrdr.training.trainer import Fitted, RunSettings


@dataclass(frozen=True)
class TrainResult:
    """A bundle that was written, with the metrics of its net.

    Args:
        path: the bundle's directory.
        metadata: as written beside the weights.
        history: losses by epoch.
    """

    path: Path
    metadata: BundleMetadata
    history: tuple[Mapping[str, Any], ...]

    def __repr__(self) -> str:
        return f"<TrainResult {self.model_id}: {len(self.history)} epochs, {len(self.warnings)} warnings>"

    @property
    def model_id(self) -> str:
        """Returns strategy and version, as ``--model`` takes it."""
        return bundle_id(self.path)

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Returns rows, losses and hit rates by split."""
        return self.metadata.metrics

    @property
    def warnings(self) -> tuple[str, ...]:
        """Returns the warnings a user should read before trusting the net."""
        return self.metadata.warnings


def train(
    strategy: str | Path | Mapping[str, Any] | Strategy,
    symbol: str | None = None,
    timeframe: str | None = None,
    *,
    start: Moment = None,
    end: Moment = None,
    bars: BarsByTimeframe | None = None,
    seed: int | None = None,
    device: str = "auto",
    threads: int = DEFAULT_THREADS,
    data_dir: str | Path | None = None,
    resample: bool = False,
    bridge: ProgressBridge | None = None,
    cancellation_token: CancellationToken | None = None,
) -> TrainResult:
    """Trains the strategy's net and writes a bundle into the data folder.

    Args:
        strategy: a name, a path or the file's content as a mapping.
        symbol: the symbol to train on; by default the strategy's symbols.
        timeframe: the strategy's base timeframe; another is refused.
        start: first bar; by default the strategy's ``date_range``.
        end: last bar; a bare date includes that day.
        bars: frames by timeframe, in place of the stored series.
        seed: in place of ``training.seed``, which is 0 if the file gives none.
        device: auto, cpu, cuda or mps.
        threads: torch threads; the same seed gives the same bits only with the same number.
        data_dir: the data folder, in place of ``KTRDR_DATA_DIR``.
        resample: make a missing timeframe from a finer one.
        bridge: receives progress reports; by default a bar where a terminal or a notebook shows it.
        cancellation_token: asked between two blocks of work whether to stop.

    Raises:
        ConfigError, DataError, TrainingError: the strategy, the bars or the training; nothing is written.
        ArgumentInvalid: an argument out of range.
        Cancelled: the token asked to stop; nothing is written.

    >>> import tempfile
    >>> import polars as pl
    >>> from ktrdr.strategy.loader import load_strategy
    >>> prices = [100.0 + abs(hour % 12 - 6) for hour in range(400)]
    >>> hourly = pl.DataFrame({"timestamp": [hour * 3_600 * 10**9 for hour in range(400)], "open": prices,
    ...                        "high": prices, "low": prices, "close": prices})
    >>> file = load_strategy("v3_minimal").canonical()
    >>> file["training"] = {"epochs": 2, "labels": {"source": "zigzag", "zigzag_threshold": 0.01}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = train(file, "EURUSD", bars={"1h": hourly}, data_dir=folder, device="cpu")
    >>> result.model_id, len(result.history)
    ('v3_minimal/1h_v1', 2)
    """
    require("torch", "safetensors")
    inputs = training_inputs(strategy, symbol, timeframe, start=start, end=end, bars=bars, data_dir=data_dir)
    loaded = inputs.strategy
    settings = _run_settings(loaded, seed, device, threads, cancellation_token)
    storage = ModelStorage(inputs.repository.models_dir)
    storage.require_writable(loaded.name)
    with progress_or(bridge) as shown:
        return _trained(inputs, replace(settings, bridge=shown), storage, resample)


def _trained(inputs: TrainingInputs, settings: RunSettings, storage: ModelStorage, resample: bool) -> TrainResult:
    """Trains under the numeric switches of a run, and writes the bundle."""
    from ktrdr.neural.runtime import choose_device, run_state

    with run_state(settings.threads, choose_device(settings.device)):
        draft, fitted = _fitted(inputs, settings, resample)
        return TrainResult(storage.save(draft), draft.metadata, fitted.history)


def _fitted(inputs: TrainingInputs, settings: RunSettings, resample: bool) -> tuple[BundleDraft, Fitted]:
    """Builds features and samples, fits the net, and returns the bundle to write beside the fit."""
    from ktrdr.training.draft import bundle_draft
    from ktrdr.training.samples import make_samples
    from ktrdr.training.trainer import fit

    loaded = inputs.strategy
    matrices = [
        build_features(loaded, inputs.source, name, inputs.span, resample=resample, bridge=settings.bridge)
        for name in inputs.symbols
    ]
    synthetic = require_one_origin([series for matrix in matrices for series in matrix.series.values()])
    samples = make_samples(loaded, matrices)
    fitted = fit(samples.task, settings)
    return bundle_draft(loaded, inputs.symbols, matrices, samples, fitted, synthetic=synthetic), fitted


def _run_settings(
    strategy: Strategy,
    seed: int | None,
    device: str,
    threads: int,
    cancellation_token: CancellationToken | None,
) -> RunSettings:
    from ktrdr.neural.runtime import choose_device
    from ktrdr.training.trainer import RunSettings

    choose_device(device)  # an absent device is reported before the bars are read
    chosen_seed = (strategy.training.seed or 0) if seed is None else seed
    return RunSettings(
        seed=check_whole("seed", chosen_seed, 0, 2**63 - 1),
        device=device,
        threads=check_threads(threads),
        cancellation_token=cancellation_token or NeverCancelled(),
    )
