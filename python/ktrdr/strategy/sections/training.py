"""The training section: its keys, bounds and defaults. Every accepted key has an effect or a warning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from ktrdr.config.faults import Faults, UnresolvedError
from ktrdr.config.fields import NotNegative, Positive, Share
from ktrdr.config.merge import merge
from ktrdr.config.notice import NO_EFFECT, Notice
from ktrdr.config.place import Place
from ktrdr.config.strict import Part, sound_keys, validate
from ktrdr.config.variants import Variants, keys_of_others
from ktrdr.errors import ConfigRange
from ktrdr.strategy.sections.labels import LABEL_SOURCES, LabelRules, LabelsFile, ZigzagLabels, resolve_labels

TEST_SHARE = 0.15
_SUM_TOLERANCE = 1e-9
_LOSSES = {"classification": ("cross_entropy", "focal"), "regression": ("huber", "mse")}
_CHOICES = {"labels": ("source", "zigzag"), "lr_scheduler": ("type", "reduce_on_plateau")}
"""Sections that are a choice: the key by which they choose, and the choice of a file that names none."""
_REPLACED_WHOLE = frozenset(_CHOICES)
_SPLITS = frozenset({"data_split", "validation_split"})


class ReduceOnPlateau(Part):
    """Multiplies the learning rate by ``factor`` after ``patience`` epochs without a better validation loss."""

    type: Literal["reduce_on_plateau"] = "reduce_on_plateau"
    factor: Share = 0.5
    patience: Annotated[int, Field(ge=0, le=10_000)] = 5


class StepDecay(Part):
    """Multiplies the learning rate by ``gamma`` every ``step_size`` epochs."""

    type: Literal["step"] = "step"
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.5
    step_size: Annotated[int, Field(ge=1, le=10_000)] = 10


def _scheduler_switch(value: object) -> Any:
    """Turns ``true`` into the default scheduler and ``false`` into none."""
    if isinstance(value, bool):
        return ReduceOnPlateau().model_dump() if value else None
    return value


_SCHEDULERS: Variants = {"reduce_on_plateau": ReduceOnPlateau, "step": StepDecay}

Scheduler = Annotated[
    Annotated[ReduceOnPlateau | StepDecay, Field(discriminator="type")] | None, BeforeValidator(_scheduler_switch)
]


class EarlyStopping(Part):
    """Stops after ``patience`` epochs whose validation loss is not lower by more than ``min_delta``."""

    enabled: bool = True
    patience: Annotated[int, Field(ge=1, le=10_000)] = 15
    min_delta: NotNegative = 0.0


class DataSplit(Part):
    """Shares of the training span, in time order; they sum to 1."""

    train: Share = 0.7
    validation: Share = 0.15
    test: Share = TEST_SHARE


class TrainingFile(Part):
    """The section ``training`` as written; None if the default depends on another key."""

    bare: ClassVar[Mapping[str, str]] = {"early_stopping": "{patience: #}"}

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


class TrainingRules(Part):
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


def resolve_training(written: Written, output_format: str | None) -> tuple[TrainingRules, tuple[Notice, ...]]:
    """Returns both places as one set of rules, and warnings; raises a ``ConfigError`` leaf.

    Without an ``output_format``, because it has a fault, the keys are checked and ``UnresolvedError`` is raised.
    """
    faults = Faults()
    older, older_notices = _own_keys(written.older, written.older_at)
    newer, newer_notices = _own_keys(written.newer, written.newer_at)
    for section, place in ((older, written.older_at), (newer, written.newer_at)):
        faults.attempt(validate, TrainingFile, section, place)
    merged = merge_training(older, newer)
    sound = sound_keys(TrainingFile, merged)
    file = validate(TrainingFile, sound, written.newer_at)
    broken = merged.keys() - sound.keys()
    split = None if broken & _SPLITS else faults.attempt(_split, file, written)
    if output_format is None:
        faults.raise_all()
        raise UnresolvedError("output_format")
    loss = None if "loss" in broken else faults.attempt(_loss, file, output_format, written)
    labels, label_notices = resolve_labels(file.labels, written.place("labels").at("labels"))
    if "labels" not in broken:
        faults.attempt(_check_labels, labels, output_format, written)
    faults.raise_all()
    assert loss is not None and split is not None
    rules = _rules(file, output_format, labels, loss, split)
    return rules, (
        *older_notices,
        *newer_notices,
        *label_notices,
        *_without_effect(file, rules, output_format, written),
    )


def _rules(file: TrainingFile, output_format: str, labels: LabelRules, loss: str, split: DataSplit) -> TrainingRules:
    classes = output_format == "classification"
    stopping = file.early_stopping
    default_decay = 1e-4 if classes else 0.0
    return TrainingRules(
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
        class_weights=file.class_weights and classes,
        seed=file.seed,
        data_split=split,
    )


def _own_keys(section: Mapping[str, Any] | None, place: Place) -> tuple[dict[str, Any], list[Notice]]:
    """Returns the section without keys of another label source or scheduler, and a warning for each of them."""
    kept = dict(section or {})
    notices = []
    for name, variants, by in (("labels", LABEL_SOURCES, "source"), ("lr_scheduler", _SCHEDULERS, "type")):
        part = kept.get(name)
        if isinstance(part, Mapping):
            others = keys_of_others(part, variants, by)
            kept[name] = {key: value for key, value in part.items() if key not in others}
            notices += [
                place.notice(NO_EFFECT, f"has an effect only with {needed}", (name, key))
                for key, needed in others.items()
            ]
    return kept, notices


def merge_training(older: Mapping[str, Any], newer: Mapping[str, Any]) -> dict[str, Any]:
    """Returns ``newer`` over ``older``, two sections as written; the two ways to split replace each other."""
    kept = {key: value for key, value in older.items() if key not in _SPLITS or not newer.keys() & _SPLITS}
    return merge(kept, newer, _REPLACED_WHOLE)


def override_training(section: Mapping[str, Any], rules: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a request's rules over a section as written.

    Labels or a scheduler of the same sort as the file's, or of none, change single keys; of another, they replace it.

    >>> override_training({"labels": {"zigzag_threshold": 0.02}}, {"labels": {"label_lookahead": 9}})
    {'labels': {'zigzag_threshold': 0.02, 'label_lookahead': 9}}
    """
    merged = merge_training(section, rules)
    for key, (by, default) in _CHOICES.items():
        old = section.get(key)
        new = rules.get(key)
        if isinstance(new, Mapping):
            before = {by: default} if old is None or old is True else old
            alike = isinstance(before, Mapping) and new.get(by, before.get(by)) == before.get(by)
            merged[key] = {**before, **new} if alike else new
    return merged


def _loss(file: TrainingFile, output_format: str, written: Written) -> str:
    allowed = _LOSSES[output_format]
    loss = file.loss or allowed[0]
    if loss not in allowed:
        raise written.place("loss").error(
            ConfigRange, f"not a loss of {output_format}", ("loss",), found=loss, expected=", ".join(allowed)
        )
    return loss


def _without_effect(file: TrainingFile, rules: TrainingRules, output_format: str, written: Written) -> Iterator[Notice]:
    """Yields a warning for each key of another loss or output format."""
    needed = {
        "focal_gamma": None if rules.loss == "focal" else "loss: focal",
        "huber_delta": None if rules.loss == "huber" else "loss: huber",
        "class_weights": "output_format: classification" if file.class_weights and not rules.class_weights else None,
    }
    for key, condition in needed.items():
        if condition is not None and key in file.model_fields_set:
            yield written.place(key).notice(NO_EFFECT, f"has an effect only with {condition}", (key,))


def _check_labels(labels: LabelRules, output_format: str, written: Written) -> None:
    if labels.is_target != (output_format == "regression"):
        raise written.place("labels").error(
            ConfigRange,
            f"labels do not fit output_format: {output_format}",
            ("labels", "source"),
            found=labels.source,
            expected="forward_return" if output_format == "regression" else "a source of classes",
        )


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
