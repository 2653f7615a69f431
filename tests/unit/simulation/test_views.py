"""Views of a result for other libraries."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from ktrdr import simulate
from ktrdr.errors import LibraryMissing
from ktrdr.simulation.result import RunResult

HOUR_NS = 3_600_000_000_000


@pytest.fixture(scope="module")
def result() -> RunResult:
    close = 100 + np.sin(np.arange(5_000) / 9)
    stamps = np.arange(5_000, dtype=np.int64) * HOUR_NS
    bars = pl.DataFrame({"timestamp": stamps, "open": close, "high": close + 1, "low": close - 1, "close": close})
    return simulate(bars, np.tile(np.array([1, 0, -1, 0], np.int8), 1_250))


def test_a_table_becomes_a_pandas_frame(result: RunResult) -> None:
    equity = result.to_pandas()
    assert list(equity.columns) == [name for name in result.equity.columns if name != "time"]
    assert np.array_equal(equity["equity"].to_numpy(), result.equity["equity"].to_numpy())
    assert str(equity.index[1]) == "1970-01-01 01:00:00+00:00"
    assert len(result.to_pandas("trades")) == len(result.trades)


def test_a_picture_of_equity_and_drawdown(result: RunResult) -> None:
    pytest.importorskip("altair", reason="ktrdr[plot] is not installed")
    drawn = result.plot().to_dict()
    (points,) = drawn["datasets"].values()
    assert 1_000 < len(points) <= 2_001
    assert points[-1]["equity"] == result.final_equity
    assert {part["encoding"]["y"]["field"] for part in drawn["vconcat"]} == {"equity", "drawdown"}


@pytest.mark.parametrize(
    ("call", "library", "extra"),
    [
        (RunResult.to_pandas, "pandas", "pandas"),
        (RunResult.to_pandas, "pyarrow", "pandas"),
        (RunResult.plot, "altair", "plot"),
    ],
)
def test_what_is_missing_names_its_extra(
    result: RunResult, call: Callable, library: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("ktrdr._lazy.find_spec", lambda name: None if name == library else find(name))
    with pytest.raises(LibraryMissing) as caught:
        call(result)
    assert str(caught.value) == f"{library}: not installed; pip install 'ktrdr[{extra}]'"
