"""``ktrdr walk-forward``: an option that cannot be is named as it was typed."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("given", "flag"),
    [("--folds 0", "--folds"), ("--folds 101", "--folds"), ("--folds 2 --train-share 2", "--train-share")],
)
def test_an_option_out_of_range_is_named_by_its_flag(ktrdr: Callable, given: str, flag: str) -> None:
    said = ktrdr(f"walk-forward v3_minimal EURUSD 1h {given}")
    assert said.is_error("argument_invalid", 2)
    assert f"{flag}: out of range: found" in said.err


@pytest.mark.parametrize("command", ["walk-forward", "sweep"])
def test_the_help_of_ray_speaks_of_scenarios_and_folds(ktrdr: Callable, command: str) -> None:
    said = " ".join(ktrdr(f"{command} --help").out.replace("│", " ").split())
    assert "Run its scenarios or folds on the Ray cluster of that address; HOST:PORT or auto." in said
