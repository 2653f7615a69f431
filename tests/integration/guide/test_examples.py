"""The examples are short and shown in the guide; the quick ones run here, the others in `tests/soak/guide`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ktrdr.strategy.loader import load_strategy
from support.guide import EXAMPLES, ROOT, run

QUICK = [path for path in EXAMPLES if path.suffix == ".py"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_short_and_shown(example: Path) -> None:
    assert len(example.read_text().splitlines()) < 60
    assert f"examples/{example.name}" in (ROOT / "docs" / "examples.md").read_text()


@pytest.mark.parametrize("example", QUICK, ids=lambda path: path.name)
def test_programs(example: Path, tmp_path: Path) -> None:
    assert run([sys.executable, str(example)], tmp_path, tmp_path / "data")


def test_the_strategy_is_valid() -> None:
    assert load_strategy(ROOT / "examples" / "first_strategy.yaml").feature_names
