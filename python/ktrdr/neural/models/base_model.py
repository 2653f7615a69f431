"""The base of every net: features in, scores out, and the shape of its input.

A net is loaded once, by `ktrdr.neural.bundle`, for a backtest and for live trading alike; live bars are
scored by `ktrdr.decision.engine`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch


class BaseNeuralModel(torch.nn.Module, ABC):
    """A net over the features of one bar (``sequence_length`` 1) or over a window of bars."""

    def __init__(self, n_features: int, n_outputs: int, sequence_length: int, block_rows: int) -> None:
        super().__init__()
        self.n_features = n_features
        self.n_outputs = n_outputs
        self.sequence_length = sequence_length
        self.block_rows = block_rows

    @property
    @abstractmethod
    def windowed(self) -> bool:
        """True if the input has a time axis: [rows, sequence_length, features] instead of [rows, features]."""

    @abstractmethod
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns scores [rows, n_outputs, float32]: logits of BUY, HOLD, SELL, or one regression output."""

    def input_shape(self, rows: int) -> tuple[int, ...]:
        """Returns the input shape of a batch of ``rows`` rows."""
        if self.windowed:
            return (rows, self.sequence_length, self.n_features)
        return (rows, self.n_features)
