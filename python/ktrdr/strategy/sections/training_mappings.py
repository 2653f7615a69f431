"""Training rules as plain mappings, for type checkers and editors; `training.py` checks the values.

A test compares every mapping with its model, key by key. A rule that is left out is the strategy's.
"""

from __future__ import annotations

from typing import Literal, TypedDict


class ZigzagLabelsMapping(TypedDict, total=False):
    """Keys of `ZigzagLabels`: legs between confirmed pivots."""

    source: Literal["zigzag"]
    zigzag_threshold: float
    label_lookahead: int | None


class ForwardReturnLabelsMapping(TypedDict, total=False):
    """Keys of `ForwardReturnLabels`: the return over the next bars."""

    source: Literal["forward_return"]
    horizon: int


class TripleBarrierLabelsMapping(TypedDict, total=False):
    """Keys of `TripleBarrierLabels`: the first of two mirrored trades to reach its target."""

    source: Literal["triple_barrier"]
    profit_target_atr: float
    stop_loss_atr: float
    max_holding_bars: int
    atr_period: int
    vol_method: Literal["atr", "close"]
    vol_span: int
    compute_weights: bool


LabelsMapping = ZigzagLabelsMapping | ForwardReturnLabelsMapping | TripleBarrierLabelsMapping


class ReduceOnPlateauMapping(TypedDict, total=False):
    """Keys of `ReduceOnPlateau`: a lower learning rate after epochs without a better loss."""

    type: Literal["reduce_on_plateau"]
    factor: float
    patience: int


class StepDecayMapping(TypedDict, total=False):
    """Keys of `StepDecay`: a lower learning rate every few epochs."""

    type: Literal["step"]
    gamma: float
    step_size: int


class EarlyStoppingMapping(TypedDict, total=False):
    """Keys of `EarlyStopping`: epochs without a better loss."""

    enabled: bool
    patience: int
    min_delta: float


class DataSplitMapping(TypedDict, total=False):
    """Keys of `DataSplit`: shares that sum to 1."""

    train: float
    validation: float
    test: float


class TrainingMapping(TypedDict, total=False):
    """Keys of `TrainingFile`: the rules of a training."""

    method: Literal["supervised"]
    labels: LabelsMapping
    epochs: int
    batch_size: int
    learning_rate: float
    optimizer: Literal["adam", "adamw", "sgd"]
    weight_decay: float | None
    loss: Literal["cross_entropy", "focal", "huber", "mse"] | None
    focal_gamma: float
    huber_delta: float
    gradient_clip: float
    lr_scheduler: ReduceOnPlateauMapping | StepDecayMapping | bool | None
    early_stopping: EarlyStoppingMapping | None
    class_weights: bool
    seed: int | None
    data_split: DataSplitMapping
    validation_split: float | None
