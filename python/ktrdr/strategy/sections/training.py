"""The training section: its keys, bounds and defaults. Every accepted key has an effect or is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ktrdr.config.fields import NotNegative, Positive, Share
from ktrdr.config.merge import merge
from ktrdr.config.place import Place
from ktrdr.config.strict import Strict, validate
from ktrdr.errors import ConfigRange, ConfigUnknownKey
from ktrdr.strategy.sections.labels import LabelRules, LabelsFile, ZigzagLabels, resolve_labels

TEST_SHARE = 0.15
_SUM_TOLERANCE = 1e-9
_LOSSES = {"classification": ("cross_entropy", "focal"), "regression": ("huber", "mse")}
_REPLACED_WHOLE = frozenset({"labels", "lr_scheduler"})


class ReduceOnPlateau(Strict):
    """Multiplies the learning rate by ``factor`` after ``patience`` epochs without a better validation loss."""

    type: Literal["reduce_on_plateau"] = "reduce_on_plateau"
    factor: Share = 0.5
    patience: Annotated[int, Field(ge=0, le=10_000)] = 5


class StepDecay(Strict):
    """Multiplies the learning rate by ``gamma`` every ``step_size`` epochs."""

    type: Literal["step"] = "step"
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.5
    step_size: Annotated[int, Field(ge=1, le=10_000)] = 10


def _scheduler_switch(value: Any) -> Any:
    """Turns ``true`` into the default scheduler and ``false`` into none."""
    if isinstance(value, bool):
        return ReduceOnPlateau().model_dump() if value else None
    return value


Scheduler = Annotated[
    Annotated[ReduceOnPlateau | StepDecay, Field(discriminator="type")] | None, BeforeValidator(_scheduler_switch)
]


class EarlyStopping(Strict):
    """Stops after ``patience`` epochs whose validation loss is not lower by more than ``min_delta``."""

    enabled: bool = True
    patience: Annotated[int, Field(ge=1, le=10_000)] = 15
    min_delta: NotNegative = 0.0


class DataSplit(Strict):
    """Shares of the training span, in time order; they sum to 1."""

    train: Share = 0.7
    validation: Share = 0.15
    test: Share = TEST_SHARE


class TrainingFile(Strict):
    """The section ``training`` as written; None if the default depends on another key."""

    method: Literal["supervised"] = "supervised"
    labels: LabelsFile = ZigzagLabels()
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 100
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 32
    learning_rate: Positive = 0.001
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    weight_decay: NotNegative | None = None
    loss: Literal["cross_entropy", "focal", "huber", "mse"] | None = None
    focal_gamma: NotNegative = 2.0
    huber_delta: Positive = 0.01
    gradient_clip: Positive = 1.0
    lr_scheduler: Scheduler = None
    early_stopping: EarlyStopping | None = None
    class_weights: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    data_split: DataSplit = DataSplit()
    validation_split: Annotated[float, Field(gt=0, lt=1 - TEST_SHARE)] | None = None


class TrainingRules(Strict):
    """Rules of a training, defaults filled in; None means off, or a key of another loss."""

    labels: LabelRules
    epochs: int
    batch_size: int
    learning_rate: float
    optimizer: str
    weight_decay: float
    loss: str
    focal_gamma: float | None
    huber_delta: float | None
    gradient_clip: float
    lr_scheduler: ReduceOnPlateau | StepDecay | None
    early_stopping: EarlyStopping | None
    class_weights: bool
    seed: int | None
    data_split: DataSplit

    def canonical(self) -> dict[str, Any]:
        """Returns the section as a file has it, defaults written out, without the parts that are off."""
        section = self.model_dump(exclude={"labels"}, exclude_none=True)
        return section | {"labels": {"source": self.labels.source, **self.labels.params}}


@dataclass(frozen=True)
class Written:
    """The section as written in its two places: ``model.training`` (older) and ``training``, which wins."""

    older: Mapping[str, Any] | None
    newer: Mapping[str, Any] | None
    older_at: Place
    newer_at: Place

    def place(self, key: str) -> Place:
        """Returns the place that the value of a key comes from."""
        only_older = self.older is not None and key in self.older and key not in (self.newer or {})
        return self.older_at if only_older else self.newer_at


def resolve_training(written: Written, output_format: str) -> tuple[TrainingRules, tuple[str, ...]]:
    """Returns both places as one set of rules, and warnings; raises a ``ConfigError`` leaf."""
    if written.older is not None:
        validate(TrainingFile, written.older, written.older_at)
    if written.newer is not None:
        validate(TrainingFile, written.newer, written.newer_at)
    file = validate(TrainingFile, _merged(written.older or {}, written.newer or {}), written.newer_at)
    loss = _loss(file, output_format, written)
    labels = _labels(file, output_format, written)
    stopping = file.early_stopping
    default_decay = 1e-4 if output_format == "classification" else 0.0
    rules = TrainingRules(
        labels=labels,
        epochs=file.epochs,
        batch_size=file.batch_size,
        learning_rate=file.learning_rate,
        optimizer=file.optimizer,
        weight_decay=default_decay if file.weight_decay is None else file.weight_decay,
        loss=loss,
        focal_gamma=file.focal_gamma if loss == "focal" else None,
        huber_delta=file.huber_delta if loss == "huber" else None,
        gradient_clip=file.gradient_clip,
        lr_scheduler=file.lr_scheduler,
        early_stopping=stopping if stopping and stopping.enabled else None,
        class_weights=file.class_weights,
        seed=file.seed,
        data_split=_split(file, written),
    )
    return rules, _warnings(file)


def _merged(older: Mapping[str, Any], newer: Mapping[str, Any]) -> dict[str, Any]:
    """Returns ``newer`` over ``older``; the two ways to split replace each other."""
    splits = {"data_split", "validation_split"}
    kept = {key: value for key, value in older.items() if key not in splits or not splits & newer.keys()}
    return merge(kept, newer, _REPLACED_WHOLE)


def _loss(file: TrainingFile, output_format: str, written: Written) -> str:
    allowed = _LOSSES[output_format]
    loss = file.loss or allowed[0]
    if loss not in allowed:
        raise written.place("loss").error(
            ConfigRange, f"not a loss of {output_format}", ("loss",), found=loss, expected=", ".join(allowed)
        )
    _needs(file, "focal_gamma", loss == "focal", "loss: focal", written)
    _needs(file, "huber_delta", loss == "huber", "loss: huber", written)
    unweighted = output_format == "classification" or not file.class_weights
    _needs(file, "class_weights", unweighted, "output_format: classification", written)
    return loss


def _needs(file: TrainingFile, key: str, met: bool, condition: str, written: Written) -> None:
    if key in file.model_fields_set and not met:
        raise written.place(key).error(ConfigUnknownKey, f"has an effect only with {condition}", (key,))


def _labels(file: TrainingFile, output_format: str, written: Written) -> LabelRules:
    place = written.place("labels")
    labels = resolve_labels(file.labels, place.at("labels"))
    if labels.is_target != (output_format == "regression"):
        raise place.error(
            ConfigRange,
            f"labels do not fit output_format: {output_format}",
            ("labels", "source"),
            found=labels.source,
            expected="forward_return" if output_format == "regression" else "a source of classes",
        )
    return labels


def _split(file: TrainingFile, written: Written) -> DataSplit:
    share = file.validation_split
    if share is not None:
        if "data_split" in file.model_fields_set:
            place = written.place("validation_split")
            raise place.error(ConfigRange, "given beside data_split", ("validation_split",), expected="one of the two")
        return DataSplit(train=1 - TEST_SHARE - share, validation=share)
    split = file.data_split
    total = split.train + split.validation + split.test
    if abs(total - 1) > _SUM_TOLERANCE:
        place = written.place("data_split")
        raise place.error(ConfigRange, "shares do not sum to 1", ("data_split",), found=round(total, 12), expected=1)
    return split


def _warnings(file: TrainingFile) -> tuple[str, ...]:
    lookahead = isinstance(file.labels, ZigzagLabels) and file.labels.label_lookahead is not None
    return ("training.labels.label_lookahead has no effect",) if lookahead else ()
