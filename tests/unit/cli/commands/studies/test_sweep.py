"""The values of ``--grid``: ranges and lists, and what a slip in one of them is answered with."""

from __future__ import annotations

import pytest

from ktrdr.cli.commands.studies.sweep import grid_of
from ktrdr.errors import ArgumentInvalid

RANGE = "expected first:last:step, numbers with a step that leads from the first to the last"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.4:0.6:0.1", [0.4, 0.5, 0.6]),
        ("3:1:-1", [3.0, 2.0, 1.0]),
        ("0.1, 0.2", [0.1, 0.2]),
        ("null,{rate: 0.01},{rate: 0.02}", [None, {"rate": 0.01}, {"rate": 0.02}]),
        ("{rate: 0.01}", [{"rate": 0.01}]),
        ("'a:b',next_open", ["a:b", "next_open"]),
    ],
)
def test_values_are_a_range_or_a_list(text: str, values: list[object]) -> None:
    assert grid_of([f"execution.x={text}"]) == {"execution.x": values}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1:3:1", [1, 2, 3]),
        ("5:-1:-3", [5, 2, -1]),
        ("1.0:3:1", [1.0, 2.0, 3.0]),
        ("1:3:1.0", [1.0, 2.0, 3.0]),
        ("1:2.5:1", [1.0, 2.0]),
    ],
)
def test_a_range_of_whole_numbers_gives_whole_numbers(text: str, values: list[object]) -> None:
    assert [repr(value) for value in grid_of([f"x={text}"])["x"]] == [repr(value) for value in values]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--grid: cannot be read: found x=, expected RULE=a,b,c or RULE=first:last:step"),
        ("0.4:0.9", f"--grid: not a range: found x=0.4:0.9, {RANGE}"),
        ("0:1:2:3", f"--grid: not a range: found x=0:1:2:3, {RANGE}"),
        ("0:1:0", f"--grid: not a range: found x=0:1:0, {RANGE}"),
        ("1:0:0.5", f"--grid: not a range: found x=1:0:0.5, {RANGE}"),
        ("a:b:c", f"--grid: not a range: found x=a:b:c, {RANGE}"),
        ("0:1:1e-7", "--grid: too many values: found 10,000,001 in x=0:1:1e-7, expected at most 1,000,000"),
        ("0:1:1e-400", f"--grid: not a range: found x=0:1:1e-400, {RANGE}"),
    ],
)
def test_a_slip_is_answered_with_what_is_expected(text: str, message: str) -> None:
    with pytest.raises(ArgumentInvalid) as caught:
        grid_of([f"x={text}"])
    assert str(caught.value) == message
