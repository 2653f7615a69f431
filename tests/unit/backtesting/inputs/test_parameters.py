"""The parameters of a backtest have one home: every door has its names, defaults and descriptions."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import pytest

import ktrdr
from ktrdr import operations
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.backtesting.inputs.parameters import OTHER_NAMES, BacktestOptions, BacktestParameters, StartParameters
from ktrdr.cli.commands.backtest import run
from ktrdr.cli.runs import options
from ktrdr.cli.runs.options import RunOptions
from ktrdr.worker.schemas import StartBody

PARAMETERS = StartParameters.model_fields
PYTHON_DOORS: Mapping[str, tuple[Callable[..., Any], set[str]]] = {
    "ktrdr.backtest": (ktrdr.backtest, {"strategy", "bars", "data_dir", "bridge", "cancellation_token"}),
    "ktrdr.operations.run": (
        operations.run,
        {"strategy", "data_dir", "bridge", "cancellation_token", "store", "every_bars", "note"},
    ),
    "BacktestConfig.of": (BacktestConfig.of, {"strategy", "bars", "data_dir"}),
}
SHORT_NAMES = {"commission", "slippage"}
"""Short names of rules, for doors without mappings."""


def described(docstring: str) -> dict[str, str]:
    """Returns the descriptions of a docstring's Args section, by name."""
    section = docstring.partition("Args:\n")[2].partition("\n\n")[0]
    return dict(re.findall(r"^\s*(\w+): (.*)\.$", section, flags=re.MULTILINE))


def sentence(name: str) -> str:
    """Returns a parameter's description as help shows it."""
    text = str(PARAMETERS[name].description)
    return text[:1].upper() + text[1:] + "."


@pytest.mark.parametrize("door", PYTHON_DOORS)
def test_python_has_the_names_and_defaults(door: str) -> None:
    function, own = PYTHON_DOORS[door]
    parameters = inspect.signature(function).parameters
    assert set(parameters) - own == set(PARAMETERS) - SHORT_NAMES
    for name in set(parameters) - own:
        field = PARAMETERS[name]
        default = inspect.Parameter.empty if field.is_required() else field.default
        assert parameters[name].default == default, name


@pytest.mark.parametrize("door", ["ktrdr.backtest"])
def test_python_has_the_descriptions(door: str) -> None:
    function, own = PYTHON_DOORS[door]
    shown = described(inspect.getdoc(function) or "")
    assert {name: text for name, text in shown.items() if name not in own} == {
        name: field.description for name, field in PARAMETERS.items() if name not in SHORT_NAMES
    }


def test_the_keywords_for_type_checkers_are_the_optional_parameters() -> None:
    optional = {name for name, field in BacktestParameters.model_fields.items() if not field.is_required()}
    assert set(typing.get_type_hints(BacktestOptions)) == optional


def test_http_derives_from_the_model() -> None:
    schema = StartBody.model_json_schema()["properties"]
    names = OTHER_NAMES["HTTP"]
    assert schema["threads"]["default"] is None, "the worker's slots decide"
    for name, field in PARAMETERS.items():
        if name == "threads":
            continue
        shown = schema[names.get(name, name)]
        assert shown["description"] == str(field.description).replace("id or path", "id")
        if name not in ("start", "end"):
            assert shown.get("default") == (None if field.is_required() else field.default), name
    assert set(schema) - {names.get(name, name) for name in PARAMETERS} == {
        "strategy_name",
        "strategy_yaml",
        "idempotency_key",
        "note",
    }


def test_the_command_line_has_the_names_and_descriptions() -> None:
    names = OTHER_NAMES["command line"]
    rules = {"execution", "decisions", "metrics"}
    known = {field.name for field in fields(RunOptions)} | set(inspect.signature(run).parameters)
    assert {names.get(name, name) for name in set(PARAMETERS) - rules} <= known
    source = inspect.getsource(RunOptions)
    for name in set(PARAMETERS) - rules - {"symbol", "timeframe", "threads"}:
        shown = re.search(rf'    {names.get(name, name)}: .*\n    "(.*)"\n', source)
        assert shown is not None, name
        assert shown[1].replace("; by default 100,000", "") == sentence(name)
    given = run.__annotations__
    words = {
        name: getattr(options, given[name].partition(" |")[0]).__metadata__[0].help for name in ("symbol", "timeframe")
    }
    own = re.search(r"^threads\n    (.*)$", inspect.getdoc(run) or "", flags=re.MULTILINE)
    assert own is not None
    for name, shown_help in (words | {"threads": own[1]}).items():
        assert shown_help.startswith(sentence(name).rstrip(".")), name
    assert f"by default {PARAMETERS['initial_capital'].default:,.0f}" in source
