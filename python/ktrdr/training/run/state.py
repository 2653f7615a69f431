"""The state of a training between two batches: all that a later process needs to end with the same weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class TrainingState:
    """A training before a batch. The tensors are the training's own: they are encoded before it moves on.

    Nothing here depends on the way in which a batch is computed.

    Args:
        epoch: the epoch in progress, from 1.
        batch: batches of that epoch that are done; 0 between two epochs.
        batches_done: batches of the whole training that are done.
        lost: sum of the losses of that epoch so far, each times its weight.
        weighed: sum of their weights.
        history: figures of each epoch that has ended.
        best_epoch: 0 before the first.
        best_loss: of the best epoch.
        scheduler: its own state, as far as it is finite; the rest is that of a new one.
        learning_rate: in force.
        weights: of the net, by name.
        best: weights of the best epoch; empty before the first.
        optimizer: state of each parameter, by the parameter's name and its own key.
        generators: random states; ``order`` is that of the CPU before the epoch's order was drawn.
    """

    epoch: int
    batch: int
    batches_done: int
    lost: float
    weighed: float
    history: Sequence[Mapping[str, Any]]
    best_epoch: int
    best_loss: float
    scheduler: Mapping[str, Any]
    learning_rate: float
    weights: Tensors
    best: Tensors
    optimizer: Mapping[str, Tensors]
    generators: Tensors


class Resumable(Protocol):
    """A training that has a state."""

    @property
    def moves(self) -> int:
        """Returns a number that rises whenever the state begins to change."""

    def state(self) -> TrainingState:
        """Returns the state; valid between two batches."""


@dataclass(frozen=True)
class Pause:
    """A training between two batches, as a save finds it. Nothing is copied before it is asked for.

    Args:
        batches_done: batches of the whole training that are done.
        training: has the state.
        moves: of the training at this pause.
    """

    batches_done: int
    training: Resumable = field(repr=False)
    moves: int

    @property
    def is_current(self) -> bool:
        """Returns False once the training has moved past this pause."""
        return self.training.moves == self.moves

    def state(self) -> TrainingState:
        """Returns the state of the training, which must still be at this pause."""
        return self.training.state()


PauseCallback = Callable[[Pause, bool], None]
"""Called before every batch with the pause, and True where the training stops there."""


def optimizer_state(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, dict[str, torch.Tensor]]:
    """Returns the optimizer's tensors by name of the parameter; none for a parameter that was never stepped."""
    states = ((name, optimizer.state.get(weight, {})) for name, weight in model.named_parameters())
    return {name: {key: value for key, value in state.items() if value is not None} for name, state in states}


def load_optimizer(model: torch.nn.Module, optimizer: torch.optim.Optimizer, saved: TrainingState) -> None:
    """Gives a new optimizer the tensors and the learning rate of a saved one."""
    names = [name for name, _ in model.named_parameters()]
    state = {index: dict(saved.optimizer[name]) for index, name in enumerate(names) if saved.optimizer.get(name)}
    groups = [{**group, "lr": saved.learning_rate} for group in optimizer.state_dict()["param_groups"]]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def generator_states(generator: torch.Generator, device: torch.device) -> dict[str, torch.Tensor]:
    """Returns the state of every generator that a batch draws from: the CPU's, and the device's own."""
    states = {"cpu": generator.get_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def set_generators(states: Tensors, generator: torch.Generator, device: torch.device) -> None:
    """Sets the generators of `generator_states`."""
    generator.set_state(states["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)
    elif device.type == "mps":
        torch.mps.set_rng_state(states["mps"])
