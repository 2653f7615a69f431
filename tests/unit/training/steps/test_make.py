"""The step that each net gets."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from ktrdr.neural.models.base_model import BaseNeuralModel
from ktrdr.neural.models.mlp import MLP
from ktrdr.training.losses import row_loss
from ktrdr.training.steps.base import Step
from ktrdr.training.steps.make import make_step
from ktrdr.training.steps.mlp import MLPStep
from ktrdr.training.steps.plain import PlainStep
from support.inputs.nets import net_of
from support.steps import rules_of


def step_of(model: BaseNeuralModel, device: str = "cpu") -> Step:
    rules = rules_of()
    optimizer = torch.optim.Adam(model.parameters())
    return make_step(model, torch.zeros(4, 3, device=device), row_loss(rules, 1.0), optimizer, rules)


@pytest.mark.parametrize(
    ("hidden", "kind"), [((8,), MLPStep), ((2, 3), MLPStep), ((8, 1), PlainStep), ((1,), PlainStep)]
)
def test_an_mlp_is_written_out_unless_a_layer_has_one_neuron(hidden: Sequence[int], kind: type[Step]) -> None:
    assert type(step_of(MLP(3, 3, hidden, "relu", 0.2))) is kind


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_other_nets_and_devices_are_plain(kind: str) -> None:
    assert type(step_of(net_of(kind))) is PlainStep
    assert type(step_of(MLP(3, 3, (8,), "relu", 0.2).to("meta"), "meta")) is PlainStep
