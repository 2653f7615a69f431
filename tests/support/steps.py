"""Drawn trainings of an MLP, run by two steps side by side, and their weights compared bit for bit."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ktrdr.neural.models.mlp import MLP
from ktrdr.neural.runtime import run_state, seeded
from ktrdr.strategy.sections.training import TrainingRules
from ktrdr.training.losses import RowLoss, row_loss
from ktrdr.training.steps.base import Step
from ktrdr.training.steps.plain import PlainStep
from support.inputs.nets import strategy_of

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
MakeStep = Callable[[MLP, torch.Tensor, RowLoss, torch.optim.Optimizer, TrainingRules], Step]


def plain_step(
    model: MLP, table: torch.Tensor, loss: RowLoss, optimizer: torch.optim.Optimizer, rules: TrainingRules
) -> Step:
    """The step that the others are compared with."""
    return PlainStep(model, table, loss, optimizer, rules.gradient_clip)


@dataclass(frozen=True)
class Drawn:
    """A net and its training."""

    n_features: int
    hidden: tuple[int, ...]
    activation: str
    dropout: float
    rules: TrainingRules
    rows: int
    weighted: bool
    seed: int

    @classmethod
    def of(cls, random_: random.Random, rows: tuple[int, ...] = (1, 5, 40, 333)) -> Drawn:
        """Draws from all that a strategy file may say, with batches longer and shorter than the rows."""
        loss = random_.choice(["cross_entropy", "cross_entropy", "focal", "huber", "mse"])
        extra: dict[str, Any] = {"focal_gamma": random_.choice([0.5, 2.0])} if loss == "focal" else {}
        return cls(
            n_features=random_.choice([1, 2, 3, 12, 17]),
            hidden=tuple(random_.choice([2, 3, 8, 31, 64, 130]) for _ in range(random_.choice([1, 1, 2, 2, 3]))),
            activation=random_.choice(["relu", "tanh", "sigmoid", "leaky_relu"]),
            dropout=random_.choice([0.0, 0.2, 0.5, 0.13]),
            rules=rules_of(
                loss=loss,
                optimizer=random_.choice(list(OPTIMIZERS)),
                learning_rate=random_.choice([1e-3, 1e-2, 0.3]),
                gradient_clip=random_.choice([1.0, 1e-3, 100.0]),
                weight_decay=random_.choice([0.0, 1e-4, 0.1]),
                batch_size=random_.choice([3, 7, 32, 50, 1_024]),
                **extra,
            ),
            rows=random_.choice(rows),
            weighted=random_.random() < 0.6,
            seed=random_.randrange(10**6),
        )

    @property
    def n_outputs(self) -> int:
        """One for a regression, else three."""
        return 1 if self.rules.loss in ("huber", "mse") else 3


def rules_of(**training: Any) -> TrainingRules:
    """The training section of a strategy file with these keys."""
    regression = training.get("loss") in ("huber", "mse")
    labels = {"source": "forward_return" if regression else "zigzag"}
    decisions = {"output_format": "regression" if regression else "classification"}
    return strategy_of("mlp", decisions=decisions, training={"labels": labels, **training}).training


@dataclass(frozen=True)
class Outcome:
    """All that a training leaves behind."""

    losses: tuple[tuple[float, float], ...]
    tensors: Mapping[str, torch.Tensor]
    generator: torch.Tensor


def outcome(drawn: Drawn, make: MakeStep, *, threads: int = 1, epochs: int = 2, settle_every: int = 0) -> Outcome:
    """Trains for some epochs; settles and begins again after every so many batches, as for a checkpoint."""
    data = torch.Generator().manual_seed(drawn.seed)
    table = torch.randn(drawn.rows + 20, drawn.n_features, generator=data)
    last = torch.randint(0, len(table), (drawn.rows,), generator=data)
    classes = torch.randint(0, 3, (drawn.rows,), generator=data)
    target = classes if drawn.n_outputs == 3 else torch.randn(drawn.rows, generator=data)
    weight = torch.rand(drawn.rows, generator=data) + 0.1 if drawn.weighted else torch.ones(drawn.rows)
    rules = drawn.rules
    with run_state(threads), seeded(3) as generator:
        model = MLP(drawn.n_features, drawn.n_outputs, drawn.hidden, drawn.activation, drawn.dropout)
        optimizer = OPTIMIZERS[rules.optimizer](
            model.parameters(), lr=rules.learning_rate, weight_decay=rules.weight_decay
        )
        step = make(model, table, row_loss(rules, 0.7), optimizer, rules)
        losses = []
        for _ in range(epochs):
            step.begin()
            for batch, rows in enumerate(torch.randperm(drawn.rows, generator=generator).split(rules.batch_size)):
                if settle_every and batch % settle_every == 0:
                    step.settle()
                    step.begin()
                losses.append(step.batch(last[rows], target[rows], weight[rows]))
            step.settle()
            optimizer.param_groups[0]["lr"] *= 0.7  # as a scheduler does
        return Outcome(tuple(losses), dict(_tensors(model, optimizer)), generator.get_state())


def _tensors(model: MLP, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, torch.Tensor]]:
    for name, owner in model.named_parameters():
        yield name, owner.detach()
        for key, value in optimizer.state.get(owner, {}).items():
            yield f"{name} {key}", value


def different(one: Outcome, two: Outcome) -> list[str]:
    """Names all that differs in a bit, the sign of a zero too."""
    names = ["losses"] if repr(one.losses) != repr(two.losses) else []
    names += ["generator"] if not torch.equal(one.generator, two.generator) else []
    if one.tensors.keys() != two.tensors.keys():
        return [*names, "names of tensors"]
    return names + [name for name, value in one.tensors.items() if not _same_bits(value, two.tensors[name])]


def _same_bits(one: torch.Tensor, two: torch.Tensor) -> bool:
    return one.dtype == two.dtype == torch.float32 and torch.equal(one.view(torch.int32), two.view(torch.int32))
