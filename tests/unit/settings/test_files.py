"""``ktrdr.toml``: the folder's file, the user's file, the environment above both, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ktrdr import settings
from ktrdr.errors import ArgumentInvalid, ConfigDocument, ConfigExposed, ConfigType, ConfigUnknownKey, KtrdrError
from ktrdr.settings import SETTINGS

TOKEN = "a-token-of-thirty-two-characters-"
URL = "postgresql+psycopg://me:hidden-word@db:5432/ktrdr"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder; the user's folder of configuration is ``config`` in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for setting in SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
    return tmp_path


def write(text: str, file: Path = Path("ktrdr.toml"), mode: int = 0o600) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return file


def test_the_environment_wins_then_the_folder_then_the_user(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("checkpoint_seconds = 3\nlease_seconds = 7.5\n", here / "config" / "ktrdr" / "ktrdr.toml")
    assert (settings.checkpoint_seconds(), settings.lease_seconds()) == (3.0, 7.5)
    write("checkpoint_seconds = 2\n")
    assert (settings.checkpoint_seconds(), settings.lease_seconds()) == (2.0, 7.5)
    monkeypatch.setenv("KTRDR_CHECKPOINT_SECONDS", "1")
    assert (settings.checkpoint_seconds(), settings.lease_seconds()) == (1.0, 7.5)
    monkeypatch.setenv("KTRDR_CHECKPOINT_SECONDS", "")
    assert settings.checkpoint_seconds() == 2.0
    assert settings.stall_seconds() == 900.0


def test_every_setting_can_be_written(here: Path) -> None:
    values: dict[str, object] = {"number": 45, "names": ["Worker-1", "localhost"], "path": "bars", "text": "off"}
    write("\n".join(f"{setting.key} = {json.dumps(values[setting.kind])}" for setting in SETTINGS))
    assert settings.data_root() == settings.strategies_dir() == here / "bars"
    assert settings.allowed_hosts() == {"worker-1", "localhost"}
    assert (settings.run_memory_mb(), settings.lease_seconds()) == (45, 45.0)
    assert (settings.database_url(), settings.api_token(), settings.progress_wanted()) == ("off", "off", False)


def test_a_path_is_relative_to_its_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write('data_dir = "bars"\nstrategies_dir = "~/mine"', here / "config" / "ktrdr" / "ktrdr.toml")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert settings.data_root() == here / "config" / "ktrdr" / "bars"
    assert settings.strategies_dir() == Path("/home/somebody/mine")
    assert settings.for_child(1)["KTRDR_DATA_DIR"] == str(settings.data_root())


@pytest.mark.parametrize(
    ("text", "leaf", "says"),
    [
        ("\ndata_dri = 'x'", ConfigUnknownKey, "ktrdr.toml:2: data_dri: unknown key; did you mean data_dir?"),
        ("KTRDR_DATA_DIR = 'x'", ConfigUnknownKey, "ktrdr.toml:1: KTRDR_DATA_DIR: unknown key; did you mean data_dir?"),
        ("[settings]\ndata_dir = 'x'", ConfigUnknownKey, "ktrdr.toml:1: settings: unknown key; known: data_dir, "),
        ("a.b = 1", ConfigUnknownKey, "ktrdr.toml:1: a: unknown key; known: "),
        ("lease_seconds = '30'", ConfigType, "ktrdr.toml:1: lease_seconds: wrong type: found str, expected a number"),
        ("lease_seconds = true", ConfigType, "found bool, expected a number"),
        ("data_dir = 3", ConfigType, "found int, expected text"),
        ("api_token = 12345678", ConfigType, "ktrdr.toml:1: api_token: wrong type: found int, expected text"),
        ("allowed_hosts = [1]", ConfigType, "found list, expected a list of names"),
        ("data_dir = \n", ConfigDocument, "ktrdr.toml: not TOML: Invalid value (at line 1, column 12)"),
        ("data_dir = 'x'\ndata_dir = 'y'\n", ConfigDocument, "not TOML: Cannot overwrite a value (at line 2"),
        ("stall_seconds = -1", ArgumentInvalid, "ktrdr.toml:1: stall_seconds: must be a number of seconds above 0"),
        ("progress = 'maybe'", ArgumentInvalid, "ktrdr.toml:1: progress: cannot be read: found maybe"),
    ],
)
def test_what_is_refused(here: Path, text: str, leaf: type[KtrdrError], says: str) -> None:
    write(text)
    with pytest.raises(leaf) as caught:
        (settings.stall_seconds(), settings.progress_wanted())
    assert says in str(caught.value)


def test_a_file_that_is_no_text(here: Path) -> None:
    Path("ktrdr.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigDocument, match=r"^ktrdr\.toml: cannot be read: not UTF-8"):
        settings.data_root()


@pytest.mark.parametrize("text", [f"api_token = '{TOKEN}'", f"database_url = '{URL}'"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_secret_that_others_can_read_is_refused(here: Path, text: str, mode: int) -> None:
    write(text, mode=mode)
    with pytest.raises(ConfigExposed, match="chmod 600") as caught:
        settings.data_root()
    assert TOKEN not in str(caught.value)
    assert "hidden-word" not in str(caught.value)
    write(text, mode=0o600)
    assert TOKEN in (settings.api_token(), TOKEN)
    write("database_url = 'postgresql+psycopg://db/ktrdr'", mode=0o644)
    assert settings.database_url() == "postgresql+psycopg://db/ktrdr"


def test_a_password_is_not_shown() -> None:
    (setting,) = (one for one in SETTINGS if one.name == "KTRDR_DATABASE_URL")
    assert setting.shown(URL) == "postgresql+psycopg://me:***@db:5432/ktrdr"
    assert setting.shown("postgresql+psycopg://me:p@ss:w@db/ktrdr") == "postgresql+psycopg://me:***@db/ktrdr"
    assert setting.shown("postgresql+psycopg://db/k?password=word&user=me").endswith("?password=***&user=me")
    assert setting.shown("sqlite:////data/ktrdr.db") == "sqlite:////data/ktrdr.db"


def test_a_child_sees_what_its_parent_saw(here: Path) -> None:
    """The file may change after the parent has read it, and the child may have another folder."""
    write("lease_seconds = 7\nrun_memory_mb = 64\ndata_dir = 'bars'")
    environment = settings.for_child(512) | {"PYTHONPATH": os.pathsep.join(sys.path)}
    write("lease_seconds = 8")
    reads = (
        "from ktrdr import settings; print(settings.lease_seconds(), settings.run_memory_mb(), settings.data_root())"
    )
    child = subprocess.run([sys.executable, "-c", reads], env=environment, capture_output=True, text=True, check=True)
    assert child.stdout.split() == ["7.0", "64", str(here / "bars")]
