"""A data folder with the synthetic sample, and the built-in strategies with shorter trainings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ktrdr.data.sample import write_sample
from ktrdr.data.store.repository import Repository
from ktrdr.strategy.loader import load_strategy


@pytest.fixture(scope="session")
def sample_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that holds the sample: 5m, 1h, 4h and 1d of a made-up EURUSD."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(Repository(folder))
    return folder


@pytest.fixture(scope="session")
def shortened() -> Callable[..., dict[str, Any]]:
    """A built-in strategy as a mapping, trained for few epochs."""

    def make(name: str, **training: Any) -> dict[str, Any]:
        file = load_strategy(name).canonical()
        file["training"] = file["training"] | {"epochs": 2, "seed": 11} | training
        return file

    return make
