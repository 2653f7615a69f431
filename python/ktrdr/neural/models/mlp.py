"""A multi-layer perceptron over the features of one bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn

from ktrdr.neural.models.base_model import BaseNeuralModel
from ktrdr.profile import BLOCK_ROWS

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "leaky_relu": nn.LeakyReLU,
}


class MLP(BaseNeuralModel):
    """A stack of (Linear, activation, Dropout) for each hidden layer, then Linear.

    The layers are numbered directly under the net, so the weights are called ``{3i}.weight`` and ``{3i}.bias``.
    """

    windowed = False

    def __init__(
        self, n_features: int, n_outputs: int, hidden_layers: Sequence[int], activation: str, dropout: float
    ) -> None:
        super().__init__(n_features, n_outputs, sequence_length=1, block_rows=BLOCK_ROWS["mlp"])
        width = n_features
        layers: list[nn.Module] = []
        for hidden in hidden_layers:
            layers += [nn.Linear(width, hidden), _ACTIVATIONS[activation](), nn.Dropout(dropout)]
            width = hidden
        layers.append(nn.Linear(width, n_outputs))
        for index, layer in enumerate(layers):
            self.add_module(str(index), layer)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns scores [rows, n_outputs] of features [rows, n_features]."""
        values = inputs
        for layer in self.children():
            # a call that drops nothing would cost as much as the activation
            if self.training or not isinstance(layer, nn.Dropout):
                values = cast(torch.Tensor, layer(values))
        return values
