"""LSTM and GRU over a window of bars."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from ktrdr.neural.models.base_model import BaseNeuralModel
from ktrdr.profile import BLOCK_ROWS

_CELLS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}


class Recurrent(BaseNeuralModel):
    """A stack of recurrent layers, then Dropout and Linear over the last hidden state of the last layer.

    The weights are called ``lstm.*`` or ``gru.*``, and ``fc.*``.
    """

    windowed = True

    def __init__(
        self,
        kind: str,
        n_features: int,
        n_outputs: int,
        *,
        sequence_length: int,
        hidden_size: int,
        num_layers: int,
        dropout: float,
    ) -> None:
        super().__init__(n_features, n_outputs, sequence_length, block_rows=BLOCK_ROWS[kind])
        self._kind = kind
        between = dropout if num_layers > 1 else 0.0  # torch warns about dropout between the layers of one layer
        cells = _CELLS[kind](n_features, hidden_size, num_layers, batch_first=True, dropout=between)
        self.add_module(kind, cells)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(hidden_size, n_outputs)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns scores [rows, n_outputs] of windows [rows, sequence_length, n_features], oldest bar first."""
        hidden, _ = self.get_submodule(self._kind)(inputs)
        return cast(torch.Tensor, self.fc(self.dropout(hidden[:, -1])))
