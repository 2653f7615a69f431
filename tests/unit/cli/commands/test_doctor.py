"""The doctor: each setting with the place that gives it, and no secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ktrdr.settings import SETTINGS

TOKEN = "a-token-of-thirty-two-characters-"


def test_the_doctor_shows_where_each_setting_comes_from(ktrdr: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
    monkeypatch.setenv("KTRDR_STALL_SECONDS", "60")
    Path("ktrdr.toml").write_text(f"lease_seconds = 7\napi_token = '{TOKEN}'\ndata_dir = 'bars'\n")
    Path("ktrdr.toml").chmod(0o600)
    said = ktrdr("doctor --json")
    shown = said.object["settings"]
    assert shown["KTRDR_LEASE_SECONDS"] == {"value": "7", "from": "ktrdr.toml:1: lease_seconds"}
    assert shown["KTRDR_API_TOKEN"] == {"value": "set, hidden", "from": "ktrdr.toml:2: api_token"}
    assert shown["KTRDR_DATA_DIR"] == {"value": str(Path("bars").absolute()), "from": "ktrdr.toml:3: data_dir"}
    assert shown["KTRDR_STALL_SECONDS"] == {"value": "60", "from": "environment"}
    assert shown["KTRDR_PROGRESS"] == {"value": "on", "from": "default"}
    assert set(shown) == {setting.name for setting in SETTINGS}
    assert TOKEN not in said.out + ktrdr("doctor").out


def test_a_file_that_cannot_be_read_is_the_answer(ktrdr: Callable) -> None:
    Path("ktrdr.toml").write_text("\nlease_second = 7\n")
    said = ktrdr("operations list")
    assert said.is_error("config_unknown_key", 3)
    assert "ktrdr.toml:2: lease_second: unknown key; did you mean lease_seconds?" in said.err
