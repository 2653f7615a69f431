"""Builds a net from the model section of a strategy."""

from __future__ import annotations

from ktrdr.errors import InternalError
from ktrdr.neural.models.base_model import BaseNeuralModel
from ktrdr.neural.models.mlp import MLP
from ktrdr.neural.models.recurrent import Recurrent
from ktrdr.strategy.sections.model import ModelSpec


def build_model(spec: ModelSpec, n_features: int, n_outputs: int) -> BaseNeuralModel:
    """Returns a net with torch's default initialisation, drawn from torch's CPU generator.

    >>> from ktrdr.strategy.sections.model import ModelSpec
    >>> net = build_model(ModelSpec("mlp", 0.2, hidden_layers=(64, 32), activation="relu"), 12, 3)
    >>> list(net.state_dict())
    ['0.weight', '0.bias', '3.weight', '3.bias', '6.weight', '6.bias']
    """
    if spec.type == "mlp" and spec.activation is not None:
        return MLP(n_features, n_outputs, spec.hidden_layers, spec.activation, spec.dropout)
    if spec.hidden_size is None or spec.num_layers is None:
        raise InternalError("a net without its architecture", found=spec.type)
    return Recurrent(
        spec.type,
        n_features,
        n_outputs,
        sequence_length=spec.sequence_length,
        hidden_size=spec.hidden_size,
        num_layers=spec.num_layers,
        dropout=spec.dropout,
    )
