"""Deletions: a person at a terminal is asked, a script is not."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ktrdr.data.store.repository import Repository
from ktrdr.operations.store.store import Store
from support.process.processes import furnish, program
from support.process.terminal import at_terminal


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("furnished"), 50)


@pytest.fixture
def stored(furnished: Path, folder: Path) -> Path:
    """A data folder with a series, a model, and a pending operation."""
    shutil.copytree(furnished, folder)
    store = Store.open()
    store.submit("backtest", {"strategy_name": "x", "symbol": "EURUSD", "timeframe": "1h"}, threads=1)
    store.close()
    return folder


def left(folder: Path) -> tuple[int, int, int]:
    """Returns the numbers of series, models and operations."""
    store = Store.open()
    try:
        return len(Repository().names()), len(list(folder.glob("models/*/1h_v1"))), len(store.list()[0])
    finally:
        store.close()


def lines_of(folder: Path) -> list[tuple[str, str, str]]:
    """A deletion of each kind."""
    store = Store.open()
    ((operation,), _) = store.list()
    store.close()
    model = "walker_mlp/1h_v1"
    return [("data", "delete", "EURUSD"), ("models", "delete", model), ("operations", "delete", operation.id)]


def test_only_a_yes_deletes(stored: Path) -> None:
    for words, typed in zip(lines_of(stored), ["n\n", "\n", "\x04"], strict=True):
        seen = at_terminal(program(words), typed=typed)
        assert seen.code == 130, seen.text
        assert f"delete {words[2]}" in seen.text
        assert "cancelled: nothing was deleted" in re.sub("\x1b\\[[0-9;]*m", "", seen.text)
        assert "--yes" in seen.text
    assert left(stored) == (1, 1, 1)


def test_a_yes_deletes(stored: Path) -> None:
    for words in lines_of(stored):
        seen = at_terminal(program(words), typed="y\n")
        assert (seen.code, f"deleted {words[2]}" in seen.text) == (0, True), seen.text
    assert left(stored) == (0, 0, 0)


def test_with_the_flag_nobody_is_asked(stored: Path) -> None:
    seen = at_terminal(program(["data", "delete", "EURUSD", "--yes"]))
    assert (seen.code, "[y/n]" in seen.text) == (0, False), seen.text
    assert left(stored) == (0, 1, 1)


@pytest.mark.parametrize("flags", [(), ("--yes",), ("--json",)])
def test_a_script_has_said_it_already(stored: Path, flags: tuple[str, ...], ktrdr: Callable) -> None:
    for words in lines_of(stored):
        said = ktrdr(*words, *flags)
        assert (said.code, said.err) == (0, "")
    assert left(stored) == (0, 0, 0)
