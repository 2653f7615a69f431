"""A heat map as a table: a row for each value of one rule, a column for each of another, shaded by a metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ktrdr import _core
from ktrdr.analysis.sweep.grid import Axis, best_rows, parameter_text
from ktrdr.simulation.metrics import label, value_text
from ktrdr.strategy.rule_reference import rules

METRICS: Final = ("sharpe", "total_return", "max_drawdown")
_SHADES: Final = 5
_MOST_VALUES: Final = 60
"""Values of an axis; of more, neighbours share a row or a column."""
_MOST_CELLS: Final = 12_000
"""Cells of all maps of a page together; the first map is always there."""
_ROOMY: Final = 24
"""Columns up to which each cell has its value as text."""
_DIGITS: Final = 3
_FEWEST_DIGITS: Final = 4
_MOST_DIGITS: Final = 17


@dataclass(frozen=True)
class Shades:
    """Colours of a metric's values: blue above 0 and orange below it, darker further away, each side in five steps.

    Where all values lie on one side of 0 the steps reach from the least to the greatest. Of a metric that is better
    when lower, such as a drawdown, greater values are a darker orange.
    """

    low: float
    high: float
    is_lower_better: bool = False

    def kind(self, value: float) -> str:
        """Returns the class of a value: ``p1`` to ``p5``, ``n1`` to ``n5``, or ``zero``.

        >>> [Shades(-1.0, 2.0).kind(value) for value in (2.0, 0.1, 0.0, -1.0)]
        ['p5', 'p1', 'zero', 'n3']
        >>> [Shades(2.0, 4.0).kind(value) for value in (2.0, 4.0)], Shades(0.0, 0.4, True).kind(0.4)
        (['p1', 'p5'], 'n5')
        """
        if value == 0:
            return "zero"
        side = "n" if self.is_lower_better or value < 0 else "p"
        if self.low < 0 < self.high:
            share = abs(value) / max(-self.low, self.high)
        else:
            near, far = sorted((abs(self.low), abs(self.high)))
            share = (abs(value) - near) / (far - near) if far > near else 1.0
        return f"{side}{min(_SHADES, max(1, int(np.ceil(share * _SHADES))))}"

    def legend(self, metric: str) -> Iterator[tuple[str, str]]:
        """Yields class and words of swatches, from the least to the greatest value."""
        zero = {0.0} if self.low < 0 < self.high else set()
        values = sorted({*np.linspace(self.low, self.high, 2 * _SHADES + 1).tolist(), self.low, self.high, *zero})
        kinds: dict[str, float] = {}
        for value in values:
            kinds.setdefault(self.kind(value), value)
        for kind, value in kinds.items():
            ends = value in (values[0], values[-1]) or kind == "zero"
            yield kind, value_text(metric, value, digits=_DIGITS) if ends else ""
        if values[-1] not in kinds.values():
            yield "", value_text(metric, values[-1], digits=_DIGITS)


@dataclass(frozen=True)
class HeatCell:
    """A cell: its text, its class, and all that is known of it for whoever points at it."""

    text: str
    kind: str
    hover: str


@dataclass(frozen=True)
class HeatMap:
    """The best value of a metric for each pair of values of two rules.

    Args:
        metric: label of the metric.
        axes: words of the pair of rules, by which a reader chooses.
        down, across: rules with their units.
        columns: words of the values across.
        rows: words of each value down, and its cells.
        legend: class and words of the swatches.
    """

    metric: str
    axes: str
    down: str
    across: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[HeatCell]]]
    legend: Sequence[tuple[str, str]]

    @property
    def is_dense(self) -> bool:
        """Returns True for cells that are too small for text."""
        return len(self.columns) > _ROOMY


def heat_maps(table: pl.DataFrame, axes: Sequence[Axis]) -> list[HeatMap]:
    """Returns the maps of every pair of rules by every metric; those beyond 12,000 cells are left out.

    A map needs two rules with two values or more.

    Args:
        table: of a sweep.
        axes: of its rules.
    """
    found: list[HeatMap] = []
    cells = 0
    long = [_shortened(axis) for axis in axes if len(axis.values) > 1]
    for (down, down_words), (across, across_words) in combinations(long, 2):
        for metric in METRICS:
            cells += len(down_words) * len(across_words)
            if table[metric].count() and (not found or cells <= _MOST_CELLS):
                found.append(_heat_map(table, metric, (down, down_words), (across, across_words)))
    return found


def with_unit(rule: str) -> str:
    """Returns a rule with the unit of its values.

    >>> with_unit("execution.commission.rate"), with_unit("execution.fill")
    ('execution.commission.rate (rate)', 'execution.fill')
    """
    unit = _units().get(rule)
    return f"{rule} ({unit})" if unit else rule


@cache
def _units() -> Mapping[str, str]:
    return {one.key: one.unit for one in rules()}


def _heat_map(
    table: pl.DataFrame, metric: str, first: tuple[Axis, Sequence[str]], second: tuple[Axis, Sequence[str]]
) -> HeatMap:
    down, down_words = first
    across, across_words = second
    best = best_rows(table[metric], down, across)
    values = table[metric].cast(pl.Float64).to_list()
    known = [values[row] for row in best[best >= 0]]
    shades = Shades(min(known), max(known), _core.METRICS[metric]["better"] == "lower")
    top = best_rows(table[metric], _one(down), _one(across)).item()
    counts = np.zeros(best.shape, np.int64)
    np.add.at(counts, (down.places, across.places), 1)
    rows = []
    for place, words in enumerate(down_words):
        cells = [
            _cell(metric, values, shades, row, count, row == top)
            for row, count in zip(best[place].tolist(), counts[place].tolist(), strict=True)
        ]
        rows.append((words, cells))
    axes = f"{down.name} by {across.name}"
    legend = tuple(shades.legend(metric))
    return HeatMap(label(metric), axes, with_unit(down.name), with_unit(across.name), across_words, rows, legend)


def _cell(metric: str, values: Sequence[Any], shades: Shades, row: int, count: int, is_best: bool) -> HeatCell:
    if row < 0:
        tried = f"no {label(metric)} in {count} scenario{'' if count == 1 else 's'}"
        return HeatCell("-", "none", tried) if count else HeatCell("", "none", "not tried")
    text = value_text(metric, values[row], digits=_DIGITS)
    more = f", the best of {count} scenarios" if count > 1 else ""
    hover = f"{text}, scenario {row}{more}"
    return HeatCell(text, f"{shades.kind(values[row])}{' best' if is_best else ''}", hover)


def _one(axis: Axis) -> Axis:
    return Axis(axis.name, axis.values[:1], np.zeros(len(axis.places), np.int64))


def _shortened(axis: Axis) -> tuple[Axis, Sequence[str]]:
    """Returns an axis with the words of its values; of too many values, neighbours are put together."""
    texts = [parameter_text(value) for value in _rounded(axis)]
    size = -(-len(texts) // _MOST_VALUES)
    if size == 1:
        return axis, texts
    places: NDArray[np.int64] = axis.places // size
    groups = [texts[first : first + size] for first in range(0, len(texts), size)]
    words = [group[0] if len(group) == 1 else f"{group[0]} to {group[-1]}" for group in groups]
    return Axis(axis.name, words, places), words


def _rounded(axis: Axis) -> Sequence[Any]:
    """Returns numbers with as few digits as tell them apart, four at least: 0.8525641 is 0.8526 on an axis."""
    if not axis.is_of_numbers:
        return axis.values
    for digits in range(_FEWEST_DIGITS, _MOST_DIGITS):
        found = [None if value is None else float(f"{value:.{digits}g}") for value in axis.values]
        if len(set(found)) == len(axis.values):
            return found
    return axis.values
