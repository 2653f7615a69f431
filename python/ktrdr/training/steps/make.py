"""The choice of a step: written out where it gives the bits of the plain one, else plain."""

from __future__ import annotations

import torch

from ktrdr.neural.models.base_model import BaseNeuralModel
from ktrdr.neural.models.mlp import MLP
from ktrdr.strategy.sections.training import TrainingRules
from ktrdr.training.losses import RowLoss
from ktrdr.training.steps.base import Step
from ktrdr.training.steps.gradients import cross_entropy_gradient, traced_gradient
from ktrdr.training.steps.mlp import MLPStep
from ktrdr.training.steps.plain import PlainStep


def make_step(
    model: BaseNeuralModel,
    table: torch.Tensor,
    loss: RowLoss,
    optimizer: torch.optim.Optimizer,
    rules: TrainingRules,
) -> Step:
    """Returns the step of a net.

    Args:
        model: the net, on its device.
        table: features of all symbols [rows, n_features, float32], on the same device.
        loss: of each row, as ``rules`` has it.
        optimizer: of the net's weights, as ``rules`` has it.
        rules: the strategy's training section.
    """
    if isinstance(model, MLP) and table.device.type == "cpu" and _is_wide(model):
        written = cross_entropy_gradient if rules.loss == "cross_entropy" else traced_gradient(loss)
        return MLPStep(model, table, written, optimizer, rules.gradient_clip)
    return PlainStep(model, table, loss, optimizer, rules.gradient_clip)


def _is_wide(model: MLP) -> bool:
    """Returns False for a hidden layer of one neuron: autograd multiplies a batch of one row there in another order."""
    return all(layer.out_features > 1 for layer in list(model.children())[:-1] if isinstance(layer, torch.nn.Linear))
