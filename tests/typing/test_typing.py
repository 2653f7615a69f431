"""Types that a person's editor sees: mypy checks the calls, jedi resolves the names, and the calls run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import jedi
import pytest

import ktrdr
import ktrdr.backtesting
from ktrdr.config.strict import Strict
from ktrdr.simulation.arrays import Simulation
from ktrdr.simulation.result import OpenPosition, Trailing
from ktrdr.strategy import rule_mappings, rules
from ktrdr.strategy.sections import training_mappings
from ktrdr.strategy.sections.labels import ForwardReturnLabels, TripleBarrierLabels, ZigzagLabels
from ktrdr.strategy.sections.training import TrainingFile

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def public_api() -> Any:
    """Returns ``public_api.py`` as a module, wherever the tests run."""
    spec = spec_from_file_location("public_api", HERE / "public_api.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_mypy_sees_the_types_and_refuses_the_wrong_calls() -> None:
    environment = {**os.environ, "MYPYPATH": str(Path(ktrdr.__file__).parents[1])}
    files = [str(HERE / name) for name in ("public_api.py", "wrong_calls.py")]
    options = ["--config-file", str(HERE / "mypy.ini"), "--no-error-summary", "--hide-error-context"]
    command = [sys.executable, "-m", "mypy", *options, *files]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    refused = set(re.findall(r"wrong_calls\.py:(\d+): error", done.stdout))
    lines = (HERE / "wrong_calls.py").read_text().splitlines()
    assert refused == {str(number) for number, line in enumerate(lines, 1) if "# wrong" in line}, done.stdout
    assert "public_api.py" not in done.stdout, done.stdout


@pytest.mark.parametrize("call", public_api().RUN, ids=lambda call: call.__name__)
def test_the_calls_run(call: Callable[[], None]) -> None:
    call()


@pytest.mark.parametrize(
    ("package", "name"),
    [
        *(("ktrdr", name) for name in ktrdr.__all__ if name != "__version__"),
        *(("ktrdr.backtesting", name) for name in ktrdr.backtesting.__all__),
    ],
)
def test_jedi_finds_the_definition(package: str, name: str) -> None:
    source = f"import {package}\n{package}.{name}"
    (found,) = jedi.Script(source).goto(2, len(source.splitlines()[1]), follow_imports=True)
    kinds = {"module"} if package == "ktrdr" and name in ktrdr.PACKAGES else {"class", "function"}
    assert found.name.rpartition(".")[2] == name
    assert found.type in kinds
    assert found.docstring()


def test_jedi_completes_public_names_and_arguments() -> None:
    source = "import ktrdr\nktrdr."
    names = {one.name for one in jedi.Script(source).complete(2, 6) if not one.name.startswith("_")}
    assert names >= set(ktrdr.__all__) - {"__version__"}
    (signature,) = jedi.Script("import ktrdr\nktrdr.simulate(").get_signatures(2, 15)
    assert [one.name for one in signature.params][:3] == ["bars", "signals", "confidence"]
    result = jedi.Script("import ktrdr\nktrdr.simulate([], []).")
    assert {"metrics", "trades", "equity", "result_hash"} <= {one.name for one in result.complete(2, 23)}


def shape(kind: Any) -> Any:
    """Returns a type in a form in which a model and its mapping are equal."""
    if get_origin(kind) is Annotated:
        return shape(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return frozenset(shape(one) for one in get_args(kind))
    if get_origin(kind) is Literal:
        return ("one of", get_args(kind))
    if is_typeddict(kind):
        return frozenset((name, shape(hint)) for name, hint in get_type_hints(kind).items())
    if isinstance(kind, type) and issubclass(kind, Strict):
        return frozenset((name, shape(field.annotation)) for name, field in kind.model_fields.items())
    return kind


@pytest.mark.parametrize(
    ("mapping", "model"),
    [
        (rule_mappings.ExecutionMapping, rules.ExecutionRules),
        (rule_mappings.DecisionsMapping, rules.DecisionRules),
        (rule_mappings.MetricsMapping, rules.MetricsRules),
        (training_mappings.TrainingMapping, TrainingFile),
        (training_mappings.ZigzagLabelsMapping, ZigzagLabels),
        (training_mappings.ForwardReturnLabelsMapping, ForwardReturnLabels),
        (training_mappings.TripleBarrierLabelsMapping, TripleBarrierLabels),
    ],
)
def test_mappings_mirror_the_rules(mapping: Any, model: type[Strict]) -> None:
    hints: Mapping[str, Any] = get_type_hints(mapping)
    assert list(hints) == list(model.model_fields)
    for name, hint in hints.items():
        own = shape(hint)
        wanted = shape(model.model_fields[name].annotation)
        if name == "lr_scheduler":  # true is the default one; the model's union has a union inside
            assert own - {bool, NoneType} == {one for part in wanted - {NoneType} for one in part}
        elif name == "labels":  # of trades: the others cannot be trained
            assert own < wanted
        else:
            assert own == wanted, name


def test_the_open_position_has_the_keys_of_its_type() -> None:
    execution: rule_mappings.ExecutionMapping = {"exits": {"trailing_stop": {"rate": 0.5}, "stop_loss": {"rate": 0.5}}}
    run = Simulation(public_api().market(), [1, 0, 0, 0, 0, 0], execution=execution)
    run.run(until=4)
    position = run.position
    assert position is not None and position["trailing"] is not None
    for value, kind in ((position, OpenPosition), (position["trailing"], Trailing)):
        hints = get_type_hints(kind)
        assert set(value) == set(hints)
        for name, hint in hints.items():
            assert type(value[name]) in _types(hint), name


def _types(hint: Any) -> set[type]:
    """Returns the runtime types that a hint allows; a whole number counts as float in JSON."""
    if get_origin(hint) in (Union, UnionType):
        return set().union(*(_types(one) for one in get_args(hint)))
    if get_origin(hint) is Literal:
        return {type(one) for one in get_args(hint)}
    if is_typeddict(hint):
        return {dict}
    return {hint, int} if hint is float else {NoneType if hint is None else hint}
