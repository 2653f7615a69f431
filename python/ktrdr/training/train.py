"""``ktrdr.train``: from a strategy and bars to a model bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ktrdr._lazy import require
from ktrdr.arguments import check_threads, check_whole
from ktrdr.control import CancellationToken, NeverCancelled, ProgressBridge
from ktrdr.data.bars import BarsByTimeframe
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.progress import progress_or
from ktrdr.strategy.loader import load_strategy
from ktrdr.strategy.overrides import with_training
from ktrdr.strategy.schema import Strategy
from ktrdr.strategy.sections.training_mappings import TrainingMapping
from ktrdr.training.inputs import Moment, TrainingInputs, training_inputs
from ktrdr.training.run.pipeline import run_training
from ktrdr.training.run.result import TrainResult

if TYPE_CHECKING:
    from ktrdr.training.trainer import RunSettings

__all__ = ["TrainResult", "run_settings", "train"]


def train(
    strategy: str | Path | Mapping[str, Any] | Strategy,
    symbol: str | Sequence[str] | None = None,
    timeframe: str | None = None,
    *,
    start: Moment = None,
    end: Moment = None,
    bars: BarsByTimeframe | None = None,
    training: TrainingMapping | None = None,
    seed: int | None = None,
    device: str = "auto",
    threads: int = DEFAULT_THREADS,
    data_dir: str | Path | None = None,
    resample: bool = False,
    bridge: ProgressBridge | None = None,
    cancellation_token: CancellationToken | None = None,
) -> TrainResult:
    """Trains the strategy's net and writes a bundle into the data folder.

    A bundle of an equal training (features, rules, bars, seed, threads, device, libraries) is returned instead of a
    copy; ``is_new`` is False then.

    Args:
        strategy: a name, a path or the file's content as a mapping.
        symbol: the symbol to train on, or several; by default the strategy's symbols.
        timeframe: the strategy's base timeframe; another is refused.
        start: first bar; by default the strategy's ``date_range``.
        end: last bar; a bare date includes that day.
        bars: frames by timeframe, in place of the stored series.
        training: rules of the training section, over the strategy's.
        seed: in place of ``training.seed``, which is 0 if the file gives none.
        device: auto, cpu, cuda or mps.
        threads: torch threads; they decide the last bits.
        data_dir: the data folder, in place of ``KTRDR_DATA_DIR``.
        resample: make a missing timeframe from a finer one.
        bridge: receives progress reports; by default a bar where a terminal or a notebook shows it.
        cancellation_token: asked between two blocks of work whether to stop.

    Raises:
        ConfigError, DataError, TrainingError: the strategy, the bars or the training; nothing is written.
        ArgumentInvalid, Cancelled: an argument out of range; the token asked to stop.

    >>> import polars as pl, tempfile
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
    taught = with_training(load_strategy(strategy), training)
    inputs = training_inputs(taught, symbol, timeframe, start=start, end=end, bars=bars, data_dir=data_dir)
    settings = run_settings(inputs, seed, device, threads, cancellation_token)
    with progress_or(bridge) as shown:
        return run_training(inputs, replace(settings, bridge=shown), resample=resample)


def run_settings(
    inputs: TrainingInputs,
    seed: int | None,
    device: str,
    threads: int,
    cancellation_token: CancellationToken | None = None,
) -> RunSettings:
    """Returns the checked settings of a training; a ``seed`` of None is the strategy's own."""
    from ktrdr.neural.runtime import choose_device
    from ktrdr.training.trainer import RunSettings

    choose_device(device)  # an absent device is reported before the bars are read
    chosen_seed = (inputs.strategy.training.seed or 0) if seed is None else seed
    return RunSettings(
        seed=check_whole("seed", chosen_seed, 0, 2**63 - 1),
        device=device,
        threads=check_threads(threads),
        cancellation_token=cancellation_token or NeverCancelled(),
    )
