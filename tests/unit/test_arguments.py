"""Checks of arguments: what passes, and the message that names the argument."""

from __future__ import annotations

import numpy as np
import pytest

from ktrdr.arguments import check_money, check_threads, check_whole
from ktrdr.errors import ArgumentInvalid


@pytest.mark.parametrize("value", [1, 2, 1_024])
def test_threads_within_their_bounds(value: int) -> None:
    assert check_threads(value) == value


@pytest.mark.parametrize("value", [0, -1, 1_025, True, 2.0, "2", None])
def test_threads_that_are_none(value: object) -> None:
    with pytest.raises(ArgumentInvalid, match=r"^threads: must be a whole number from 1 to 1024") as caught:
        check_threads(value)
    assert caught.value.where == "threads"


def test_bounds_are_inclusive() -> None:
    assert [check_whole("seed", value, 0, 3) for value in (0, 3)] == [0, 3]


@pytest.mark.parametrize("value", [1, 0.01, np.float32(2), np.int64(3)])
def test_money_is_any_real_number_above_zero(value: object) -> None:
    assert check_money("initial_capital", value) == float(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), True, "100", None, 1j])
def test_money_that_is_none(value: object) -> None:
    with pytest.raises(ArgumentInvalid, match=r"^initial_capital: must be a finite amount above 0"):
        check_money("initial_capital", value)
