"""A backtest that finds its features kept has the result of one that computes them; a proof computes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ktrdr.backtesting.engine import BacktestingEngine
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.errors import ArgumentInvalid
from ktrdr.feature_pipeline import build
from ktrdr.feature_pipeline.cache.folder import FeatureFolder


def refuse(*_: Any) -> Any:
    raise AssertionError("features were computed")


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of a cache that is on."""
    monkeypatch.setenv("KTRDR_FEATURE_CACHE_MB", "100")
    monkeypatch.setenv("KTRDR_FEATURE_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.mark.parametrize("kind", ["mlp", "mtf"])
def test_results_are_the_same_with_and_without(
    config_of: Callable[..., BacktestConfig], kept: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("KTRDR_FEATURE_CACHE_MB", "0")
    without = BacktestingEngine(config_of(kind)).run()
    assert not kept.exists()
    monkeypatch.setenv("KTRDR_FEATURE_CACHE_MB", "100")
    first = BacktestingEngine(config_of(kind)).run()
    monkeypatch.setattr(build, "assemble", refuse)
    second = BacktestingEngine(config_of(kind)).run()
    assert without.result_hash == first.result_hash == second.result_hash
    assert without.manifest == first.manifest == second.manifest
    other = BacktestingEngine(config_of(kind, execution={"commission": {"rate": 0.003}})).run()
    assert other.identity != second.identity
    assert len(FeatureFolder.in_force().sizes()) == 1


def test_a_proof_computes_the_features(
    config_of: Callable[..., BacktestConfig], kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    BacktestingEngine(config_of()).run()
    assert len(list(kept.iterdir())) == 1
    monkeypatch.setattr(build, "assemble", refuse)
    with pytest.raises(AssertionError, match="features were computed"):
        BacktestingEngine(config_of(), recomputes=True).run()


def test_a_size_that_is_no_number_is_refused(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_FEATURE_CACHE_MB", "much")
    with pytest.raises(ArgumentInvalid, match="whole number of MiB from 0"):
        FeatureFolder.in_force()
