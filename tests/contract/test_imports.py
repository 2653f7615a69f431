"""Cost of imports: torch comes with a model, not with a name."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ktrdr.backtesting


def loaded_by(code: str) -> set[str]:
    """Top-level modules after running ``code`` in a fresh interpreter."""
    tail = "; import sys; print(' '.join({name.split('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, check=True, timeout=120)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import ktrdr",
        "from ktrdr.backtesting import ModelBundle, DecisionFunction",
        "from ktrdr.backtesting import BacktestConfig, BacktestingEngine, BacktestResults, FeatureCache",
        "from ktrdr import backtest, simulate, train, Simulation",
    ],
)
def test_no_torch_before_a_model(code: str) -> None:
    assert "torch" not in loaded_by(code)


def test_import_ktrdr_is_light() -> None:
    assert not {"numpy", "polars", "talib", "pydantic", "cyclopts"} & loaded_by("import ktrdr")


@pytest.mark.parametrize("name", sorted(ktrdr.backtesting.LAZY))
def test_every_lazy_name_exists(name: str) -> None:
    assert getattr(ktrdr.backtesting, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="BackTest"):
        ktrdr.backtesting.BackTest  # noqa: B018
