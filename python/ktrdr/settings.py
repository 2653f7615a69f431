"""Settings of the environment: the one place that reads it.

``SETTINGS`` is the table that CONTRIBUTING shows. Each function below reads one setting when it is called.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from ktrdr.errors import ArgumentInvalid


@dataclass(frozen=True)
class Setting:
    """A variable of the environment: its name, the default as text, and its meaning."""

    name: str
    default: str
    meaning: str


SETTINGS = (
    Setting(
        "KTRDR_DATA_DIR",
        "`ktrdr` in `XDG_DATA_HOME` or `~/.local/share`",
        "folder of bars and models, and of the database where `KTRDR_DATABASE_URL` names no other",
    ),
    Setting("KTRDR_STRATEGIES_DIR", "none", "folder in which the name of a strategy is looked up first"),
    Setting(
        "KTRDR_DATABASE_URL",
        "SQLite file in the data folder",
        "database of operations; `postgresql+psycopg://...` for many workers",
    ),
    Setting("KTRDR_CHECKPOINT_SECONDS", "5", "seconds between two checkpoints of a run"),
    Setting("KTRDR_LEASE_SECONDS", "30", "seconds after which a silent owner loses its operation"),
    Setting("KTRDR_STALL_SECONDS", "900", "seconds that a run may compute without progress and keep its lease"),
    Setting(
        "KTRDR_STORE_PATIENCE_SECONDS", "120", "seconds that a save waits for a database that is locked, full or away"
    ),
    Setting("KTRDR_RUN_MEMORY_MB", "memory divided by slots", "MiB that one run of a worker may use"),
    Setting("KTRDR_API_TOKEN", "none", "secret that a worker asks for and a client sends"),
    Setting("KTRDR_ALLOWED_HOSTS", "names of the loopback address", "host names that a worker answers to, by commas"),
)


def data_root() -> Path:
    """Returns the data folder: ``KTRDR_DATA_DIR``, else a folder under the user's data."""
    if given := os.environ.get("KTRDR_DATA_DIR"):
        return Path(given)
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return home / "ktrdr"


def strategies_dir() -> Path | None:
    """Returns ``KTRDR_STRATEGIES_DIR``, None where it is not set."""
    given = os.environ.get("KTRDR_STRATEGIES_DIR")
    return Path(given) if given else None


def database_url() -> str | None:
    """Returns ``KTRDR_DATABASE_URL``, None where it is not set."""
    return os.environ.get("KTRDR_DATABASE_URL") or None


def checkpoint_seconds() -> float:
    """Returns ``KTRDR_CHECKPOINT_SECONDS``; raises ``ArgumentInvalid``."""
    return _seconds("KTRDR_CHECKPOINT_SECONDS")


def lease_seconds() -> float:
    """Returns ``KTRDR_LEASE_SECONDS``; raises ``ArgumentInvalid``."""
    return _seconds("KTRDR_LEASE_SECONDS")


def stall_seconds() -> float:
    """Returns ``KTRDR_STALL_SECONDS``; raises ``ArgumentInvalid``."""
    return _seconds("KTRDR_STALL_SECONDS")


def store_patience_seconds() -> float:
    """Returns ``KTRDR_STORE_PATIENCE_SECONDS``; raises ``ArgumentInvalid``."""
    return _seconds("KTRDR_STORE_PATIENCE_SECONDS")


def run_memory_mb() -> int | None:
    """Returns ``KTRDR_RUN_MEMORY_MB``, None where it is not set; raises ``ArgumentInvalid``."""
    text = os.environ.get("KTRDR_RUN_MEMORY_MB")
    if not text:
        return None
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentInvalid("must be a whole number of MiB above 0", where="KTRDR_RUN_MEMORY_MB", found=text)
    return int(text)


def with_run_memory(default_mb: int) -> dict[str, str]:
    """Returns this process's environment for a child, with ``KTRDR_RUN_MEMORY_MB`` set where the user gave none."""
    return {"KTRDR_RUN_MEMORY_MB": str(default_mb), **os.environ}


def api_token() -> str | None:
    """Returns ``KTRDR_API_TOKEN``, None where it is not set."""
    return os.environ.get("KTRDR_API_TOKEN") or None


def allowed_hosts() -> frozenset[str]:
    """Returns the names of ``KTRDR_ALLOWED_HOSTS`` in lower case; empty where it is not set."""
    names = (name.strip().lower() for name in os.environ.get("KTRDR_ALLOWED_HOSTS", "").split(","))
    return frozenset(filter(None, names))


def _seconds(name: str) -> float:
    default = next(setting.default for setting in SETTINGS if setting.name == name)
    text = os.environ.get(name) or default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ArgumentInvalid("must be a number of seconds above 0", where=name, found=text)
    return value
