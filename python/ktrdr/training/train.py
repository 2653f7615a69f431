"""``ktrdr.train`` and ``ktrdr.labels``: from a strategy and bars to a bundle, and a look at what it is taught."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ktrdr.arguments import check_threads, check_whole
from ktrdr.control import CancellationToken, NeverCancelled, ProgressBridge, SilentBridge
from ktrdr.data.bars import BarSeries
from ktrdr.data.origin import require_one_origin
from ktrdr.data.store.repository import BarSource, MemoryBars, Repository, check_symbol
from ktrdr.errors import ArgumentInvalid, DataEmpty
from ktrdr.feature_pipeline.build import build_features
from ktrdr.feature_pipeline.features import check_base
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.neural.bundle import BundleDraft, bundle_id
from ktrdr.neural.metadata import BundleMetadata
from ktrdr.neural.runtime import choose_device
from ktrdr.neural.storage import ModelStorage
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.strategy.history import needs
from ktrdr.strategy.loader import load_strategy
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Span, Timeframe, iso
from ktrdr.training.labels import make_labels, require_trainable
from ktrdr.training.samples import Samples, make_samples
from ktrdr.training.trainer import Fitted, RunSettings, fit, judge

Moment = str | date | datetime | None
_LIBRARIES = ("ktrdr", "torch", "numpy", "polars", "TA-Lib", "safetensors")


@dataclass(frozen=True)
class TrainResult:
    """A bundle that was written, and how good its net was where it was not fitted.

    Args:
        path: the bundle's directory.
        metadata: as written beside the weights.
        history: losses by epoch.
    """

    path: Path
    metadata: BundleMetadata
    history: tuple[Mapping[str, Any], ...]

    @property
    def model_id(self) -> str:
        """Strategy and version, as ``--model`` takes it."""
        return bundle_id(self.path)

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Rows, losses and hit rates by split."""
        return self.metadata.metrics

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know before trusting the net."""
        return self.metadata.warnings


def train(
    strategy: str | Path | Mapping[str, Any] | Strategy,
    symbol: str | None = None,
    timeframe: str | None = None,
    *,
    start: Moment = None,
    end: Moment = None,
    bars: Mapping[str, Any] | None = None,
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
        symbol: what to train on; by default the strategy's symbols.
        timeframe: if given, the strategy's base timeframe.
        start: first bar; by default the strategy's date_range.
        end: last bar; a bare date includes that day.
        bars: frames by timeframe that stand in for the stored series.
        seed: instead of ``training.seed`` (which is 0 where the file gives none).
        device: auto, cpu, cuda or mps.
        threads: torch threads; part of what makes a repeat equal.
        data_dir: instead of ``KTRDR_DATA_DIR``.
        resample: make a missing timeframe from a finer one.
        bridge: receives progress reports.
        cancellation_token: asked between two blocks of work whether to stop.

    Raises:
        ConfigError, DataError, TrainingError: a leaf that names what is wrong; nothing is written then.
        Cancelled: the token asked; nothing is written.
    """
    loaded = load_strategy(strategy)
    require_trainable(loaded.training.labels)
    choose_device(device)  # a device that is not there is found out before the bars are read
    settings = _run_settings(loaded, seed, device, threads, bridge, cancellation_token)
    symbols = _symbols(loaded, symbol, timeframe, bars)
    repository = Repository(Path(data_dir)) if data_dir is not None else Repository()
    storage = ModelStorage(repository.models_dir)
    storage.require_writable(loaded.name)
    source: BarSource = repository if bars is None else MemoryBars.of(bars, symbols[0])
    span = _span(loaded, start, end)
    matrices = [
        build_features(loaded, source, name, span, resample=resample, bridge=settings.bridge) for name in symbols
    ]
    synthetic = require_one_origin([series for matrix in matrices for series in matrix.series.values()])
    samples = make_samples(loaded, matrices)
    fitted = fit(samples.task, settings)
    notes = (*loaded.warnings, *(note for matrix in matrices for note in matrix.warnings), *_late_starts(matrices))
    metadata = _metadata(loaded, symbols, samples, fitted, synthetic=synthetic, notes=notes)
    draft = BundleDraft(metadata, fitted.model.state_dict(), _features(loaded), loaded.canonical(), _history(fitted))
    return TrainResult(storage.save(draft), metadata, fitted.history)


def _run_settings(
    strategy: Strategy,
    seed: int | None,
    device: str,
    threads: int,
    bridge: ProgressBridge | None,
    cancellation_token: CancellationToken | None,
) -> RunSettings:
    chosen_seed = (strategy.training.seed or 0) if seed is None else seed
    return RunSettings(
        seed=check_whole("seed", chosen_seed, 0, 2**63 - 1),
        device=device,
        threads=check_threads(threads),
        bridge=bridge or SilentBridge(),
        cancellation_token=cancellation_token or NeverCancelled(),
    )


def labels(
    strategy: str | Path | Mapping[str, Any] | Strategy,
    symbol: str | None = None,
    timeframe: str | None = None,
    *,
    start: Moment = None,
    end: Moment = None,
    bars: Mapping[str, Any] | None = None,
    data_dir: str | Path | None = None,
) -> pl.DataFrame:
    """What the strategy's net would be taught on the base bars of a span; arguments as for ``train``.

    Columns: ``timestamp`` [ns UTC], ``label`` (0 BUY, 1 HOLD, 2 SELL) or ``target`` (a return), and ``end``, the stamp
    of the bar at whose close it is known. Null where undefined. Labels of a span see its bars only.
    """
    loaded = load_strategy(strategy)
    require_trainable(loaded.training.labels)
    name = _symbols(loaded, symbol, timeframe, bars)[0]
    repository = Repository(Path(data_dir)) if data_dir is not None else Repository()
    source: BarSource = repository if bars is None else MemoryBars.of(bars, name)
    series = _span_bars(source, name, loaded.base_timeframe, _span(loaded, start, end))
    made = make_labels(series, loaded.training.labels)
    stamps = pl.Series(series.timestamp).cast(pl.Datetime("ns", "UTC"))
    target = pl.Series(made.target, nan_to_null=True)
    rows = pl.Series(np.where(made.defined, made.end, 0)).cast(pl.UInt32)
    ends = pl.select(pl.when(pl.Series(made.defined)).then(stamps.gather(rows))).to_series()
    is_target = loaded.training.labels.is_target
    name_of_value = "target" if is_target else "label"
    return pl.DataFrame(
        {"timestamp": stamps, name_of_value: target if is_target else target.cast(pl.Int8), "end": ends}
    )


def _symbols(
    strategy: Strategy, symbol: str | None, timeframe: str | None, bars: Mapping[str, Any] | None
) -> Sequence[str]:
    if timeframe is not None:
        check_base(strategy, Timeframe.parse(timeframe))
    symbols = strategy.symbols if symbol is None else (check_symbol(symbol),)
    if bars is not None and len(symbols) > 1:
        raise ArgumentInvalid(
            "frames stand in for one symbol", where="symbol", found=", ".join(symbols), expected="one of them"
        )
    return symbols


def _span(strategy: Strategy, start: Moment, end: Moment) -> Span:
    dates = strategy.dates
    return Span.parse(dates[0] if start is None else start, dates[1] if end is None else end)


def _span_bars(source: BarSource, symbol: str, timeframe: Timeframe, span: Span) -> BarSeries:
    stamps = source.stamps(symbol, timeframe)
    first = 0 if span.start_ns is None else int(np.searchsorted(stamps, span.start_ns))
    stop = len(stamps) if span.end_ns is None else int(np.searchsorted(stamps, span.end_ns))
    if stop <= first:
        stored = f"bars from {iso(int(stamps[0]))} to {iso(int(stamps[-1]))}" if len(stamps) else "no bars"
        raise DataEmpty("no bars in the range", symbol=symbol, timeframe=timeframe.value, found=stored)
    return source.rows(symbol, timeframe, first, stop)


def _late_starts(matrices: Sequence[FeatureMatrix]) -> list[str]:
    """Without enough history before the span, its first bars warm up and are not trained on."""
    return [
        f"{matrix.base.symbol}: too little history before the start, training begins at {iso(first_ns)}"
        for matrix in matrices
        if (first_ns := int(matrix.base.timestamp[matrix.first_simulated])) > matrix.base.timestamp[matrix.start_row]
    ]


def _metadata(
    strategy: Strategy,
    symbols: Sequence[str],
    samples: Samples,
    fitted: Fitted,
    *,
    synthetic: bool,
    notes: Sequence[str],
) -> BundleMetadata:
    part, ends, first = strategy.feature_part(), samples.label_ends, samples.first_stamps
    unrepeatable = () if fitted.run["deterministic"] else (f"{fitted.run['device']} gives other bits when repeated",)
    return BundleMetadata(
        strategy_name=strategy.name,
        strategy_version=strategy.version,
        feature_part=part,
        model=strategy.model,
        output_type=strategy.output_format,
        resolved_features=strategy.feature_names,
        symbols=tuple(symbols),
        timeframes=tuple(Timeframe(name) for name in part["timeframes"]),
        training_span=samples.training_span,
        in_sample=Span(min(first["train"], first["validation"]), max(ends["train"], ends["validation"])),
        selection=Span(first["test"], ends["test"]),
        label_ends=ends,
        normalization_params=samples.normalization,
        target_scale=samples.task.target_scale,
        synthetic=synthetic,
        run=fitted.run,
        metrics=_metrics(samples, fitted),
        versions=_versions(),
        warnings=tuple(dict.fromkeys((*notes, *samples.warnings, *unrepeatable))),
    )


def _metrics(samples: Samples, fitted: Fitted) -> dict[str, Any]:
    best = fitted.history[fitted.best_epoch - 1]
    judged = {
        f"{split}_{name}": value
        for split, rows in (("validation", samples.task.validation), ("test", samples.test))
        for name, value in judge(samples.task, fitted.model, rows).items()
    }
    return {
        "epochs": len(fitted.history),
        "best_epoch": fitted.best_epoch,
        "rows": dict(samples.row_counts),
        "label_spans": dict(samples.span_counts),
        "train_loss": best["train_loss"],
        **judged,
    }


def _features(strategy: Strategy) -> dict[str, Any]:
    warm_up = {timeframe.value: need.need_bars for timeframe, need in needs(strategy).items()}
    names = list(strategy.feature_names)
    return {"names": names, "count": len(names), "warm_up_bars": warm_up}


def _history(fitted: Fitted) -> dict[str, Any]:
    return {"best_epoch": fitted.best_epoch, "epochs": list(fitted.history)}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # ktrdr run from a source tree
            continue
    return found
