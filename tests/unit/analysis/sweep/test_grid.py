"""Axes, cells and neighbours of a sweep: order of values, the best of a cell, one step in one rule."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from ktrdr.analysis.sweep.grid import Axis, axes_of, best_rows, neighbours, parameter_text
from ktrdr.analysis.sweep.scenarios import Scenarios


def test_numbers_ascend_and_words_keep_their_order() -> None:
    assert Axis.of(pl.Series("x", [0.2, 0.1, None, 0.2])).values == [None, 0.1, 0.2]
    fills = Axis.of(pl.Series("execution.fill", ["this_close", "next_open", "this_close"]))
    assert (list(fills.values), fills.places.tolist()) == (["this_close", "next_open"], [0, 1, 0])
    assert not fills.is_of_numbers
    assert Axis.of(pl.Series("x", [5, None, 1])).is_of_numbers
    assert not Axis.of(pl.Series("x", [True, False])).is_of_numbers


@pytest.mark.parametrize(("name", "best"), [("sharpe", [[3, -1], [1, 2]]), ("max_drawdown", [[0, -1], [1, 2]])])
def test_a_cell_has_its_best_scenario(name: str, best: list[list[int]]) -> None:
    """Of equals the first; NaN never; a drawdown is better when lower."""
    down = Axis.of(pl.Series("a", [0.0, 1.0, 1.0, 0.0, 1.0]))
    across = Axis.of(pl.Series("b", [0.0, 0.0, 1.0, 0.0, 1.0]))
    found = best_rows(pl.Series(name, [0.1, 0.5, 0.3, 0.7, 0.3]), down, across)
    assert found.tolist() == best
    none = best_rows(pl.Series(name, [None, 0.5, 0.3, None, None]), down, across)
    assert none.tolist() == [[-1, -1], [1, 2]]


def test_cells_are_those_of_the_heat_map() -> None:
    """The other way to the same table: polars groups and pivots."""
    random = np.random.default_rng(3)
    tried = Scenarios.of({"execution.a": [3, 1, 2], "execution.b": [0.1, 0.2], "execution.c": [1, 2]}, None)
    table = tried.frame(0, len(tried)).with_columns(sharpe=random.normal(size=len(tried)))
    first, second, _ = axes_of(table, tuple(tried.values))
    wide = table.group_by("execution.a", "execution.b").agg(pl.col("sharpe").max()).sort("execution.a", "execution.b")
    rows = best_rows(table["sharpe"], first, second)
    assert table["sharpe"].gather(rows.reshape(-1).tolist()).to_list() == wide["sharpe"].to_list()


def test_neighbours_are_one_step_away_in_one_rule() -> None:
    tried = Scenarios.of({"execution.a": [1, 2, 3], "execution.b": [10, 20], "execution.c": [1]}, None)
    axes = axes_of(tried.frame(0, len(tried)), tuple(tried.values))
    middle = next(row for row in range(len(tried)) if tried.at(row) == dict.fromkeys(tried.values, 1) | {
        "execution.a": 2, "execution.b": 10})  # fmt: skip
    found = neighbours(axes, middle)
    assert [(one.rule, one.value) for one in found] == [
        ("execution.a", 1.0), ("execution.a", 3.0), ("execution.b", 20.0),
    ]  # fmt: skip
    for one in found:
        differing = [name for name in tried.values if tried.at(one.row)[name] != tried.at(middle)[name]]
        assert differing == [one.rule]


def test_a_list_of_scenarios_has_the_neighbours_that_were_tried() -> None:
    """A step passes over values that were tried only with other values of the other rules."""
    rows = [
        {"execution.a": 1, "execution.b": 1},
        {"execution.a": 2, "execution.b": 2},
        {"execution.a": 3, "execution.b": 1},
    ]
    tried = Scenarios.of(None, rows)
    axes = axes_of(tried.frame(0, 3), tuple(tried.values))
    assert [(one.rule, one.row) for one in neighbours(axes, 0)] == [("execution.a", 2)]
    assert neighbours(axes, 1) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5e-05, "0.00005"),
        (None, "none"),
        (True, "True"),
        ('{"atr": 2}', "atr 2"),
        ('"close"', "close"),
        ("a {b", "a {b"),
    ],
)
def test_values_are_words(value: object, text: str) -> None:
    assert parameter_text(value) == text
