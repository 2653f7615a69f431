"""Splits, confusion and errors of a trained net, by hand."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ktrdr.neural.models.mlp import MLP
from ktrdr.time import Span
from ktrdr.training.judgement import error_counts, judgement
from ktrdr.training.samples import Samples
from ktrdr.training.trainer import Fitted, TrainingRows, TrainingTask
from support.inputs.nets import strategy_of

ROWS = [0, 1, 2, 3, 4]


def echo(outputs: int) -> MLP:
    """A net whose outputs are its features."""
    net = MLP(outputs, outputs, [outputs], "relu", 0.0)
    for layer in net.children():
        if isinstance(layer, nn.Linear):
            nn.init.eye_(layer.weight)
            nn.init.zeros_(layer.bias)
    return net.eval().requires_grad_(False)


def judged(table: list[list[float]], target: torch.Tensor, scale: float = 1.0) -> dict[str, Any]:
    """The judgement of that net where every split has all rows."""
    outputs = len(table[0])
    form = "regression" if outputs == 1 else "classification"
    labels = {"source": "forward_return" if outputs == 1 else "zigzag"}
    strategy = strategy_of("mlp", decisions={"output_format": form}, training={"labels": labels})
    rows = TrainingRows(torch.tensor(ROWS), target, torch.ones(len(ROWS)))
    task = TrainingTask(strategy.model, outputs, strategy.training, torch.tensor(table), rows, rows, scale)
    of_each = dict.fromkeys(("train", "validation", "test"), 3_600 * 10**9)
    samples = Samples(
        task,
        rows,
        normalization={},
        training_span=Span(0, 1),
        label_ends=of_each,
        first_stamps=of_each,
        row_counts=dict.fromkeys(of_each, 5),
        span_counts=dict.fromkeys(of_each, 2),
        warnings=(),
    )
    return judgement(samples, Fitted(echo(outputs), 1, 0.0, (), {}))


def test_classes_are_counted_by_what_they_are_and_what_they_are_named() -> None:
    table = [[3.0, 1, 1], [1, 3, 1], [1, 3, 1], [1, 1, 3], [3, 1, 1]]  # BUY, HOLD, HOLD, SELL, BUY
    found = judged(table, torch.tensor([0, 0, 0, 2, 2]))
    assert found["judged"]["test"]["confusion"] == {
        "BUY": {"BUY": 1, "HOLD": 2, "SELL": 0},
        "HOLD": {"BUY": 0, "HOLD": 0, "SELL": 0},
        "SELL": {"BUY": 1, "HOLD": 0, "SELL": 1},
    }
    assert found["judged"]["validation"]["accuracy"] == 2 / 5
    assert found["judged"]["validation"]["majority_share"] == 3 / 5
    assert found["splits"]["train"] == {
        "rows": 5,
        "label_spans": 2,
        "first": "1970-01-01T01:00:00Z",
        "labels_known": "1970-01-01T01:00:00Z",
        "classes": {"BUY": 3, "HOLD": 0, "SELL": 2},
    }
    assert list(found["judged"]) == ["validation", "test"]


def test_errors_are_returns() -> None:
    found = judged([[1.0], [2.0], [0.0], [0.0], [1.0]], torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0]), scale=0.01)
    errors = found["judged"]["test"]["errors"]
    assert errors["mean"] == pytest.approx((0 + 0.01 - 0.01 - 0.01 + 0) / 5)
    assert errors["mean_size"] == pytest.approx(0.03 / 5)
    assert errors["edges"] == pytest.approx(np.arange(-3, 3.5, 0.5) * 0.01)
    assert errors["counts"] == [0, 0, 0, 0, 0, 2, 0, 2, 0, 1, 0, 0, 0, 0]
    assert found["splits"]["test"]["target"] == {"mean": pytest.approx(0.01), "deviation": 0.0}


def test_every_error_is_in_one_bin() -> None:
    errors = np.random.default_rng(1).standard_cauchy(1_000)
    found = error_counts(errors, 2.0)
    edges = [-np.inf, *found["edges"], np.inf]
    by_hand = [int(((errors >= low) & (errors < high)).sum()) for low, high in pairwise(edges)]
    assert found["counts"] == by_hand and sum(by_hand) == 1_000
