"""From a strategy's model section to a net with torch's default initialisation."""

from __future__ import annotations

from ktrdr.neural.models.base_model import BaseNeuralModel
from ktrdr.neural.models.mlp import MLP
from ktrdr.neural.models.recurrent import Recurrent
from ktrdr.strategy.model import ModelSpec


def build_model(spec: ModelSpec, n_features: int, n_outputs: int) -> BaseNeuralModel:
    """The net of a model section.

    >>> build_model(ModelSpec("mlp", 0.0, hidden_layers=(4,), activation="relu"), 3, 2).state_dict()["0.weight"].shape
    torch.Size([4, 3])
    """
    if spec.type == "mlp":
        return MLP(n_features, n_outputs, spec.hidden_layers, spec.activation or "relu", spec.dropout)
    return Recurrent(
        spec.type, n_features, n_outputs, spec.hidden_size or 64, spec.num_layers or 2, spec.dropout, spec.sequence_length
    )
