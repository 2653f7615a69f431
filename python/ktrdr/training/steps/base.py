"""The interface of a step, and the inputs of a batch."""

from __future__ import annotations

from typing import Protocol

import torch

from ktrdr.neural.models.base_model import BaseNeuralModel


class Step(Protocol):
    """Learns one batch after the other.

    A step may keep weights and moments for itself from ``begin`` to ``settle``. Outside of these two the net and its
    optimizer are true, and after a later ``begin`` the step continues from what they hold then.
    """

    def begin(self) -> None:
        """Takes weights, moments and learning rate as net and optimizer have them."""

    def batch(self, last: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> tuple[float, float]:
        """Learns a batch; returns its mean loss and the sum of its weights. A loss that is not finite changes nothing.

        Args:
            last: each row's place in the feature table; a window ends there [rows, int64].
            target: class [rows, int64], or scaled return [rows, float32].
            weight: weight of each row [rows, float32].
        """

    def settle(self) -> None:
        """Gives weights and moments back to net and optimizer."""


def gather(model: BaseNeuralModel, table: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
    """Returns the inputs of rows that end at ``last``: features [rows, n_features], or windows, oldest bar first."""
    if not model.windowed:
        return table[last]
    steps = torch.arange(1 - model.sequence_length, 1, device=last.device)
    return table[last[:, None] + steps]
