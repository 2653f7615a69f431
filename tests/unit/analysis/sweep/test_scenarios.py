"""Scenarios of a grid and of a list, and the rules that the core is given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest

from ktrdr.analysis.sweep.scenarios import Scenarios, nested
from ktrdr.errors import ArgumentInvalid, ConfigUnknownKey
from ktrdr.simulation.inputs import rules_to_json

THRESHOLD = "decisions.confidence_threshold"
RATE = "execution.commission.rate"


def rules_of(changes: Mapping[str, Any]) -> Mapping[str, Any]:
    return dict(json.loads(rules_to_json(changes.get("execution"), changes.get("decisions"), None)))


def laid_over(scenarios: Scenarios, row: int) -> Any:
    """The rules that the core makes of a scenario."""
    compiled = scenarios.compiled(rules_of)
    rules = json.loads(compiled.rules)
    for values, place in zip(json.loads(compiled.changes), compiled.choices[row], strict=True):
        for pointer, value in values[place].items():
            *path, last = pointer.strip("/").split("/")
            inner = rules
            for key in path:
                inner = inner[key]
            inner[last] = value
    return rules


def test_the_last_parameter_of_a_grid_changes_fastest() -> None:
    found = Scenarios.of(grid={THRESHOLD: [0.5, 0.6], RATE: np.array([0.0, 0.001, 0.002])})
    assert [found.at(row)[RATE] for row in range(4)] == [0.0, 0.001, 0.002, 0.0]
    assert found.frame(2, 4).rows() == [(0.5, 0.002), (0.6, 0.0)]


@pytest.mark.parametrize(
    "grid",
    [
        {THRESHOLD: [0.5, 0.6], RATE: [0.0, 0.001]},
        {"execution.sizing.kind": ["cash_fraction", "equity_fraction"], "execution.sizing.fraction": [0.5, 1.0]},
        {"execution.exits.stop_loss.rate": [0.01, 0.02], "execution.exits.take_profit": [None, {"atr": 2}]},
        {"execution.slippage.ticks": [1, 2], "execution.instrument.tick_size": [0.25, 0.5], RATE: [0.0, 0.1]},
        {"execution.commission": [{"rate": 0.0, "minimum": 1.0}, {"per_fill": 2.0}], THRESHOLD: [0.0]},
    ],
)
def test_a_scenario_has_the_rules_that_its_values_make(grid: Mapping[str, Any]) -> None:
    scenarios = Scenarios.of(grid=grid)
    for row in range(len(scenarios)):
        assert laid_over(scenarios, row) == rules_of(nested(scenarios.at(row)))


def test_a_list_is_what_its_grid_is() -> None:
    grid = Scenarios.of(grid={THRESHOLD: [0.5, 0.6], RATE: [0.0, 0.001]})
    listed = Scenarios.of(scenarios=[grid.at(row) for row in range(len(grid))])
    assert listed.values == grid.values
    assert np.array_equal(listed.places, grid.places)


def test_values_of_several_types_are_shown_as_text() -> None:
    frame = Scenarios.of(grid={"execution.sizing": [{"kind": "fixed_quantity", "quantity": 1}]}).frame(0, 1)
    assert frame.rows() == [('{"kind": "fixed_quantity", "quantity": 1}',)]


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        ([1, 2], pl.Int64),
        ([None, 2], pl.Int64),
        (np.array([1, 2], np.int32), pl.Int64),
        ([np.int64(1), 2], pl.Int64),
        ([1, 2.5], pl.Float64),
        ([1, 2**63], pl.Float64),
        ([None], pl.Float64),
        ([True, False], pl.Boolean),
        ([True, 2], pl.String),
    ],
)
def test_a_column_has_the_type_of_its_values(given: Any, dtype: pl.DataType) -> None:
    grid = Scenarios.of(grid={RATE: given})
    listed = Scenarios.of(scenarios=[{RATE: value} for value in given])
    for found in (grid, listed):
        assert found.frame(0, 1).schema[RATE] == dtype
        assert json.loads(json.dumps(found.to_spec()))["values"] == {RATE: list(given)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([{}, {RATE: 0.1}], "scenarios: scenario 0: sets no rule: expected one or more rules by dotted name"),
        ([{RATE: 0.1}, {}], "scenarios: scenario 1: sets no rule: expected one or more rules by dotted name"),
        ([{RATE: 0.1}, 5], "scenarios: scenario 1: no mapping: found 5, expected rules by dotted name"),
    ],
)
def test_the_scenario_that_sets_no_rule_is_named(given: Any, message: str) -> None:
    with pytest.raises(ArgumentInvalid) as caught:
        Scenarios.of(scenarios=given)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({}, "grid, scenarios"),
        ({"grid": {RATE: [0.0]}, "scenarios": [{RATE: 0.0}]}, "grid, scenarios"),
        ({"grid": {}}, "grid"),
        ({"grid": [{RATE: 0.0}]}, "grid"),
        ({"grid": {RATE: []}}, RATE),
        ({"grid": {RATE: 0.001}}, RATE),
        ({"grid": {RATE: [0.001, 0.001]}}, RATE),
        ({"grid": {RATE: [0, 0.0]}}, RATE),
        ({"grid": {RATE: [10**400]}}, RATE),
        ({"grid": {RATE: [float("nan")]}}, RATE),
        ({"grid": {RATE: [object()]}}, RATE),
        ({"grid": {"metrics.risk_free_rate": [0.0]}}, "parameter"),
        ({"grid": {"execution": [{}]}}, "parameter"),
        ({"grid": {"execution.commission": [{}], RATE: [0.0]}}, "execution.commission"),
        ({"grid": {f"execution.exits.{name}": range(1, 5_000) for name in ("atr_period", "max_holding_bars")}}, "grid"),
        ({"scenarios": []}, "scenarios"),
        ({"scenarios": [{RATE: 0.0}, {RATE: 0.1}, {RATE: 0}]}, "scenarios: scenario 2"),
        ({"scenarios": [{RATE: 0.0}, {THRESHOLD: 0.5}]}, "scenarios: scenario 1"),
    ],
)
def test_what_cannot_be_swept_is_named(given: Mapping[str, Any], where: str) -> None:
    with pytest.raises(ArgumentInvalid) as caught:
        Scenarios.of(**given)
    assert caught.value.where == where


def test_a_rule_without_its_section_gets_a_hint() -> None:
    with pytest.raises(ArgumentInvalid, match=r"did you mean execution\.commission\.rate\?"):
        Scenarios.of(grid={"commission.rate": [0.0]})
    with pytest.raises(ArgumentInvalid, match=r"expected execution.RULE or decisions.RULE$"):
        Scenarios.of(grid={"training.epochs": [1, 2]})


def test_a_rule_that_there_is_not_has_its_nearest_name() -> None:
    with pytest.raises(ConfigUnknownKey, match="confidence_threshold"):
        Scenarios.of(grid={"decisions.confidence_treshold": [0.5]}).compiled(rules_of)
