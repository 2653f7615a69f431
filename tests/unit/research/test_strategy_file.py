"""A design is written once under its name, whole, and never over another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr.errors import OutputNotWritable, QuotaExceeded
from ktrdr.research.designer.base import Design
from ktrdr.research.strategy_file import save_strategy, strategies_folder
from ktrdr.strategy.library import find_strategy
from ktrdr.strategy.loader import load_strategy
from support.inputs import worlds


def design(name: str = "walker", epochs: int = 2) -> Design:
    file = worlds.strategy(name=name)
    file["training"]["epochs"] = epochs
    return Design(file, "grammar", ("RSI gave rsi.",))


def test_it_is_a_valid_strategy_that_its_name_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path))
    saved = save_strategy(design(), strategies_folder(tmp_path))
    assert saved.path == tmp_path / "strategies" / "walker.yaml"
    assert find_strategy("walker").read() == saved.text
    assert load_strategy("walker").name == "walker"
    assert saved.text.startswith("# RSI gave rsi.\n")


def test_the_same_design_finds_its_own_file(tmp_path: Path) -> None:
    first, second = (save_strategy(design(), tmp_path) for _ in range(2))
    assert first == second
    assert [file.name for file in tmp_path.iterdir()] == ["walker.yaml"]


def test_another_design_of_that_name_gets_the_next_one(tmp_path: Path) -> None:
    first = save_strategy(design(), tmp_path)
    others = [save_strategy(design(epochs=number), tmp_path) for number in (3, 4, 3)]
    assert [saved.name for saved in others] == ["walker_2", "walker_3", "walker_2"]
    assert first.path.read_text() == first.text
    for saved in others:
        assert load_strategy(saved.path).name == saved.name


def test_a_built_in_strategy_keeps_its_name(tmp_path: Path) -> None:
    assert save_strategy(design("v3_minimal"), tmp_path).name == "v3_minimal_2"


def test_a_file_that_somebody_has_edited_is_left_alone(tmp_path: Path) -> None:
    saved = save_strategy(design(), tmp_path)
    saved.path.write_text(saved.text + "# mine\n")
    assert save_strategy(design(), tmp_path).name == "walker_2"
    assert saved.path.read_text().endswith("# mine\n")


def test_a_full_folder_takes_no_more_but_gives_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_MAX_STRATEGIES", "2")
    held = [save_strategy(design(epochs=number), tmp_path) for number in (2, 3)]
    with pytest.raises(QuotaExceeded, match="found 2, expected fewer than KTRDR_MAX_STRATEGIES; remove some from"):
        save_strategy(design(epochs=4), tmp_path)
    assert [save_strategy(design(epochs=number), tmp_path) for number in (2, 3)] == held
    held[0].path.unlink()
    assert save_strategy(design(epochs=4), tmp_path).name == "walker"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputNotWritable, match="a strategy cannot be written"):
        save_strategy(design(), tmp_path / "file" / "strategies")
