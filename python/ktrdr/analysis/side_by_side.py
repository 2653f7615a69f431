"""Completed operations side by side: the inputs in which they differ, their metrics, and the best value of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ktrdr import _core
from ktrdr.errors import ArgumentInvalid
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Operation, Result
from ktrdr.operations.store.store import Store
from ktrdr.simulation.result import RunResult

LEAST: Final = 2
MOST: Final = 8
"""Operations that one comparison holds."""


@dataclass(frozen=True)
class SideBySide:
    """Completed operations of one kind; every sequence has one entry for each of them.

    Args:
        operations: in the order in which they were named.
        results: the result of each.
        titles: one line about each.
        differing: inputs that are not equal everywhere, by name.
        metrics: the values of every metric that can be ranked, by name; None where one is undefined or missing.
        undefined: the reasons why metrics of each are None.
    """

    operations: Sequence[Operation]
    results: Sequence[Result]
    titles: Sequence[str]
    differing: Mapping[str, list[Any]]
    metrics: Mapping[str, list[float | int | None]]
    undefined: Sequence[Mapping[str, str]]

    @property
    def has_equal_results(self) -> bool:
        """Returns True if all results are the same to the last bit."""
        return len({result.result_hash for result in self.results}) == 1

    @property
    def curves(self) -> list[RunResult] | None:
        """Returns the results as runs with ledgers; None where one of them is something else."""
        found: list[RunResult] = [result for result in self.results if isinstance(result, RunResult)]
        return found if len(found) == len(self.results) else None


def side_by_side(store: Store, operation_ids: Sequence[str]) -> SideBySide:
    """Returns two or more completed operations of one kind, compared.

    Raises:
        ArgumentInvalid: fewer than two operations, more than eight, or operations of several kinds.
        NotCompleted: one of them has no result yet.
    """
    if not LEAST <= len(operation_ids) <= MOST:
        raise ArgumentInvalid("compares two to eight runs", where="id", found=len(operation_ids))
    operations = [store.get(operation_id) for operation_id in operation_ids]
    if len(kinds := {operation.kind for operation in operations}) > 1:
        raise ArgumentInvalid("runs of several kinds", where="id", found=", ".join(sorted(kinds)))
    kind = kind_of(operations[0].kind)
    results = [kind.result(store, operation.id) for operation in operations]
    given = [kind.inputs(operation.spec, result) for operation, result in zip(operations, results, strict=True)]
    numbers = [_numbers(result.summary.get("metrics", kind.figures(result.summary))) for result in results]
    return SideBySide(
        operations,
        results,
        titles=[kind.headline(result.manifest) for result in results],
        differing=differences(given),
        metrics=_rows(numbers),
        undefined=[result.summary.get("undefined", {}) for result in results],
    )


def differences(given: Sequence[Mapping[str, object]]) -> dict[str, list[Any]]:
    """Returns the inputs that are not equal everywhere, by name, with the value of each run; None where it has none.

    >>> differences([{"threads": 2, "symbol": "A"}, {"threads": 2, "symbol": "B"}])
    {'symbol': ['A', 'B']}
    """
    rows = _rows(given)
    return {name: row for name, row in rows.items() if any(_text(value) != _text(row[0]) for value in row)}


def best_of(name: str, values: Sequence[float | None]) -> list[int]:
    """Returns the positions of the best values of a metric; none where it only describes, or where all are equal.

    >>> best_of("sharpe", [0.5, None, 1.0]), best_of("max_drawdown", [0.1, 0.2]), best_of("exposure", [0.1, 0.2])
    ([2], [0], [])
    """
    better = _core.METRICS[name]["better"] if name in _core.METRICS else "none"
    known = [value for value in values if value is not None]
    if better == "none" or len(set(known)) < LEAST:
        return []
    best = max(known) if better == "higher" else min(known)
    return [index for index, value in enumerate(values) if value == best]


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float | int | None]:
    """Returns the metrics that can be ranked; a training's count of rows by split is none."""
    return {name: value for name, value in metrics.items() if not isinstance(value, Mapping)}


def _rows(columns: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for column in columns for name in column)
    return {name: [column.get(name) for column in columns] for name in names}


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)
