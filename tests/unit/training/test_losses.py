"""Losses of a row, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from ktrdr.strategy.sections.training import TrainingRules
from ktrdr.training.losses import row_loss
from support.inputs.nets import strategy_of

LOGITS = torch.tensor([[0.0, math.log(2.0), 0.0]])  # softmax: 1/4, 1/2, 1/4


def rules(output_format: str = "classification", **changes: object) -> TrainingRules:
    labels = {"source": "zigzag" if output_format == "classification" else "forward_return"}
    return strategy_of(decisions={"output_format": output_format}, training={"labels": labels, **changes}).training


@pytest.mark.parametrize(("target", "p"), [(0, 0.25), (1, 0.5), (2, 0.25)])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_and_cross_entropy(target: int, p: float, gamma: float) -> None:
    focal = row_loss(rules(loss="focal", focal_gamma=gamma), 1.0)(LOGITS, torch.tensor([target]))
    assert focal.item() == pytest.approx((1 - p) ** gamma * -math.log(p), rel=1e-6)
    plain = row_loss(rules(), 1.0)(LOGITS, torch.tensor([target]))
    assert plain.item() == pytest.approx(-math.log(p), rel=1e-6)


def test_a_certain_net_has_a_finite_gradient_under_focal_loss() -> None:
    logits = torch.tensor([[200.0, 0.0, 0.0]], requires_grad=True)
    row_loss(rules(loss="focal", focal_gamma=0.5), 1.0)(logits, torch.tensor([0])).sum().backward()
    assert logits.grad is not None and bool(torch.isfinite(logits.grad).all())


def test_huber_measures_its_delta_in_returns() -> None:
    # scale 0.02: target 0.5 means a return of 0.01; delta 0.01 is 0.5 in scaled units.
    loss = row_loss(rules("regression", huber_delta=0.01), 0.02)
    outputs = torch.tensor([[0.7], [2.5]])
    targets = torch.tensor([0.5, 0.5])
    # 0.2 away: 0.5 x 0.04 = 0.02; 2 away: 0.5 x (2 - 0.25) = 0.875
    assert loss(outputs, targets).tolist() == pytest.approx([0.02, 0.875], rel=1e-6)


def test_mse() -> None:
    loss = row_loss(rules("regression", loss="mse"), 0.02)
    assert loss(torch.tensor([[0.7]]), torch.tensor([0.5])).item() == pytest.approx(0.04, rel=1e-6)


def test_defaults_are_those_of_the_file() -> None:
    assert (rules().loss, rules("regression").loss) == ("cross_entropy", "huber")
    assert (rules(loss="focal").focal_gamma, rules("regression").huber_delta) == (2.0, 0.01)
