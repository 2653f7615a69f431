"""A multi-layer perceptron: (Linear, activation, Dropout) per hidden layer, then Linear."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from ktrdr.neural.models.base_model import BaseNeuralModel

_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "leaky_relu": nn.LeakyReLU}


class MLP(BaseNeuralModel):
    """Scores of single feature rows; weights are named ``{3i}.weight`` and ``{3i}.bias``."""

    block_rows = 4_096

    def __init__(self, n_features: int, n_outputs: int, hidden: Sequence[int], activation: str, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = n_features
        for size in hidden:
            layers += [nn.Linear(width, size), _ACTIVATIONS[activation](), nn.Dropout(dropout)]
            width = size
        layers.append(nn.Linear(width, n_outputs))
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        scores: Tensor = self.layers(features)
        return scores

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The weights by the names of the layers alone."""
        return self.layers.state_dict(*args, **kwargs)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Loads weights named as ``state_dict`` names them."""
        return self.layers.load_state_dict(OrderedDict(state_dict), strict=strict, assign=assign)
