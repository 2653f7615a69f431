"""The grid of a study: as large as it likes, since its scenarios are never listed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any, Final

import numpy as np

from ktrdr.analysis.sweep.scenarios import Choices, Compiled, Grid, RulesOf, Scenarios, Value, rule_of, values_of
from ktrdr.analysis.sweep.study.sampler import Cell
from ktrdr.errors import ArgumentInvalid

MOST_VALUES: Final = 100_000
"""Values of one rule, or combinations of its parts: each is made and checked before the first trial."""


@dataclass(frozen=True, eq=False)
class Space:
    """The values of each parameter of a study, by dotted name.

    >>> space = Space.of({"execution.commission.rate": [0, 0.001], "execution.slippage.rate": [0, 0.001]})
    >>> space.scenarios([(1, 0)]).at(0)
    {'execution.commission.rate': 0.001, 'execution.slippage.rate': 0}
    """

    values: Mapping[str, Sequence[Value]]

    @classmethod
    def of(cls, grid: Grid | None) -> Space:
        """Returns the space of a grid; raises ``ArgumentInvalid`` as a sweep of all of it does, whatever its size."""
        if not grid:
            raise ArgumentInvalid("a study needs a grid with the values of its parameters", where="grid")
        space = cls(values_of(grid))
        for rule, shape in space._shapes.items():
            if math.prod(shape) > MOST_VALUES:
                expected = f"at most {MOST_VALUES:,} combinations of its values"
                raise ArgumentInvalid("too many", where=rule, found=math.prod(shape), expected=expected)
        return space

    @cached_property
    def _columns(self) -> dict[str, list[int]]:
        """Returns the columns of the parameters that change each rule."""
        found: dict[str, list[int]] = {}
        for column, name in enumerate(self.values):
            found.setdefault(rule_of(name), []).append(column)
        return found

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        sizes = [len(given) for given in self.values.values()]
        return {rule: tuple(sizes[column] for column in columns) for rule, columns in self._columns.items()}

    def to_spec(self) -> dict[str, Any]:
        """Returns the values as a JSON object."""
        return {"values": {name: list(given) for name, given in self.values.items()}}

    def scenarios(self, cells: Sequence[Cell]) -> Scenarios:
        """Returns the scenarios of these cells."""
        return Scenarios(self.values, np.array(cells, np.int32).reshape(-1, len(self.values)))

    def compiled(self, rules_of: RulesOf) -> Compiled:
        """Returns the rules as the core takes them, each with all its values and without a scenario: see `choices`."""
        cells = []
        for rule, shape in self._shapes.items():
            for places in product(*(range(size) for size in shape)):
                cell = [0] * len(self.values)
                for column, place in zip(self._columns[rule], places, strict=True):
                    cell[column] = place
                cells.append(tuple(cell))
        return replace(self.scenarios(cells).compiled(rules_of), choices=self.choices([]))

    def choices(self, cells: Sequence[Cell]) -> Choices:
        """Returns for each cell the place of its value in those of each rule, as `compiled` has them."""
        places = self.scenarios(cells).places
        found = [
            np.ravel_multi_index(tuple(places[:, self._columns[rule]].T), shape) for rule, shape in self._shapes.items()
        ]
        return np.stack(found, axis=1).astype(np.int32)
