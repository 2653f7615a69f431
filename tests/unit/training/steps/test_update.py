"""Clipping and optimizer over flat weights, where torch rounds alike everywhere and where it does not."""

from __future__ import annotations

import random
import warnings

import pytest
import torch

from ktrdr.training.steps import update
from ktrdr.training.steps.make import make_step
from ktrdr.training.steps.update import FlatUpdate
from support.steps import OPTIMIZERS, Drawn, different, outcome, plain_step


@pytest.mark.parametrize("seed", range(4))
def test_tensor_by_tensor_is_the_same_too(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Drawn.of(random.Random(100 + seed))
    monkeypatch.setattr(update, "_same_alone", lambda: False)
    assert different(outcome(drawn, plain_step), outcome(drawn, make_step)) == [], drawn


def test_every_part_starts_where_a_tensor_of_torch_does() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Linear(5, 1), torch.nn.Linear(1, 130))
    flat = FlatUpdate(torch.optim.Adam(model.parameters()), 1.0)
    assert {part.data_ptr() % 64 for part in (*flat.weights, *flat.gradients)} == {0}


@pytest.mark.parametrize("name", ["lerp", "addcmul_", "addcdiv", "add"])
def test_a_rest_that_rounds_otherwise_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert update._same_alone.__wrapped__()
    own = getattr(torch.Tensor, name)

    def other(self: torch.Tensor, *arguments: object, **options: object) -> torch.Tensor:
        changed: torch.Tensor = own(self, *arguments, **options)
        return changed if len(changed) > 1 else torch.nextafter(changed, changed + 1)

    monkeypatch.setattr(torch.Tensor, name, other)
    assert not update._same_alone.__wrapped__()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_before_the_first_batch_nothing_is_given_back(optimizer: str) -> None:
    model = torch.nn.Linear(3, 2)
    made = OPTIMIZERS[optimizer](model.parameters())
    flat = FlatUpdate(made, 1.0)
    before = [owner.detach().clone() for owner in model.parameters()]
    flat.store()
    with torch.no_grad():
        flat.load()
    flat.store()
    assert all(torch.equal(one, two) for one, two in zip(before, model.parameters(), strict=True))
    assert not any(made.state.values())


def test_a_scheduler_hears_of_the_steps() -> None:
    model = torch.nn.Linear(3, 2)
    made = torch.optim.Adam(model.parameters())
    scheduler = torch.optim.lr_scheduler.StepLR(made, step_size=1)
    flat = FlatUpdate(made, 1.0)
    with torch.no_grad():
        flat.load()
        flat.apply()
        flat.store()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        scheduler.step()
    assert heard == []
    unheard = torch.optim.lr_scheduler.StepLR(torch.optim.Adam(model.parameters()), step_size=1)
    with pytest.warns(UserWarning, match="before `optimizer"):
        unheard.step()
