"""Scenarios as points of a grid: the values of each rule in order, the best scenario of a cell, neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ktrdr import _core
from ktrdr._types import Floats
from ktrdr.analysis.sweep.scenarios import value_of
from ktrdr.text import rule_text


@dataclass(frozen=True, eq=False)
class Axis:
    """A swept rule with its values in order: numbers ascending, off before them, others as they first appear.

    Args:
        name: dotted name of the rule.
        values: those of the sweep, each once.
        places: for each scenario the place of its value among them [n_scenarios, int64].
    """

    name: str
    values: Sequence[Any]
    places: NDArray[np.int64]

    @classmethod
    def of(cls, column: pl.Series) -> Axis:
        """Returns the axis of a column of a sweep's table.

        >>> Axis.of(pl.Series("x", [0.2, None, 0.1, 0.2])).values
        [None, 0.1, 0.2]
        """
        values = column.unique(maintain_order=True).to_list()
        if column.dtype.is_numeric():
            values.sort(key=lambda value: (value is not None, value or 0.0))
        place_of = {value: place for place, value in enumerate(values)}
        return cls(column.name, values, np.array([place_of[value] for value in column.to_list()], np.int64))

    @property
    def is_of_numbers(self) -> bool:
        """Returns True for an axis whose values are numbers, or off."""
        return all(value is None or type(value) in (int, float) for value in self.values)


@dataclass(frozen=True)
class Neighbour:
    """A scenario one step away from another one in one rule.

    Args:
        rule: dotted name of the rule in which it differs.
        value: of that rule.
        row: its row in the sweep's table.
    """

    rule: str
    value: Any
    row: int


def axes_of(table: pl.DataFrame, parameters: Sequence[str]) -> list[Axis]:
    """Returns the axis of each parameter."""
    return [Axis.of(table[name]) for name in parameters]


def best_rows(metric: pl.Series, down: Axis, across: Axis) -> NDArray[np.int64]:
    """Returns the row of the best scenario of each pair of values, the first of equals; -1 where none has a value.

    Args:
        metric: a metric with a better direction, a value for each scenario.
        down, across: axes of the same scenarios.

    Shape [n_down, n_across, int64].

    >>> rows = [Axis.of(pl.Series(name, values)) for name, values in (("a", [0.0, 0.0, 1.0]), ("b", [0.0, 0.0, 5.0]))]
    >>> best_rows(pl.Series("sharpe", [0.5, 0.7, None]), *rows).tolist()
    [[1, -1], [-1, -1]]
    """
    values = signed(metric)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(-values[known], kind="stable")]
    cells = down.places * len(across.values) + across.places
    found = np.full(len(down.values) * len(across.values), -1, np.int64)
    taken, firsts = np.unique(cells[order], return_index=True)
    found[taken] = order[firsts]
    return found.reshape(len(down.values), len(across.values))


def signed(metric: pl.Series) -> Floats:
    """Returns the values of a metric, higher is better; NaN where undefined [n_scenarios, float64]."""
    values = metric.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return -values if _core.METRICS[metric.name]["better"] == "lower" else values


def neighbours(axes: Sequence[Axis], row: int) -> list[Neighbour]:
    """Returns the scenarios next to one in a single rule, below it and above it, all other rules being equal.

    >>> grid = [("a", [0.0, 0.0, 1.0, 1.0]), ("b", [0.1, 0.2, 0.1, 0.2])]
    >>> [(one.rule, one.value, one.row) for one in neighbours([Axis.of(pl.Series(*each)) for each in grid], 3)]
    [('a', 0.0, 1), ('b', 0.1, 2)]
    """
    places = np.array([axis.places for axis in axes])
    differs = places != places[:, [row]]
    found = []
    for number, axis in enumerate(axes):
        alike = np.flatnonzero(~np.delete(differs, number, axis=0).any(axis=0))
        steps = axis.places[alike] - axis.places[row]
        for side in (steps < 0, steps > 0):
            if side.any():
                nearest = alike[side][np.abs(steps[side]).argmin()]
                found.append(Neighbour(axis.name, axis.values[axis.places[nearest]], int(nearest)))
    return found


def parameter_text(value: object) -> str:
    """Returns a value of a table's parameter as words; the table holds a mapping as JSON text.

    >>> parameter_text(5e-05), parameter_text('{"rate": 0.01}'), parameter_text("next_open"), parameter_text("null")
    ('0.00005', 'rate 0.01', 'next_open', 'none')
    """
    return rule_text(value_of(value))
