"""The sampler of a study: Optuna asks for places in a grid, and hears what they gave."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from ktrdr._lazy import require
from ktrdr.analysis.sweep.result import better_of
from ktrdr.analysis.sweep.scenarios import Value
from ktrdr.analysis.sweep.study.parameters import Study

Cell = tuple[int, ...]
"""The place of a scenario's value among those of each parameter."""


class CellSampler:
    """Asks for cells of a grid, batch by batch: the same ones whenever it hears the same.

    Args:
        study: sampler, seed and metric.
        values: of each parameter by its dotted name.
    """

    def __init__(self, study: Study, values: Mapping[str, Sequence[Value]]) -> None:
        require("optuna")
        import optuna

        samplers = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}
        with _quiet():
            self._study = optuna.create_study(
                sampler=samplers[study.sampler](seed=study.seed),
                direction="maximize" if better_of(study.metric) == "higher" else "minimize",
            )
        self._space = {name: _distribution(given) for name, given in values.items()}
        self._asked: list[Any] = []

    def ask(self, count: int) -> list[Cell]:
        """Returns the next cells; some may be equal."""
        self._asked = [self._study.ask(self._space) for _ in range(count)]
        return [tuple(trial.params[name] for name in self._space) for trial in self._asked]

    def tell(self, values: Sequence[float | None]) -> None:
        """Takes the metric of each cell that was asked for; None, where it is undefined, counts as the worst."""
        from optuna.trial import TrialState

        for trial, value in zip(self._asked, values, strict=True):
            if value is None or not math.isfinite(value):
                self._study.tell(trial, state=TrialState.PRUNED)
            else:
                self._study.tell(trial, value)
        self._asked = []


def _distribution(values: Sequence[Value]) -> Any:
    """Returns a whole number for values in an order, so that neighbours are alike; else a choice."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    last = len(values) - 1
    return IntDistribution(0, last) if _in_order(values) else CategoricalDistribution(list(range(last + 1)))


def _in_order(values: Sequence[Value]) -> bool:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        return False
    return all(one < other for one, other in pairwise(numbers)) or all(one > other for one, other in pairwise(numbers))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Optuna from saying that it has made a study."""
    from optuna import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        logging.set_verbosity(before)
