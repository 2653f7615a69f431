"""A command that is printed works where it is copied to: it names a data folder that is not the one in force."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ktrdr.cli.runs.foreground import command_of
from ktrdr.settings import data_root, database_url


@pytest.mark.parametrize("url", [None, "sqlite:////elsewhere.db"])
@pytest.mark.parametrize("folder", ["plain", "with a blank", "quote's"])
def test_a_folder_of_its_own_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, url: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KTRDR_DATABASE_URL", raising=False)
    if url:
        monkeypatch.setenv("KTRDR_DATABASE_URL", url)
    *settings, program, noun, verb = shlex.split(command_of("operations list", Path(folder)))
    assert (program, noun, verb) == ("ktrdr", "operations", "list")
    for setting in settings:
        monkeypatch.setenv(*setting.split("=", 1))
    assert data_root() == tmp_path / folder
    assert database_url() == (None if url is None else f"sqlite:///{tmp_path / folder / 'ktrdr.db'}")


def test_the_folder_in_force_is_not_named() -> None:
    assert command_of("operations resume latest", None) == "ktrdr operations resume latest"
