"""The report of ``ktrdr validate``: features, model size, speed and warm-up of a strategy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ktrdr.config.notice import Notice
from ktrdr.profile import BLOCK_ROWS
from ktrdr.strategy.history import Need, needs
from ktrdr.strategy.schema import Strategy
from ktrdr.strategy.sections.model import BYTES_PER_WEIGHT
from ktrdr.time import Timeframe

SLOW_BLOCK_SECONDS = 5.0
_FLOPS_PER_SECOND = 2e11
_SECONDS_PER_LAYER_STEP = 1e-4
"""Measured on two cores of a server: a matrix product's rate, and the cost of one step of one recurrent layer."""


@dataclass(frozen=True)
class Summary:
    """The report; ``notices`` are those of the strategy, and one for a slow net."""

    name: str
    features: tuple[str, ...]
    parameters: int
    model_file_bytes: int
    block_seconds: float
    needs: Mapping[Timeframe, Need]
    notices: tuple[Notice, ...]


def summarize(strategy: Strategy) -> Summary:
    """Returns the report on a loaded strategy.

    >>> from ktrdr.strategy.loader import load_strategy
    >>> summarize(load_strategy("v3_minimal")).parameters
    115
    """
    parameters = strategy.parameter_count()
    seconds = _block_seconds(strategy, parameters)
    what = f"makes one inference block take about {seconds:.0f} s, and a run stops only between blocks"
    slow = (Notice("config_slow_net", what, "model.architecture"),)
    return Summary(
        name=strategy.name,
        features=strategy.feature_names,
        parameters=parameters,
        model_file_bytes=parameters * BYTES_PER_WEIGHT,
        block_seconds=seconds,
        needs=needs(strategy),
        notices=strategy.notices + (slow if seconds > SLOW_BLOCK_SECONDS else ()),
    )


def _block_seconds(strategy: Strategy, parameters: int) -> float:
    """Estimates the seconds of a block: every weight is used once for each row and step, two operations each."""
    model = strategy.model
    steps = model.sequence_length
    products = 2 * parameters * BLOCK_ROWS[model.type] * steps / _FLOPS_PER_SECOND
    return products + steps * (model.num_layers or 0) * _SECONDS_PER_LAYER_STEP
