"""Factors of dropout: torch's own draws, in value and in what they take from the generator."""

from __future__ import annotations

import pytest
import torch

from ktrdr.training.steps import dropout
from ktrdr.training.steps.dropout import DropoutFactors


def drawn(rate: float, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    values = torch.empty(count)
    DropoutFactors(rate).fill(values, generator)
    return values, generator.get_state()


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5, 0.13, 0.9, 1e-9, 1 - 2**-40])
@pytest.mark.parametrize("count", [1, 3, 1_000, 70_001])
def test_factors_are_those_of_torch(rate: float, count: int) -> None:
    theirs = torch.Generator().manual_seed(7)
    wanted = torch.empty(count).bernoulli_(1 - rate, generator=theirs).div_(1 - rate)
    values, state = drawn(rate, count)
    assert torch.equal(values, wanted)
    assert torch.equal(state, theirs.get_state())


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_factors_are_those_that_the_layer_multiplies_by(rate: float) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        wanted = torch.nn.Dropout(rate)(torch.ones(500))
        torch.manual_seed(3)
        values = torch.empty(500)
        DropoutFactors(rate).fill(values)
    assert torch.equal(values, wanted)


def test_where_torch_draws_otherwise_its_own_function_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = drawn(0.2, 1_000)
    monkeypatch.setattr(dropout, "_same_draws", lambda: False)
    monkeypatch.setattr(torch.Tensor, "random_", lambda *_, **__: pytest.fail("another draw"))
    values, state = drawn(0.2, 1_000)
    assert torch.equal(values, wanted[0]) and torch.equal(state, wanted[1])


def test_another_way_to_draw_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    own = torch.Tensor.bernoulli_

    def other(self: torch.Tensor, kept: float, *, generator: torch.Generator) -> torch.Tensor:
        return own(self, 1 - kept, generator=generator)

    assert dropout._same_draws.__wrapped__()
    monkeypatch.setattr(torch.Tensor, "bernoulli_", other)
    assert not dropout._same_draws.__wrapped__()
