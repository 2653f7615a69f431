"""The list of trained models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ktrdr.time import Span
from support.inputs import worlds


def test_the_last_day_of_a_training_is_the_last_one_named(ktrdr: Callable, folder: Path) -> None:
    worlds.untrained(folder, worlds.strategy(), training_span=Span.parse("2022-01-01", "2022-12-31"))
    (model,) = ktrdr("models --json").object["models"]
    assert model["span"] == "2022-01-01 to 2022-12-31"
    assert "2022-01-01 to 2022-12-31" in ktrdr("models").out
