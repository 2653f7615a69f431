"""The batch loop against a plain one, bit for bit; best epoch, stopping, schedules, divergence."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from ktrdr.errors import Cancelled, SnapshotInconsistent, TrainingDiverged
from ktrdr.strategy.schema import Strategy
from ktrdr.training.run.state import Pause, TrainingState
from ktrdr.training.trainer import Fitted, RunSettings, TrainingRows, TrainingTask, fit, judge
from support.inputs.nets import ARCHITECTURES, strategy_of

CPU = RunSettings(seed=5, device="cpu", threads=1)


def strategy(kind: str = "mlp", output_format: str = "classification", **training: Any) -> Strategy:
    labels = {"source": "zigzag" if output_format == "classification" else "forward_return"}
    section = {"labels": labels, "epochs": 4, "batch_size": 50, "learning_rate": 0.01, **training}
    return strategy_of(kind, decisions={"output_format": output_format}, training=section)


def task_of(made: Strategy, rows: int = 330) -> TrainingTask:
    """Rows with something to learn: classes that follow the first two features, returns that follow the third."""
    random = np.random.default_rng(2)
    table = random.normal(size=(rows, 3)).astype(np.float32)
    length = made.sequence_length
    last = np.arange(length - 1, rows)
    if made.n_outputs == 3:
        score = table[:, 0] + table[:, 1] + random.normal(0, 0.3, rows)
        target = torch.from_numpy(np.digitize(score, [-0.8, 0.8]).astype(np.int64)[last])
    else:
        target = torch.from_numpy((table[:, 2] + random.normal(0, 0.3, rows)).astype(np.float32)[last])
    weight = torch.from_numpy(random.uniform(0.5, 1.5, len(last)).astype(np.float32))
    everything = TrainingRows(torch.from_numpy(last), target, weight)
    cut = 220
    train = TrainingRows(everything.last[:cut], everything.target[:cut], everything.weight[:cut])
    validation = TrainingRows(everything.last[cut:], everything.target[cut:], everything.weight[cut:])
    scale = 1.0 if made.n_outputs == 3 else 0.02
    return TrainingTask(made.model, made.n_outputs, made.training, torch.from_numpy(table), train, validation, scale)


def weights(fitted: Fitted) -> dict[str, torch.Tensor]:
    return dict(fitted.model.state_dict())


def same(one: Mapping[str, torch.Tensor], two: Mapping[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, two[name]) for name, tensor in one.items())


class PlainRecurrent(nn.Module):
    def __init__(self, kind: str, outputs: int) -> None:
        super().__init__()
        shape = ARCHITECTURES[kind]
        layers = shape["num_layers"]
        size = shape["hidden_size"]
        cell = {"lstm": nn.LSTM, "gru": nn.GRU}[kind]
        setattr(self, kind, cell(3, size, layers, batch_first=True, dropout=0.2 if layers > 1 else 0.0))
        self.kind = kind
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(size, outputs)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        return self.fc(self.drop(getattr(self, self.kind)(windows)[0][:, -1]))


def plain_loop(task: TrainingTask, kind: str, seed: int) -> tuple[dict[str, torch.Tensor], list[float]]:
    """Adam with cross entropy or huber, nothing else; the state of the best epoch and the validation losses."""
    rules = task.rules
    outputs = task.n_outputs
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if kind == "mlp":
            net: nn.Module = nn.Sequential(
                nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 4), nn.ReLU(), nn.Dropout(0.2),
                nn.Linear(4, outputs),
            )  # fmt: skip
        else:
            net = PlainRecurrent(kind, outputs)
        optimizer = torch.optim.Adam(net.parameters(), lr=rules.learning_rate, weight_decay=rules.weight_decay)

        def inputs(last: torch.Tensor) -> torch.Tensor:
            if kind == "mlp":
                return task.table[last]
            return torch.stack([task.table[row - 4 : row + 1] for row in last.tolist()])

        def row_losses(rows: TrainingRows, chosen: Any) -> torch.Tensor:
            answer = net(inputs(rows.last[chosen]))
            if outputs == 3:
                return functional.cross_entropy(answer, rows.target[chosen], reduction="none")
            delta = 0.01 / task.target_scale
            return functional.huber_loss(answer[:, 0], rows.target[chosen], reduction="none", delta=delta)

        best = copy.deepcopy(net.state_dict())
        losses = []
        for _ in range(rules.epochs):
            net.train()
            order = torch.randperm(len(task.train))
            for start in range(0, len(order), rules.batch_size):
                chosen = order[start : start + rules.batch_size]
                weight = task.train.weight[chosen]
                optimizer.zero_grad()
                ((row_losses(task.train, chosen) * weight).sum() / weight.sum()).backward()
                nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()
            net.eval()
            with torch.no_grad():
                weight = task.validation.weight.double()
                loss = (row_losses(task.validation, slice(None)).double() * weight).sum() / weight.sum()
            if not losses or loss.item() < min(losses):
                best = copy.deepcopy(net.state_dict())
            losses.append(loss.item())
    return best, losses


@pytest.mark.parametrize("output_format", ["classification", "regression"])
@pytest.mark.parametrize("kind", ["mlp", "lstm", "gru"])
def test_training_is_the_plain_loop(kind: str, output_format: str) -> None:
    task = task_of(strategy(kind, output_format))
    fitted = fit(task, CPU)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    expected, losses = plain_loop(task, kind, seed=5)
    torch.set_num_threads(before)
    assert same(expected, weights(fitted))
    assert [entry["validation_loss"] for entry in fitted.history] == pytest.approx(losses, rel=1e-6)


@pytest.mark.parametrize("kind", ["mlp", "lstm", "gru"])
def test_one_seed_one_net(kind: str) -> None:
    task = task_of(strategy(kind))
    first = fit(task, CPU)
    again = fit(task, CPU)
    assert same(weights(first), weights(again))
    assert first.history == again.history
    assert not same(weights(first), weights(fit(task, replace(CPU, seed=6))))


def test_the_callers_random_numbers_and_threads_are_left_alone() -> None:
    state = torch.get_rng_state()
    threads = torch.get_num_threads()
    fit(task_of(strategy()), replace(CPU, threads=1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_it_learns() -> None:
    task = task_of(strategy(epochs=40))
    judged = judge(task, fit(task, CPU).model, task.validation)
    assert judged["accuracy"] > judged["majority_share"] + 0.15


def test_a_regression_learns_under_sgd() -> None:
    task = task_of(strategy("mlp", "regression", optimizer="sgd", learning_rate=0.2, epochs=40))
    history = fit(task, CPU).history
    assert history[-1]["train_loss"] < 0.7 * history[0]["train_loss"]


def test_the_best_epoch_is_kept() -> None:
    task = task_of(strategy(epochs=30, learning_rate=0.2))
    fitted = fit(task, CPU)
    losses = [entry["validation_loss"] for entry in fitted.history]
    assert fitted.best_loss == min(losses)
    assert fitted.best_epoch == losses.index(min(losses)) + 1 < len(losses)
    assert judge(task, fitted.model, task.validation)["loss"] == fitted.best_loss
    assert not fitted.model.training


def stopping(**keys: Any) -> list[float]:
    made = strategy(epochs=60, learning_rate=0.2, early_stopping=keys)
    return [entry["validation_loss"] for entry in fit(task_of(made), CPU).history]


@pytest.mark.parametrize("patience", [1, 3])
def test_training_stops_after_patience_epochs_without_a_better_one(patience: int) -> None:
    losses = stopping(patience=patience)
    best = losses.index(min(losses))
    assert len(losses) == best + 1 + patience
    waits = [losses[:end].index(min(losses[:end])) for end in range(1, len(losses))]
    assert all(end - wait <= patience for end, wait in enumerate(waits, start=1))


def test_an_improvement_must_beat_min_delta() -> None:
    losses = stopping(patience=2, min_delta=0.05)
    best = float("inf")
    since = 0
    for place, loss in enumerate(losses, start=1):
        better = loss < best - 0.05
        best, since = (loss, 0) if better else (best, since + 1)
        assert (since == 2) == (place == len(losses))


def rates(**scheduler: Any) -> list[float]:
    made = strategy(epochs=7, learning_rate=0.08, lr_scheduler=scheduler or True)
    return [entry["learning_rate"] for entry in fit(task_of(made), CPU).history]


def test_step_decay_by_hand() -> None:
    expected = [0.08, 0.08, 0.02, 0.02, 0.005, 0.005, 0.00125]  # x 0.25 every 2 epochs
    assert rates(type="step", step_size=2, gamma=0.25) == pytest.approx(expected, rel=1e-12)


def test_a_plateau_lowers_the_rate() -> None:
    made = strategy(
        epochs=12, learning_rate=0.3, lr_scheduler={"type": "reduce_on_plateau", "factor": 0.5, "patience": 0}
    )  # fmt: skip
    history = fit(task_of(made), CPU).history
    losses, learning_rates = ([entry[key] for entry in history] for key in ("validation_loss", "learning_rate"))
    expected = []
    rate = 0.3
    best = float("inf")
    for loss in losses:
        expected.append(rate)
        if loss < best * (1 - 1e-4):  # torch counts an improvement from one in ten thousand on
            best = loss
        else:
            rate *= 0.5
    assert learning_rates == pytest.approx(expected, rel=1e-9)
    assert learning_rates[-1] < 0.3


@pytest.mark.parametrize(
    ("rules", "where"),
    [
        ({"learning_rate": 1e38, "optimizer": "sgd", "gradient_clip": 1e30}, "epoch 1"),
        ({"learning_rate": 1e30}, "epoch 1"),
    ],
)
@pytest.mark.parametrize("kind", ["mlp", "gru"])
def test_a_training_that_diverges_says_where(kind: str, rules: dict[str, Any], where: str) -> None:
    with pytest.raises(TrainingDiverged) as caught:
        fit(task_of(strategy(kind, **rules)), CPU)
    error = caught.value
    assert error.code == "training_diverged"
    assert (error.epoch, error.learning_rate) == (1, rules["learning_rate"])
    assert 1 <= (error.batch or 0) <= 5
    assert where in str(error) and f"batch {error.batch}" in str(error) and "learning rate 1e+3" in str(error)


class CancelAfter:
    def __init__(self, calls: int) -> None:
        self.calls = calls

    def is_cancelled(self) -> bool:
        self.calls -= 1
        return self.calls < 0


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[str, int, int | None]] = []
        self.details: list[Mapping[str, Any]] = []

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        self.heard.append((phase, done, total))
        self.details.append(detail)


def test_every_batch_is_reported_and_may_be_the_last() -> None:
    listener = Listener()
    fit(task_of(strategy()), replace(CPU, bridge=listener))
    assert listener.heard == [("training", done, 20) for done in range(21)]  # 4 epochs of ceil(220 / 50) batches
    assert listener.details[-1]["epoch"] == 4 and "validation_loss" in listener.details[-1]
    assert list(listener.details[-1])[:4] == ["epoch", "train_loss", "validation_loss", "best_epoch"]
    stopped = Listener()
    with pytest.raises(Cancelled) as caught:
        fit(task_of(strategy()), replace(CPU, bridge=stopped, cancellation_token=CancelAfter(7)))
    assert caught.value.code == "cancelled"
    assert len(stopped.heard) == 7


def test_an_early_stop_is_the_end_of_the_work() -> None:
    listener = Listener()
    keys = {"epochs": 60, "learning_rate": 0.2, "early_stopping": {"patience": 1}}
    fitted = fit(task_of(strategy(**keys)), replace(CPU, bridge=listener))
    done = 5 * len(fitted.history)
    assert done < 300
    assert listener.heard[-2:] == [("training", done - 1, 300), ("training", done, done)]
    assert listener.details[-1] == {**fitted.history[-1], "best_epoch": fitted.best_epoch}


# --- stopped and continued --------------------------------------------------------------------------------------------


def states_of(task: TrainingTask, **settings: Any) -> list[TrainingState]:
    """The state at every pause of a whole run, copied."""
    states: list[TrainingState] = []
    fit(task, replace(CPU, **settings), on_pause=lambda pause, _: states.append(copy.deepcopy(pause.state())))
    return states


CONTINUED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "mlp": ("mlp", "classification", {}),
    "lstm": ("lstm", "classification", {"batch_size": 90}),
    "gru": ("gru", "regression", {"batch_size": 90}),
    "sgd": ("mlp", "classification", {"optimizer": "sgd", "learning_rate": 0.1}),
    "adamw": ("mlp", "regression", {"optimizer": "adamw", "weight_decay": 0.1}),
    "step": ("mlp", "classification", {"lr_scheduler": {"type": "step", "step_size": 1}}),
    "plateau": (
        "mlp",
        "classification",
        {"lr_scheduler": {"type": "reduce_on_plateau", "patience": 0}, "learning_rate": 0.3, "epochs": 6},
    ),
    "stops early": ("mlp", "classification", {"early_stopping": {"patience": 1}, "learning_rate": 0.2, "epochs": 60}),
}


@pytest.mark.parametrize("name", CONTINUED)
def test_a_run_that_continues_at_any_batch_ends_with_the_same_bits(name: str) -> None:
    kind, output_format, rules = CONTINUED[name]
    task = task_of(strategy(kind, output_format, **rules))
    whole = fit(task, CPU)
    states = states_of(task)
    assert [state.batches_done for state in states] == list(range(len(states)))
    assert {state.batch for state in states} == set(range(-(-220 // task.rules.batch_size)))
    for state in states[::4]:  # every place in an epoch, of 5 batches and of 3
        rest = fit(task, replace(CPU, seed=999), resume=state)  # the seed of a saved run has been used up
        assert same(weights(whole), weights(rest)), state.batches_done
        assert (rest.history, rest.best_epoch, rest.best_loss) == (whole.history, whole.best_epoch, whole.best_loss)


def test_a_pause_knows_when_the_training_has_moved_on() -> None:
    pauses: list[tuple[Pause, bool]] = []

    def keep(pause: Pause, stops: bool) -> None:
        assert pause.is_current and not any(before.is_current for before, _ in pauses)
        pauses.append((pause, stops))

    with pytest.raises(Cancelled):
        fit(task_of(strategy()), replace(CPU, cancellation_token=CancelAfter(7)), on_pause=keep)
    assert [stops for _, stops in pauses] == [False] * 7 + [True]
    assert pauses[-1][0].is_current and pauses[-1][0].batches_done == 7


def test_a_state_of_another_training_is_refused() -> None:
    state = states_of(task_of(strategy()))[7]
    for other in (
        task_of(strategy("lstm")),
        task_of(strategy("mlp", "regression")),
        task_of(strategy(batch_size=300)),
        task_of(strategy(epochs=1)),
    ):
        with pytest.raises(SnapshotInconsistent):
            fit(other, CPU, resume=state)
    for changed in ({"batches_done": 8}, {"history": ()}, {"best_epoch": 2}, {"best": {}}, {"generators": {}}):
        with pytest.raises(SnapshotInconsistent):
            fit(task_of(strategy()), CPU, resume=replace(state, **changed))


def test_the_run_says_what_a_repeat_needs() -> None:
    run = fit(task_of(strategy(epochs=1)), CPU).run
    assert run == {
        "seed": 5, "threads": 1, "device": "cpu", "deterministic": True, "torch": str(torch.__version__),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }  # fmt: skip
