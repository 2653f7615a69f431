"""An epoch of a training beside the loop that a good user of torch would write, over the same batches."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

import torch
from torch import nn
from torch.nn import functional

from benches.harness import Row, paired_ratio
from ktrdr.neural.runtime import run_state, seeded
from ktrdr.strategy.loader import load_strategy
from ktrdr.training.trainer import RunSettings, TrainingRows, TrainingTask, fit

ROWS = 100_000
FEATURES = 12
SEED = 3
TARGET = 0.8
_VALIDATION_ROWS = 1_000


def rows() -> Iterator[Row]:
    for batch_size in (32, 1_024):
        task = make_task(batch_size)
        for threads in (1, 2):
            check(task, threads)
            ratio, ours_s, bare_s = paired_ratio(
                lambda task=task, threads=threads: ours(task, threads),
                lambda task=task, threads=threads: plain(task, threads),
                rounds=3,
            )
            note = f"{ours_s:.2f} s against {bare_s:.2f} s"
            name = f"an epoch of 100,000 rows, MLP 12-64-32-3, batch {batch_size}, threads {threads}, over plain torch"
            yield Row(name, ratio, TARGET, "x", note)


def make_task(batch_size: int) -> TrainingTask:
    """Rows whose class a net can learn, under the default rules of a strategy file."""
    file = load_strategy("v3_minimal").canonical()
    file["model"] = {"type": "mlp", "architecture": {"hidden_layers": [64, 32], "dropout": 0.2, "activation": "relu"}}
    file["training"] = {"labels": file["training"]["labels"], "epochs": 1, "batch_size": batch_size}
    strategy = load_strategy(file)
    table, target = table_and_classes()
    every = torch.arange(len(table))
    train, validation = (
        TrainingRows(part, target[part], torch.ones(len(part))) for part in (every[:ROWS], every[ROWS:])
    )
    return TrainingTask(strategy.model, 3, strategy.training, table, train, validation)


@cache
def table_and_classes() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(SEED)
    table = torch.randn(ROWS + _VALIDATION_ROWS, FEATURES, generator=random)
    score = table[:, 0] + table[:, 1] * table[:, 2] + 0.5 * torch.randn(len(table), generator=random)
    return table, torch.bucketize(score, torch.tensor([-0.6, 0.6]))


def ours(task: TrainingTask, threads: int) -> nn.Module:
    """The whole of `fit`: net, epoch, losses, looks at the token before every batch, judgement of the epoch."""
    return fit(task, RunSettings(seed=SEED, device="cpu", threads=threads)).model


def plain(task: TrainingTask, threads: int) -> nn.Module:
    """The net and the epoch, nothing else."""
    rules = task.rules
    features = task.table[:ROWS]
    classes = task.train.target
    with run_state(threads), seeded(SEED):
        net = nn.Sequential(
            nn.Linear(FEATURES, 64),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(64, 32),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(32, 3),
        )
        optimizer = torch.optim.Adam(net.parameters(), lr=rules.learning_rate, weight_decay=rules.weight_decay)
        net.train()
        for batch in torch.randperm(ROWS).split(rules.batch_size):
            optimizer.zero_grad()
            functional.cross_entropy(net(features[batch]), classes[batch]).backward()
            nn.utils.clip_grad_norm_(net.parameters(), rules.gradient_clip)
            optimizer.step()
    return net.eval()


def check(task: TrainingTask, threads: int) -> None:
    """The two nets began with the same draws and saw the same batches: they differ by rounding, and have learned."""
    nets = (ours(task, threads), plain(task, threads))
    with torch.inference_mode():
        losses = [float(functional.cross_entropy(net(task.table[ROWS:]), task.validation.target)) for net in nets]
    assert math.isclose(*losses, rel_tol=1e-3), losses
    assert losses[0] < 0.9, losses
