"""Clipping and optimizer over flat weights, where torch rounds alike everywhere and where it does not."""

from __future__ import annotations

import random

import pytest
import torch

from ktrdr.training.steps import update
from ktrdr.training.steps.make import make_step
from support.steps import Drawn, different, outcome, plain_step


@pytest.mark.parametrize("seed", range(4))
def test_tensor_by_tensor_is_the_same_too(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Drawn.of(random.Random(100 + seed))
    monkeypatch.setattr(update, "_same_alone", lambda: False)
    assert different(outcome(drawn, plain_step), outcome(drawn, make_step)) == [], drawn


@pytest.mark.parametrize("name", ["lerp", "addcmul_", "addcdiv", "add"])
def test_a_rest_that_rounds_otherwise_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert update._same_alone.__wrapped__()
    own = getattr(torch.Tensor, name)

    def other(self: torch.Tensor, *arguments: object, **options: object) -> torch.Tensor:
        changed: torch.Tensor = own(self, *arguments, **options)
        return changed if len(changed) > 1 else torch.nextafter(changed, changed + 1)

    monkeypatch.setattr(torch.Tensor, name, other)
    assert not update._same_alone.__wrapped__()
