"""The step that defines what a training does: forward, autograd, clipping and optimizer."""

from __future__ import annotations

import math

import torch

from ktrdr.neural.models.base_model import BaseNeuralModel
from ktrdr.training.losses import RowLoss
from ktrdr.training.steps.base import gather


class PlainStep:
    """Learns batches with any net on any device.

    Args:
        model: the net.
        table: features of all symbols [rows, n_features, float32], on the net's device.
        loss: of each row.
        optimizer: of the net's weights.
        clip: greatest norm of all gradients together.
    """

    def __init__(
        self,
        model: BaseNeuralModel,
        table: torch.Tensor,
        loss: RowLoss,
        optimizer: torch.optim.Optimizer,
        clip: float,
    ) -> None:
        self._model = model
        self._table = table
        self._loss = loss
        self._optimizer = optimizer
        self._clip = clip

    def begin(self) -> None:
        """Sets the net to training."""
        self._model.train()

    def batch(self, last: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> tuple[float, float]:
        """Learns a batch; returns its mean loss and the sum of its weights."""
        self._optimizer.zero_grad()
        weighed = weight.sum()
        loss = (self._loss(self._model(gather(self._model, self._table, last)), target) * weight).sum() / weighed
        value = float(loss.detach())
        if math.isfinite(value):
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), self._clip)
            self._optimizer.step()
        return value, float(weighed)

    def settle(self) -> None:
        """Does nothing: net and optimizer are true after every batch."""
