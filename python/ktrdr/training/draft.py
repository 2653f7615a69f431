"""Builds the draft of a bundle from a fitted net: its metadata, metrics and history."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.neural.bundle import BundleDraft
from ktrdr.neural.metadata import BundleMetadata, doubts
from ktrdr.strategy.history import needs
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Span, Timeframe, iso
from ktrdr.training.judgement import judgement
from ktrdr.training.run.identity import TrainingIdentity, result_hash
from ktrdr.training.samples import Samples
from ktrdr.training.trainer import Fitted, judge

_LIBRARIES = ("ktrdr", "torch", "numpy", "polars", "TA-Lib", "safetensors")


def bundle_draft(
    strategy: Strategy,
    symbols: Sequence[str],
    matrices: Sequence[FeatureMatrix],
    samples: Samples,
    fitted: Fitted,
    identity: TrainingIdentity,
    *,
    synthetic: bool,
) -> BundleDraft:
    """Returns everything that ``ModelStorage.save`` writes.

    Args:
        strategy: as it was trained.
        symbols: trained on, in order.
        matrices: features of each symbol, for their warnings.
        samples: rows and labels.
        fitted: the best epoch's net.
        identity: of the training.
        synthetic: True if the bars are synthetic.
    """
    notes = [*strategy.warnings, *(note for matrix in matrices for note in matrix.warnings), *_late_starts(matrices)]
    made = _metadata(strategy, symbols, samples, fitted, synthetic=synthetic, notes=notes)
    metadata = replace(
        made,
        identity={"hash": identity.hash, "parts": dict(identity.parts)},
        result_hash=result_hash(made, fitted.model.state_dict()),
    )
    history = {"best_epoch": fitted.best_epoch, "epochs": list(fitted.history), **judgement(samples, fitted)}
    return BundleDraft(metadata, fitted.model.state_dict(), _features(strategy), strategy.canonical(), history)


def _late_starts(matrices: Sequence[FeatureMatrix]) -> list[str]:
    """Returns a warning for each symbol whose first bars only warm up, for lack of history before the span."""
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
    part = strategy.feature_part()
    ends = samples.label_ends
    first = samples.first_stamps
    unrepeatable = () if fitted.run["deterministic"] else (f"{fitted.run['device']} gives other bits when repeated",)
    metrics = _metrics(samples, fitted)
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
        metrics=metrics,
        versions=_versions(),
        warnings=tuple(dict.fromkeys((*notes, *samples.warnings, *doubts(metrics), *unrepeatable))),
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


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # ktrdr run from a source tree
            continue
    return found
