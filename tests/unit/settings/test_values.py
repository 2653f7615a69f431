"""Settings of the environment: defaults, values, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ktrdr import settings
from ktrdr.errors import ArgumentInvalid

SECONDS: list[tuple[Callable[[], float], str, float]] = [
    (settings.checkpoint_seconds, "KTRDR_CHECKPOINT_SECONDS", 5.0),
    (settings.lease_seconds, "KTRDR_LEASE_SECONDS", 30.0),
    (settings.stall_seconds, "KTRDR_STALL_SECONDS", 900.0),
    (settings.store_patience_seconds, "KTRDR_STORE_PATIENCE_SECONDS", 120.0),
]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for setting in settings.SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)


@pytest.mark.parametrize(("read", "name", "default"), SECONDS)
def test_seconds(read: Callable[[], float], name: str, default: float, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read() == default
    monkeypatch.setenv(name, "")
    assert read() == default
    monkeypatch.setenv(name, "0.25")
    assert read() == 0.25


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon", "1 s"])
@pytest.mark.parametrize(("read", "name", "default"), SECONDS)
def test_seconds_that_are_none(
    read: Callable[[], float], name: str, default: float, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ArgumentInvalid, match=f"^{name}: must be a number of seconds above 0"):
        read()


@pytest.mark.parametrize(
    ("read", "name", "default"),
    [(settings.max_pending, "KTRDR_MAX_PENDING", 1_000), (settings.max_strategies, "KTRDR_MAX_STRATEGIES", 10_000)],
)
def test_quotas_are_whole_numbers(
    read: Callable[[], int], name: str, default: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read() == default
    monkeypatch.setenv(name, "7")
    assert read() == 7
    for text in ("0", "-1", "1.5", "1e3", "\u0663", "many"):
        monkeypatch.setenv(name, text)
        with pytest.raises(ArgumentInvalid, match=f"^{name}: must be a whole number above 0"):
            read()


def test_the_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/home/somebody/data")
    assert settings.data_root() == Path("/home/somebody/data/ktrdr")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert settings.data_root() == Path.home() / ".local" / "share" / "ktrdr"
    monkeypatch.setenv("KTRDR_DATA_DIR", "/bars")
    assert settings.data_root() == Path("/bars")


def test_texts_that_are_not_set_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (settings.strategies_dir(), settings.database_url(), settings.api_token()) == (None, None, None)
    for name in ("KTRDR_STRATEGIES_DIR", "KTRDR_DATABASE_URL", "KTRDR_API_TOKEN"):
        monkeypatch.setenv(name, "x")
    assert (settings.strategies_dir(), settings.database_url(), settings.api_token()) == (Path("x"), "x", "x")


def test_hosts_are_names_in_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.allowed_hosts() == frozenset()
    monkeypatch.setenv("KTRDR_ALLOWED_HOSTS", " Worker-1,,localhost ")
    assert settings.allowed_hosts() == {"worker-1", "localhost"}


@pytest.mark.parametrize(("text", "wanted"), [("", True), ("on", True), ("off", False)])
def test_progress(text: str, wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_PROGRESS", text)
    assert settings.progress_wanted() is wanted
    monkeypatch.setenv("KTRDR_PROGRESS", "maybe")
    with pytest.raises(ArgumentInvalid, match="KTRDR_PROGRESS: cannot be read: found maybe, expected on or off"):
        settings.progress_wanted()


def test_a_child_gets_a_memory_limit_unless_the_user_gave_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.run_memory_mb() is None
    assert settings.for_child(512)["KTRDR_RUN_MEMORY_MB"] == "512"
    monkeypatch.setenv("KTRDR_RUN_MEMORY_MB", "64")
    assert settings.run_memory_mb() == 64
    assert settings.for_child(512)["KTRDR_RUN_MEMORY_MB"] == "64"
