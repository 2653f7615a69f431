"""Integrated gradients: the parts of a score by hand, for every net, and an error where they do not add up."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ktrdr.analysis.explanation.gradients import TOLERANCE, attribute
from ktrdr.errors import InternalError
from ktrdr.neural.models.base_model import BaseNeuralModel
from ktrdr.neural.models.mlp import MLP
from ktrdr.neural.models.recurrent import Recurrent


class Product(BaseNeuralModel):
    """The score x y."""

    windowed = False

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs[:, :1] * inputs[:, 1:]


def test_a_product_is_shared_by_hand() -> None:
    """Of x y from (0, 0) to (2, 3): d/dx is 3 t at place t; its integral 3/2 times the way 2 is 3. y has 3 too."""
    found = attribute(
        Product(2, 1, 1, 8).eval(), np.array([[2, 3]], np.float32), np.zeros(2, np.float32), np.array([0])
    )
    assert found.parts[0] == pytest.approx([3.0, 3.0])
    assert found.differences[0] == pytest.approx(6.0)


def net(kind: str) -> BaseNeuralModel:
    torch.manual_seed(4)
    if kind == "mlp":
        made: BaseNeuralModel = MLP(6, 3, hidden_layers=(32, 16), activation="relu", dropout=0.1)
    else:
        made = Recurrent(kind, 6, 3, sequence_length=5, hidden_size=12, num_layers=2, dropout=0.1)
    for weight in made.parameters():
        weight.data *= 3  # a net that has learned something bends more than a fresh one
    return made.eval().requires_grad_(False)


@pytest.mark.parametrize("kind", ["mlp", "lstm", "gru"])
def test_the_parts_add_up(kind: str) -> None:
    made = net(kind)
    draw = np.random.default_rng(1)
    shape = (60, 6) if kind == "mlp" else (60, 5, 6)
    inputs = draw.random(shape).astype(np.float32)
    baseline = draw.random(6).astype(np.float32)
    outputs = draw.integers(0, 3, 60)
    found = attribute(made, inputs, baseline, outputs)
    with torch.no_grad():
        start = made(torch.from_numpy(np.broadcast_to(baseline, shape).copy())).numpy()
        scores = made(torch.from_numpy(inputs)).numpy()
    rows = np.arange(60)
    wanted = scores[rows, outputs] - start[rows, outputs]
    assert np.abs(wanted).max() > 0.1
    assert found.differences == pytest.approx(wanted, abs=1e-4)
    assert np.abs(found.parts.sum(axis=1) - wanted).max() < TOLERANCE


def test_parts_that_do_not_add_up_are_an_error() -> None:
    """One stretch of eight points sees too little of a net with many kinks."""
    draw = np.random.default_rng(1)
    inputs = 5 * draw.normal(size=(60, 6)).astype(np.float32)
    with pytest.raises(InternalError, match="do not add up"):
        attribute(net("mlp"), inputs, -inputs[0], np.zeros(60, np.int64), most_halvings=0)
