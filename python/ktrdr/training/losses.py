"""Losses of each row, before weights: a batch and a whole part then take the same weighted mean."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from ktrdr.errors import InternalError
from ktrdr.strategy.sections.training import TrainingRules

_SMALLEST_MISS = 1e-7

RowLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def row_loss(rules: TrainingRules, target_scale: float) -> RowLoss:
    """Returns a function of outputs [rows, n_outputs] and targets [rows] to the loss of each row [rows].

    Regression targets are divided by ``target_scale``; ``huber_delta`` is in return units, so it is divided too.
    """
    if rules.loss == "cross_entropy":
        return _cross_entropy
    if rules.loss == "focal" and rules.focal_gamma is not None:
        gamma = rules.focal_gamma
        return lambda outputs, targets: _focal(outputs, targets, gamma)
    if rules.loss == "huber" and rules.huber_delta is not None:
        delta = rules.huber_delta / target_scale
        return lambda outputs, targets: functional.huber_loss(outputs[:, 0], targets, reduction="none", delta=delta)
    if rules.loss == "mse":
        return lambda outputs, targets: functional.mse_loss(outputs[:, 0], targets, reduction="none")
    raise InternalError("a loss without its parameter", found=rules.loss)


def _cross_entropy(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(outputs, targets, reduction="none")


def _focal(outputs: torch.Tensor, targets: torch.Tensor, gamma: float) -> torch.Tensor:
    """Returns (1 - p)^gamma ce, p the probability of the target class (Lin et al. 2017, without class factor)."""
    entropy = _cross_entropy(outputs, targets)
    miss = (1.0 - torch.exp(-entropy)).clamp_min(_SMALLEST_MISS)  # a power below 1 has no gradient at 0
    return miss**gamma * entropy
