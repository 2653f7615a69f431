"""Small made-up bars and files, and a data folder of each test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ktrdr.data.bars import BarSeries, Provenance
from ktrdr.data.store.repository import Repository
from ktrdr.time import Timeframe

MONDAY_NS = 1_704_672_000_000_000_000  # 2024-01-08 00:00 UTC


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "data")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def file(text: str | bytes, name: str = "bars.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return file


@pytest.fixture
def walk() -> Callable[..., BarSeries]:
    """A random walk of ``n`` bars without gaps."""

    def series(
        n: int,
        timeframe: Timeframe = Timeframe.H1,
        *,
        start_ns: int = MONDAY_NS,
        seed: int = 1,
        synthetic: bool = False,
    ) -> BarSeries:
        random = np.random.default_rng(seed)
        close = 1.1 * np.exp(np.cumsum(random.normal(0, 1e-3, n)))
        opened = np.append(1.1, close[:-1])
        frame = pl.DataFrame(
            {
                "timestamp": start_ns + np.arange(n) * timeframe.ns,
                "open": opened,
                "high": np.maximum(opened, close) * 1.0001,
                "low": np.minimum(opened, close) * 0.9999,
                "close": close,
                "volume": np.arange(n) + 1.0,
            }
        )
        return BarSeries.from_frame(frame, "EURUSD", timeframe, Provenance(synthetic=synthetic, source="walk"))

    return series
