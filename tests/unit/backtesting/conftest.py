"""A data folder with an untrained net of each kind, and the bars to run it on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ktrdr.backtesting.inputs.config import BacktestConfig
from support.inputs import worlds

START = "2024-01-20"


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose models hold one untrained net of each kind, ``walker_KIND/1h_v1``."""
    folder = tmp_path_factory.mktemp("data")
    for kind in worlds.KINDS:
        assert worlds.untrained(folder, worlds.strategy(kind)) == f"walker_{kind}/1h_v1"
    return folder


@pytest.fixture(scope="session")
def config_of(data_dir: Path) -> Callable[..., BacktestConfig]:
    """A config of a kind over ``n_bars`` bars; further arguments are ``BacktestConfig.of``'s."""

    def make(kind: str = "mlp", n_bars: int = 1_500, seed: int = 1, **arguments: Any) -> BacktestConfig:
        known: dict[str, Any] = {"start": START, "bars": worlds.bars(n_bars, kind, seed), "data_dir": data_dir}
        strategy = arguments.pop("strategy", worlds.strategy(kind))
        symbol = arguments.pop("symbol", "EURUSD")
        return BacktestConfig.of(strategy, symbol, "1h", **(known | arguments))

    return make
