"""Trains a net: one seeded generator, a batch loop over tensors, the best epoch kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ktrdr.control import CancellationToken, NeverCancelled, ProgressBridge, SilentBridge
from ktrdr.errors import Cancelled, SnapshotInconsistent, TrainingDiverged
from ktrdr.neural.models.base_model import BaseNeuralModel
from ktrdr.neural.models.factory import build_model
from ktrdr.neural.runtime import choose_device, deterministic_on, run_state, seeded, torch_profile
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.strategy.sections.model import ModelSpec
from ktrdr.strategy.sections.training import ReduceOnPlateau, TrainingRules
from ktrdr.training.losses import RowLoss, row_loss
from ktrdr.training.run.state import (
    Pause,
    PauseCallback,
    TrainingState,
    generator_states,
    load_optimizer,
    optimizer_state,
    set_generators,
)
from ktrdr.training.steps.base import gather
from ktrdr.training.steps.make import make_step

_EVALUATION_ROWS = {False: 16_384, True: 1_024}  # windows take sequence_length times the memory
_OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


@dataclass(frozen=True)
class TrainingRows:
    """Rows of the feature table, with target and weight.

    Args:
        last: each row's place in the feature table; a window ends there [rows, int64].
        target: class [rows, int64], or scaled return [rows, float32].
        weight: weight of each row [rows, float32].
    """

    last: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor

    def to(self, device: torch.device) -> TrainingRows:
        """Returns the rows on a device."""
        return TrainingRows(self.last.to(device), self.target.to(device), self.weight.to(device))

    def __len__(self) -> int:
        return len(self.last)


@dataclass(frozen=True)
class TrainingTask:
    """A net to train, and the rows to train it on.

    Args:
        spec: the net.
        n_outputs: classes, or 1.
        rules: the strategy's training section.
        table: features of all symbols, one under the other [rows, n_features, float32].
        train: rows the weights are fitted on.
        validation: rows that choose the epoch.
        target_scale: divisor of regression targets.
    """

    spec: ModelSpec
    n_outputs: int
    rules: TrainingRules
    table: torch.Tensor
    train: TrainingRows
    validation: TrainingRows
    target_scale: float = 1.0


@dataclass(frozen=True)
class RunSettings:
    """Settings of a training beside the strategy."""

    seed: int = 0
    device: str = "auto"
    threads: int = DEFAULT_THREADS
    bridge: ProgressBridge = field(default_factory=SilentBridge)
    cancellation_token: CancellationToken = field(default_factory=NeverCancelled)


@dataclass(frozen=True)
class Fitted:
    """A trained net, its epoch, and the history of the training."""

    model: BaseNeuralModel
    best_epoch: int
    best_loss: float
    history: tuple[Mapping[str, Any], ...]
    run: Mapping[str, Any]


def fit(
    task: TrainingTask,
    settings: RunSettings,
    *,
    resume: TrainingState | None = None,
    on_pause: PauseCallback | None = None,
) -> Fitted:
    """Trains a net and returns its best epoch, on the CPU in eval mode.

    Args:
        task: the net and its rows.
        settings: seed, device, threads, progress and cancellation.
        resume: state of an equal training that was stopped; None starts at the first batch.
        on_pause: called before every batch; it decides whether to save.

    Raises:
        TrainingDiverged: loss or weights stop being finite.
        Cancelled: the token asks to stop; ``on_pause`` has been called with the state at that point.
        SnapshotInconsistent: ``resume`` is of another net or of other rows.
    """
    device = choose_device(settings.device)
    with (
        run_state(settings.threads, device),
        deterministic_on(device) as deterministic,
        seeded(settings.seed) as generator,
    ):
        training = _Training(task, settings, device, generator, on_pause)
        if resume is not None:
            training.resume(resume)
        training.run()
        run = {
            "seed": settings.seed,
            "threads": settings.threads,
            "device": str(device),
            "deterministic": deterministic,
            **torch_profile(),
        }
        return training.fitted(run)


class _Training:
    """A training between two batches; ``moves`` rises whenever its state begins to change."""

    def __init__(
        self,
        task: TrainingTask,
        settings: RunSettings,
        device: torch.device,
        generator: torch.Generator,
        on_pause: PauseCallback | None = None,
    ) -> None:
        self.task = task
        self.settings = settings
        self.generator = generator
        self.on_pause = on_pause
        self.model = build_model(task.spec, task.table.shape[1], task.n_outputs).to(device)
        self.table = task.table.to(device)
        self.train = task.train.to(device)
        self.validation = task.validation.to(device)
        self.optimizer = _OPTIMIZERS[task.rules.optimizer](
            self.model.parameters(), lr=task.rules.learning_rate, weight_decay=task.rules.weight_decay
        )
        self.scheduler = _scheduler(task.rules, self.optimizer)
        self.loss = row_loss(task.rules, task.target_scale)
        self.step = make_step(self.model, self.table, self.loss, self.optimizer, task.rules)
        self.history: list[Mapping[str, Any]] = []
        self.best_loss = math.inf
        self.best_epoch = 0
        self.best_state = self.model.state_dict()
        self.epoch = 1
        self.batch = 0
        self.lost = self.weighed = 0.0
        self.order_state = generator.get_state()
        self.moves = 0
        self.reported: Mapping[str, float] = {}

    def run(self) -> None:
        """Runs the epochs that are left."""
        while not self._is_over():
            self.run_epoch()
        self._report_end()

    def run_epoch(self) -> None:
        """Runs one epoch, or the rest of it: trains on all rows, then evaluates."""
        epoch = self.epoch
        rate = self._rate()
        train_loss = self._learn()
        self._require_finite_weights()
        loss, accuracy = evaluate(self.model, self.table, self.validation, self.loss)
        if not math.isfinite(loss):
            raise self._diverged("the validation loss is no longer finite", self._batches(), loss)
        self.history.append(
            {
                "epoch": epoch,
                "learning_rate": rate,
                "train_loss": train_loss,
                "validation_loss": loss,
                "validation_accuracy": accuracy,
            }
        )
        self._keep_best(epoch, loss)
        self._step_scheduler(loss)
        self.epoch = epoch + 1
        self.batch = 0
        self.lost = self.weighed = 0.0
        self.order_state = self.generator.get_state()
        self.reported = self._figures()

    def fitted(self, run: Mapping[str, Any]) -> Fitted:
        """Returns the net of the best epoch, on the CPU."""
        self.model.load_state_dict(self.best_state)
        model = self.model.to("cpu").eval().requires_grad_(False)
        return Fitted(model, self.best_epoch, self.best_loss, tuple(self.history), run)

    def state(self) -> TrainingState:
        """Returns the state; valid between two batches."""
        self.step.settle()
        return TrainingState(
            epoch=self.epoch,
            batch=self.batch,
            batches_done=self.batches_done,
            lost=self.lost,
            weighed=self.weighed,
            history=tuple(self.history),
            best_epoch=self.best_epoch,
            best_loss=self.best_loss,
            scheduler={} if self.scheduler is None else self.scheduler.state_dict(),
            learning_rate=self._rate(),
            weights=self.model.state_dict(),
            best=self.best_state if self.best_epoch else {},
            optimizer=optimizer_state(self.model, self.optimizer),
            generators=self._generators(),
        )

    def resume(self, saved: TrainingState) -> None:
        """Continues from a state; raises ``SnapshotInconsistent`` for one of another net."""
        self._check_place(saved)
        try:
            self.model.load_state_dict(dict(saved.weights))
            if saved.best_epoch:
                best = copy.deepcopy(self.model).requires_grad_(False)
                best.load_state_dict(dict(saved.best))
                self.best_state = best.state_dict()
            load_optimizer(self.model, self.optimizer, saved)
            if self.scheduler is not None:
                self.scheduler.load_state_dict(self.scheduler.state_dict() | dict(saved.scheduler))
            self.order_state = saved.generators["order"]
            set_generators(saved.generators, self.generator, self.table.device)
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise SnapshotInconsistent(f"the state of another net: {str(error).splitlines()[0][:200]}") from None
        self.history = list(saved.history)
        self.best_epoch = saved.best_epoch
        self.best_loss = saved.best_loss
        self.epoch = saved.epoch
        self.batch = saved.batch
        self.lost = saved.lost
        self.weighed = saved.weighed
        self.reported = self._figures()

    @property
    def batches_done(self) -> int:
        """Returns the number of batches done, over all epochs."""
        return (self.epoch - 1) * self._batches() + self.batch

    def _is_over(self) -> bool:
        stopping = self.task.rules.early_stopping
        waited = len(self.history) - self.best_epoch
        return self.epoch > self.task.rules.epochs or (stopping is not None and waited >= stopping.patience)

    def _learn(self) -> float:
        """Runs the batches that are left of an epoch; returns the weighted mean of the losses of all of them."""
        self.step.begin()
        rows = len(self.train)
        size = self.task.rules.batch_size
        order = self._draw_order().to(self.table.device)
        shuffled = TrainingRows(self.train.last[order], self.train.target[order], self.train.weight[order])
        for start in range(self.batch * size, rows, size):
            self._pause()
            self.moves += 1
            part = slice(start, start + size)
            lost, weighed = self.step.batch(shuffled.last[part], shuffled.target[part], shuffled.weight[part])
            if not math.isfinite(lost):
                raise self._diverged("the loss is no longer finite", self.batch + 1, lost)
            self.lost += lost * weighed
            self.weighed += weighed
            self.batch += 1
        self.moves += 1
        self.step.settle()
        return self.lost / self.weighed

    def _draw_order(self) -> torch.Tensor:
        """Returns the order of an epoch's rows; of an epoch in progress once more, and the generator stays in place.

        It is drawn on the CPU, so that a GPU sees the same order.
        """
        if self.batch == 0:
            return torch.randperm(len(self.train), generator=self.generator)
        now = self.generator.get_state()
        self.generator.set_state(self.order_state)
        order = torch.randperm(len(self.train), generator=self.generator)
        self.generator.set_state(now)
        return order

    def _keep_best(self, epoch: int, loss: float) -> None:
        stopping = self.task.rules.early_stopping
        if loss < self.best_loss - (stopping.min_delta if stopping else 0.0):
            self.best_loss = loss
            self.best_epoch = epoch
            self.best_state = copy.deepcopy(self.model.state_dict())

    def _step_scheduler(self, loss: float) -> None:
        if isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step(loss)
        elif self.scheduler is not None:
            self.scheduler.step()

    def _pause(self) -> None:
        """Stops if the token asks, offers the state to whoever saves it, and reports."""
        stops = self.settings.cancellation_token.is_cancelled()
        if self.on_pause is not None:
            self.on_pause(Pause(self.batches_done, self, self.moves), stops)
        if stops:
            raise Cancelled("the training was cancelled", where=f"epoch {self.epoch}")
        total = self._batches() * self.task.rules.epochs
        self.settings.bridge.report("training", self.batches_done, total, {"epoch": self.epoch, **self.reported})

    def _figures(self) -> dict[str, float]:
        """Returns the figures of the last epoch that has ended, those first that a narrow terminal should show."""
        if not self.history:
            return {}
        last = self.history[-1]
        losses = {"train_loss": last["train_loss"], "validation_loss": last["validation_loss"]}
        return {**losses, "best_epoch": self.best_epoch, **{key: last[key] for key in last if key != "epoch"}}

    def _report_end(self) -> None:
        """Reports the training as done, also where it has stopped before its last epoch."""
        detail = {"epoch": len(self.history), **self.reported}
        self.settings.bridge.report("training", self.batches_done, self.batches_done, detail)

    def _require_finite_weights(self) -> None:
        for name, weight in self.model.state_dict().items():
            if not bool(torch.isfinite(weight).all()):
                raise self._diverged("a weight is no longer finite", self._batches(), name)

    def _diverged(self, what: str, batch: int, found: object) -> TrainingDiverged:
        rate = self._rate()
        return TrainingDiverged(
            what,
            epoch=self.epoch,
            batch=batch,
            learning_rate=rate,
            found=found,
            hint="no model was written; lower training.learning_rate",
        )

    def _generators(self) -> dict[str, torch.Tensor]:
        states = generator_states(self.generator, self.table.device)
        # Before its first batch an epoch has drawn its order already; a run that continues here draws it again.
        return states | {"order": self.order_state} | ({"cpu": self.order_state} if self.batch == 0 else {})

    def _check_place(self, saved: TrainingState) -> None:
        """Checks that the state is between two batches of this training."""
        epochs = self.task.rules.epochs
        at = (saved.epoch - 1) * self._batches() + saved.batch
        if not (1 <= saved.epoch <= epochs and 0 <= saved.batch < self._batches() and at == saved.batches_done):
            found = f"epoch {saved.epoch}, batch {saved.batch}"
            expected = f"up to epoch {epochs}, batches below {self._batches()}"
            raise SnapshotInconsistent("a place that this training does not have", found=found, expected=expected)
        if len(saved.history) != saved.epoch - 1 or not 0 <= saved.best_epoch < saved.epoch:
            raise SnapshotInconsistent("a history that does not fit its epoch", found=f"{len(saved.history)} epochs")

    def _rate(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    def _batches(self) -> int:
        return -(-len(self.train) // self.task.rules.batch_size)


def evaluate(model: BaseNeuralModel, table: torch.Tensor, rows: TrainingRows, loss: RowLoss) -> tuple[float, float]:
    """Returns the weighted mean loss in eval mode, and the share of rows with the right class or sign."""
    total = weight = 0.0
    hits = 0
    size = _EVALUATION_ROWS[model.windowed]
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(rows), size):
            part = slice(start, start + size)
            outputs = model(gather(model, table, rows.last[part]))
            target = rows.target[part]
            total += float((loss(outputs, target) * rows.weight[part]).sum(dtype=_sum_type(table)))
            weight += float(rows.weight[part].sum(dtype=_sum_type(table)))
            classes = outputs.shape[1] > 1
            hit = outputs.argmax(dim=1) == target if classes else outputs[:, 0].sign() == target.sign()
            hits += int(hit.sum())
    return total / weight, hits / len(rows)


def judge(task: TrainingTask, model: BaseNeuralModel, rows: TrainingRows) -> dict[str, float]:
    """Returns loss and accuracy of a trained net (on the CPU), and the accuracy of always naming one class."""
    loss, accuracy = evaluate(model, task.table, rows, row_loss(task.rules, task.target_scale))
    answers = rows.target if task.n_outputs > 1 else rows.target.sign()
    commonest = int(torch.bincount(answers.to(torch.int64) + 1).max())
    return {"loss": loss, "accuracy": accuracy, "majority_share": commonest / len(rows)}


def _sum_type(table: torch.Tensor) -> torch.dtype:
    return torch.float32 if table.device.type == "mps" else torch.float64  # mps has no float64


def _scheduler(rules: TrainingRules, optimizer: torch.optim.Optimizer) -> Any:
    chosen = rules.lr_scheduler
    if chosen is None:
        return None
    if isinstance(chosen, ReduceOnPlateau):
        return torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=chosen.factor, patience=chosen.patience)
    return torch.optim.lr_scheduler.StepLR(optimizer, step_size=chosen.step_size, gamma=chosen.gamma)
