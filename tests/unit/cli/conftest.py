"""The program called in this process, with a data folder of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ktrdr.cli.app import main


@dataclass(frozen=True)
class Said:
    """The output of a call of the program."""

    code: int
    out: str
    err: str

    @property
    def object(self) -> dict[str, Any]:
        """The one object that ``--json`` prints."""
        assert self.out.count("\n") == 1, self.out
        found: dict[str, Any] = json.loads(self.out)
        return found

    def is_error(self, code: str, exit_code: int) -> bool:
        """One line on the error stream that begins with the code, nothing printed, no trace."""
        assert self.err.startswith(f"{code}: "), self.err
        assert self.err.count("\n") == 1, self.err
        assert self.out == ""
        assert self.code == exit_code
        return True


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, and an empty folder to stand in."""
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("KTRDR_STRATEGIES_DIR", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "data"


@pytest.fixture
def ktrdr(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """``ktrdr("data", "list")``: runs the command line; one string is split at blanks."""

    def call(*words: str) -> Said:
        tokens = words[0].split() if len(words) == 1 else list(words)
        code = main(tokens)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call
