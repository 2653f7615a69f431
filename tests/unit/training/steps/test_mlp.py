"""The step of an MLP written out: the bits of the plain step, whatever the net and its training."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch

from ktrdr.neural.models.mlp import MLP
from ktrdr.neural.runtime import run_state
from ktrdr.training.losses import row_loss
from ktrdr.training.steps.make import make_step
from ktrdr.training.steps.mlp import MLPStep
from support.steps import OPTIMIZERS, Drawn, different, outcome, plain_step, rules_of

BASE = Drawn(12, (64, 32), "relu", 0.2, rules_of(), rows=333, weighted=True, seed=1)


@pytest.mark.parametrize("seed", range(24))
def test_a_drawn_training_has_the_bits_of_the_plain_step(seed: int) -> None:
    drawn = Drawn.of(random.Random(seed))
    assert different(outcome(drawn, plain_step), outcome(drawn, make_step)) == [], drawn


def test_the_step_is_the_one_written_out() -> None:
    kinds = []

    def noting(*arguments: object) -> object:
        step = make_step(*arguments)  # type: ignore[arg-type]
        kinds.append(type(step))
        return step

    outcome(replace(BASE, rows=5), noting)  # type: ignore[arg-type]
    assert kinds == [MLPStep]


@pytest.mark.parametrize("loss", ["cross_entropy", "huber"])
@pytest.mark.parametrize("threads", [1, 2])
def test_large_batches_have_the_bits_of_the_plain_step(loss: str, threads: int) -> None:
    drawn = replace(BASE, rules=rules_of(loss=loss, batch_size=1_024), rows=2_500)
    plain, written = (outcome(drawn, make, threads=threads, epochs=1) for make in (plain_step, make_step))
    assert different(plain, written) == []


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_training_may_settle_after_any_batch(optimizer: str) -> None:
    drawn = replace(BASE, rules=rules_of(optimizer=optimizer, batch_size=50))
    whole = outcome(drawn, make_step)
    assert different(whole, outcome(drawn, make_step, settle_every=1)) == []
    assert different(whole, outcome(drawn, plain_step, settle_every=2)) == []


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_two_kinds_of_steps_can_take_turns(optimizer: str) -> None:
    rules = rules_of(optimizer=optimizer, batch_size=4)
    found = []
    for kinds in ((plain_step, plain_step), (plain_step, make_step), (make_step, plain_step)):
        with run_state(1), torch.random.fork_rng():
            torch.manual_seed(4)
            model = MLP(3, 3, (8,), "tanh", 0.2)
            made = OPTIMIZERS[optimizer](model.parameters(), lr=0.1, weight_decay=0.01)
            table = torch.randn(4, 3)
            for make in kinds:
                step = make(model, table, row_loss(rules, 1.0), made, rules)
                step.begin()
                step.batch(torch.arange(4), torch.tensor([0, 1, 2, 1]), torch.ones(4))
                step.settle()
            found.append([owner.detach().clone() for owner in model.parameters()])
    for other in found[1:]:
        assert all(torch.equal(one, two) for one, two in zip(found[0], other, strict=True))


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 3e38])
def test_a_loss_that_is_not_finite_changes_nothing(value: float) -> None:
    rules = rules_of()
    answers = []
    for make in (plain_step, make_step):
        with run_state(1), torch.random.fork_rng():
            torch.manual_seed(4)
            model = MLP(2, 3, (8,), "relu", 0.2)
            before = [owner.detach().clone() for owner in model.parameters()]
            optimizer = torch.optim.Adam(model.parameters())
            step = make(model, torch.full((4, 2), value), row_loss(rules, 1.0), optimizer, rules)
            step.begin()
            answers.append(step.batch(torch.arange(4), torch.zeros(4, dtype=torch.int64), torch.ones(4)))
            step.settle()
            assert all(torch.equal(one, two) for one, two in zip(model.parameters(), before, strict=True))
    assert repr(answers[0]) == repr(answers[1]) and not torch.isfinite(torch.tensor(answers[0][0]))


def test_gradients_that_are_not_finite_spread_as_in_the_plain_step() -> None:
    huge = replace(BASE, rules=rules_of(learning_rate=1e30, optimizer="sgd", gradient_clip=1e30), rows=200)
    assert different(outcome(huge, plain_step), outcome(huge, make_step)) == []
