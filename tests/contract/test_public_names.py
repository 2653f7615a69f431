"""The public names are pinned, the same for people, editors and checkers, and no signature hides its types."""

from __future__ import annotations

import ast
import inspect
import pydoc
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import ktrdr
import ktrdr.analysis
import ktrdr.backtesting

NAMES = {
    ktrdr: [
        "KtrdrError", "Simulation", "SimulationStream", "Timeframe", "__version__", "analysis", "backtest",
        "backtesting", "errors", "features", "labels", "operations", "simulate", "sweep",
        "train",
    ],
    ktrdr.analysis: [
        "Doubt", "Interval", "LookaheadReport", "MetricIntervals", "Moments", "Sensitivity", "Split",
        "WalkForwardResult", "Window", "combinatorial_paths",
        "combinatorial_splits", "daily_correlations", "deflated_sharpe", "doubt_of", "equity_by_month",
        "expected_maximum", "interval", "metric_intervals", "minimum_track_record", "optimal_block",
        "probabilistic_sharpe", "probability_of_overfitting", "purged_folds", "sharpe_by_chance",
        "stationary_indices", "verify_lookahead", "walk_forward_steps", "walk_forward_windows",
    ],
    ktrdr.backtesting: [
        "BacktestConfig", "BacktestResults", "BacktestingEngine", "Checkpoint", "DecisionFunction", "FeatureCache",
        "ModelBundle", "PerformanceTracker", "PositionManager", "Simulation", "TradingDecision", "backtest", "simulate",
    ],
}  # fmt: skip
OPEN = {
    "strategy": "Mapping[str, Any]",  # a strategy file as a mapping, checked key by key at run time
    "bar": "Mapping[str, Any]",  # a bar of the caller's own making
    "facts": "Mapping[str, Any]",  # a part of the manifest, JSON
    "place": "Any",  # an error's own fields, by keyword
}
"""Parameters that may say Any, and where in the annotation."""
packages = pytest.mark.parametrize("package", NAMES, ids=lambda package: package.__name__)


def packages_of(package: ModuleType) -> tuple[str, ...]:
    """Returns the public names that are packages."""
    return ktrdr.PACKAGES if package is ktrdr else ()


@packages
def test_the_names_are_pinned(package: ModuleType) -> None:
    assert package.__all__ == NAMES[package]
    assert sorted([*package.LAZY, *packages_of(package)]) == NAMES[package]


@packages
def test_checkers_and_people_see_the_same_names(package: ModuleType) -> None:
    """The imports for checkers name what the lazy table resolves to."""
    tree = ast.parse(Path(str(package.__file__)).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    found = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        found |= {alias.asname or alias.name: f"{node.module}:{alias.name}" for alias in node.names}
    assert found == package.LAZY | {name: f"ktrdr:{name}" for name in packages_of(package)}


@packages
def test_dir_shows_the_public_names_and_nothing_else(package: ModuleType) -> None:
    assert dir(package) == sorted(NAMES[package])
    code = f"import {package.__name__} as package; import ktrdr.time; print(*dir(package))"
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert fresh.stdout.split() == sorted(NAMES[package])


@pytest.mark.parametrize("name", ktrdr.PACKAGES)
def test_a_package_is_there_after_a_bare_import(name: str) -> None:
    code = f"import ktrdr; assert 'ktrdr.{name}' not in __import__('sys').modules; print(ktrdr.{name}.__name__)"
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert fresh.stdout.split() == [f"ktrdr.{name}"]


@packages
def test_a_wrong_name_is_an_attribute_error(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'backtests'"):
        _ = package.backtests


def test_help_of_a_function_is_its_page() -> None:
    for name in ("features", "labels", "simulate", "backtest", "train"):
        page = pydoc.plain(pydoc.render_doc(getattr(ktrdr, name)))
        assert f"function {name} in module ktrdr." in page.splitlines()[0]


def public_signatures() -> list[tuple[str, inspect.Signature]]:
    """Returns every signature that a user calls by a public name: functions, classes, and their public methods."""
    found = []
    for package, names in NAMES.items():
        for name in names:
            value = getattr(package, name)
            if inspect.ismodule(value):
                continue
            if inspect.isclass(value):
                methods = [each for each in vars(value) if not each.startswith("_")]
                calls = {f"{name}.{each}": getattr(value, each) for each in methods}
                calls |= {name: value} if "__init__" in vars(value) else {}
            else:
                calls = {name: value}
            found += [(key, inspect.signature(call)) for key, call in calls.items() if callable(call)]
    return found


@pytest.mark.parametrize(("name", "signature"), public_signatures(), ids=lambda value: str(value)[:40])
def test_no_signature_says_any(name: str, signature: inspect.Signature) -> None:
    for parameter in signature.parameters.values():
        hint = str(parameter.annotation).replace(OPEN.get(parameter.name, "\0"), "")
        assert "Any" not in hint, f"{name}({parameter.name}: {parameter.annotation})"


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("ktrdr.backtesting.engine", ["BacktestingEngine"]),
        ("ktrdr.backtesting.backtest_worker", ["BacktestWorker"]),
        ("ktrdr.neural.models.base_model", ["BaseNeuralModel"]),
        ("ktrdr.training.model_storage", ["ModelStorage", "StoredModel"]),
        ("ktrdr.operations", ["resume", "run", "stored_results"]),
    ],
)
def test_the_modules_that_users_know_keep_their_names(module: str, names: list[str]) -> None:
    found = import_module(module)
    assert [name for name in names if not hasattr(found, name)] == []
