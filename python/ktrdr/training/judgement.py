"""A look at a trained net that one figure does not give: rows of each split, confused classes, sizes of errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ktrdr._types import Floats
from ktrdr.neural.models.base_model import BaseNeuralModel
from ktrdr.time import iso
from ktrdr.training.samples import Samples
from ktrdr.training.sources.base import CLASSES
from ktrdr.training.splits import SPLITS
from ktrdr.training.steps.base import gather
from ktrdr.training.trainer import Fitted, TrainingRows, judge

_ROWS = 1_024
_BINS = 12
_REACH = 3.0  # deviations of the training targets on each side of 0; errors beyond fall into two open bins


def judgement(samples: Samples, fitted: Fitted) -> dict[str, Any]:
    """Returns what ``metrics.json`` says beside the losses by epoch, JSON-ready.

    ``splits`` has rows, separate label spans, instants, and rows of each class or mean and deviation of the targets (as
    returns). ``judged`` has for validation and test loss, share of right classes or signs, share of the commonest one,
    and ``confusion`` [actual][named] or ``errors``: output minus target, as returns.
    """
    parts = dict(zip(SPLITS, (samples.task.train, samples.task.validation, samples.test), strict=True))
    return {
        "splits": {name: _split(samples, name, rows) for name, rows in parts.items()},
        "judged": {name: _judged(samples, fitted.model, parts[name]) for name in SPLITS[1:]},
    }


def _split(samples: Samples, name: str, rows: TrainingRows) -> dict[str, Any]:
    return {
        "rows": samples.row_counts[name],
        "label_spans": samples.span_counts[name],
        "first": iso(samples.first_stamps[name]),
        "labels_known": iso(samples.label_ends[name]),
        **_targets(samples, rows),
    }


def _targets(samples: Samples, rows: TrainingRows) -> dict[str, Any]:
    if samples.task.n_outputs > 1:
        counts = torch.bincount(rows.target, minlength=len(CLASSES)).tolist()
        return {"classes": dict(zip(CLASSES, counts, strict=True))}
    returns = rows.target.double() * samples.task.target_scale
    return {"target": {"mean": float(returns.mean()), "deviation": float(returns.std(correction=0))}}


def _judged(samples: Samples, model: BaseNeuralModel, rows: TrainingRows) -> dict[str, Any]:
    outputs = _outputs(model, samples.task.table, rows)
    figures = judge(samples.task, model, rows)
    if samples.task.n_outputs > 1:
        return {**figures, "confusion": _confusion(outputs, rows.target)}
    scale = samples.task.target_scale
    return {**figures, "errors": error_counts((outputs[:, 0] - rows.target).double().numpy() * scale, scale)}


def _outputs(model: BaseNeuralModel, table: torch.Tensor, rows: TrainingRows) -> torch.Tensor:
    """Returns the outputs of all rows [rows, n_outputs], of a net on the CPU in eval mode."""
    with torch.inference_mode():
        return torch.cat([model(gather(model, table, last)) for last in torch.split(rows.last, _ROWS)])


def _confusion(outputs: torch.Tensor, target: torch.Tensor) -> dict[str, dict[str, int]]:
    """Returns how many rows of each class the net gives each name."""
    kinds = len(CLASSES)
    pairs = torch.bincount(target * kinds + outputs.argmax(dim=1), minlength=kinds * kinds).view(kinds, kinds)
    return {actual: dict(zip(CLASSES, row, strict=True)) for actual, row in zip(CLASSES, pairs.tolist(), strict=True)}


def error_counts(errors: Floats, scale: float) -> dict[str, Any]:
    """Returns mean and mean size of errors, and their counts in bins.

    The first bin has all errors below the first edge, the last one all from the last edge on.

    Args:
        errors: output minus target [rows, float64, return].
        scale: deviation of the training targets, which sets the edges.

    >>> counts = error_counts(np.array([-9.0, 0.1, 0.2, 2.9, 3.0]), 1.0)
    >>> counts["edges"][:2], counts["counts"]
    ([-3.0, -2.5], [1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1, 1])
    """
    edges = np.linspace(-_REACH, _REACH, _BINS + 1) * scale
    counts = np.bincount(np.searchsorted(edges, errors, side="right"), minlength=_BINS + 2)
    return {
        "mean": float(errors.mean()),
        "mean_size": float(np.abs(errors).mean()),
        "edges": edges.tolist(),
        "counts": counts.tolist(),
    }
