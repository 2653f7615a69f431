"""Libraries of the extras: checked before any work, and named where one is missing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from ktrdr._lazy import EXTRAS, require
from ktrdr.errors import LibraryMissing

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def test_the_extra_of_each_library_installs_it() -> None:
    declared = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    for library, extra in EXTRAS.items():
        name = library.replace("_", "-")
        # An entry names a library, or a package whose own extra brings it.
        assert any(entry.startswith(name) or f"[{name}]" in entry for entry in declared[extra]), library


def test_all_that_is_missing_is_named_at_once() -> None:
    require("json", "ast")
    with pytest.raises(LibraryMissing, match=r"^no_such_a, no_such_b: not installed; pip install 'ktrdr\[worker\]'$"):
        require("json", "no_such_a", "no_such_b", extra="worker")
    with pytest.raises(ImportError):
        require("no_such_a", extra="plot")


def test_a_command_that_meets_a_missing_library_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ktrdr.cli.app import main

    def absent(library: str) -> Callable[[], None]:
        def fail() -> None:
            raise ModuleNotFoundError(f"No module named {library!r}", name=library)

        return fail

    monkeypatch.setattr("ktrdr.cli.commands.strategies.list_strategies", absent("psycopg"))
    assert main(["strategies"]) == 2
    assert capsys.readouterr().err == "library_missing: psycopg: not installed; pip install 'ktrdr[worker]'\n"
    monkeypatch.setattr("ktrdr.cli.commands.strategies.list_strategies", absent("numpy"))
    assert main(["strategies"]) == 6
    assert capsys.readouterr().err.startswith("internal: ModuleNotFoundError")


def test_the_names_are_there_without_their_libraries() -> None:
    absent = "import sys; sys.modules['torch'] = None"
    code = f"{absent}\nimport pydoc, ktrdr; pydoc.render_doc(ktrdr); print(ktrdr.train.__name__)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout == "train\n"
