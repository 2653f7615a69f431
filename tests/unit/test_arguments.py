"""Checks of arguments: what passes, and the message that names the argument."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ktrdr
from ktrdr.analysis.sweep.study.parameters import Study
from ktrdr.arguments import check_money, check_threads, check_whole
from ktrdr.errors import ArgumentInvalid
from ktrdr.operations.store.store import Store
from ktrdr.research.job.request import ResearchRequest
from support.runs.signal_runs import market


@pytest.mark.parametrize("value", [1, 2, 1_024, np.int64(2), np.uint8(2), np.array(2)])
def test_threads_within_their_bounds(value: int) -> None:
    assert check_threads(value) == value
    assert type(check_threads(value)) is int


NO_THREADS = {
    "0": 0,
    "-1": -1,
    "1025": 1_025,
    "True (bool)": True,
    "True (bool_)": np.True_,
    "2.0": 2.0,
    "2.0 (float64)": np.float64(2),
    "'2' (str)": "2",
    "None (NoneType)": None,
}


@pytest.mark.parametrize("found", NO_THREADS)
def test_threads_that_are_none(found: str) -> None:
    with pytest.raises(ArgumentInvalid, match=r"^threads: must be a whole number from 1 to 1024") as caught:
        check_threads(NO_THREADS[found])
    assert caught.value.where == "threads"
    assert str(caught.value).endswith(f"found {found}".replace("bool_", type(np.True_).__name__))


def test_integers_of_any_library_are_integers_at_every_door(tmp_path: Path) -> None:
    bars = market(8)
    plain = ktrdr.simulate(bars, [0] * 8, warmup_bars=2, threads=1)
    there = ktrdr.simulate(bars, [0] * 8, warmup_bars=np.array(2), threads=np.int64(1))  # type: ignore[arg-type]
    assert there.result_hash == plain.result_hash
    study = Study.of(np.int64(20), seed=np.int32(3))  # type: ignore[arg-type]
    assert study == Study.of(20, seed=3) and study is not None and type(study.trials) is type(study.seed) is int
    request = ResearchRequest.of("RSI on 1h", "grammar", seed=np.int64(7))  # type: ignore[arg-type]
    assert request.to_spec() == ResearchRequest.of("RSI on 1h", "grammar", seed=7).to_spec()
    store = Store.open(f"sqlite:///{tmp_path}/operations.db")
    operation = store.submit("toy", {}, threads=np.int64(3))  # type: ignore[arg-type]
    assert store.get(operation.id).threads == 3
    with pytest.raises(ArgumentInvalid, match=r"threads: must be a whole number .* found '3' \(str\)"):
        store.submit("toy", {}, threads="3")  # type: ignore[arg-type]
    store.close()


@pytest.mark.parametrize("value", ["2", True, 2.0, -1])
def test_bars_are_counted_by_integers(value: Any) -> None:
    found = {"2": "'2' (str)", True: "True (bool)"}.get(value, str(value))
    with pytest.raises(ArgumentInvalid, match=r"^warmup_bars: a whole number of bars is needed") as caught:
        ktrdr.simulate(market(8), [0] * 8, warmup_bars=value)
    assert f"found {found}, expected >= 0" in str(caught.value)


def test_bounds_are_inclusive() -> None:
    assert [check_whole("seed", value, 0, 3) for value in (0, 3)] == [0, 3]


@pytest.mark.parametrize("value", [1, 0.01, np.float32(2), np.int64(3)])
def test_money_is_any_real_number_above_zero(value: object) -> None:
    assert check_money("initial_capital", value) == float(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (0, "0"),
        (-1.0, "-1.0"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (True, "True (bool)"),
        ("100", "'100' (str)"),
        (None, "None (NoneType)"),
        (1j, "1j (complex)"),
    ],
)
def test_money_that_is_none(value: object, found: str) -> None:
    with pytest.raises(ArgumentInvalid, match=r"^initial_capital: must be a finite amount above 0") as caught:
        check_money("initial_capital", value)
    assert str(caught.value).endswith(f"found {found}")
