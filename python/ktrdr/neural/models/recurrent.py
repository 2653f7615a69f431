"""LSTM and GRU over windows of feature rows."""

from __future__ import annotations

from torch import Tensor, nn

from ktrdr.neural.models.base_model import BaseNeuralModel

_CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class Recurrent(BaseNeuralModel):
    """The last layer's last hidden state, dropout, one linear layer; weights ``lstm.*`` or ``gru.*``, and ``fc.*``."""

    block_rows = 256

    def __init__(
        self, kind: str, n_features: int, n_outputs: int, hidden_size: int, num_layers: int, dropout: float, length: int
    ) -> None:
        super().__init__()
        self.kind, self.sequence_length = kind, length
        between = dropout if num_layers > 1 else 0.0
        cell = _CELLS[kind](n_features, hidden_size, num_layers, batch_first=True, dropout=between)
        self.add_module(kind, cell)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(hidden_size, n_outputs)

    def forward(self, features: Tensor) -> Tensor:
        states, _ = self.get_submodule(self.kind)(features)
        scores: Tensor = self.fc(self.dropout(states[:, -1]))
        return scores
