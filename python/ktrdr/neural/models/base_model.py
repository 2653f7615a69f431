"""What every net is: features in, one row of scores out."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class BaseNeuralModel(nn.Module, ABC):
    """A net over feature rows (``sequence_length`` 1) or windows of them.

    Its saved weights carry the names that the layers themselves have, without a prefix.
    """

    block_rows: int = 0
    sequence_length: int = 1

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """Scores ``[n, n_outputs, f32]`` of ``[n, n_features]``, or ``[n, sequence_length, n_features]``."""

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.parameters()).device
