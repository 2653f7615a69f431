"""Values of the settings, each read when its function is called. An empty variable counts as one that is not set."""

from __future__ import annotations

import math
import os
from pathlib import Path

from ktrdr.errors import ArgumentInvalid
from ktrdr.settings.files import Setting, Written, read_settings_file, settings_files

SETTINGS = (
    Setting(
        "KTRDR_DATA_DIR",
        "`ktrdr` in `XDG_DATA_HOME` or `~/.local/share`",
        "folder of bars and models, and of the database where `KTRDR_DATABASE_URL` names no other",
        kind="path",
    ),
    Setting("KTRDR_STRATEGIES_DIR", "none", "folder in which the name of a strategy is looked up first", kind="path"),
    Setting(
        "KTRDR_DATABASE_URL",
        "SQLite file in the data folder",
        "database of operations; `postgresql+psycopg://...` for many workers",
    ),
    Setting("KTRDR_CHECKPOINT_SECONDS", "5", "seconds between two checkpoints of a run", kind="number"),
    Setting("KTRDR_LEASE_SECONDS", "30", "seconds after which a silent owner loses its operation", kind="number"),
    Setting(
        "KTRDR_STALL_SECONDS",
        "900",
        "seconds that a run may compute without progress and keep its lease",
        kind="number",
    ),
    Setting(
        "KTRDR_STORE_PATIENCE_SECONDS",
        "120",
        "seconds that a save waits while the database is busy, full or away",
        kind="number",
    ),
    Setting(
        "KTRDR_RUN_MEMORY_MB",
        "memory divided by slots",
        "MiB that one run of a worker may use",
        kind="number",
    ),
    Setting("KTRDR_MAX_PENDING", "1000", "operations that may wait at once; a further one is refused", kind="number"),
    Setting(
        "KTRDR_MAX_STRATEGIES",
        "10000",
        "strategies that research may write to the data folder",
        kind="number",
    ),
    Setting(
        "KTRDR_LOG_FILE",
        "the error stream",
        "file of a worker's log, one for each worker; it rotates: five of 10 MiB are kept",
        kind="path",
    ),
    Setting("KTRDR_API_TOKEN", "none", "secret that a worker asks for and a client sends", secret=True),
    Setting(
        "KTRDR_ALLOWED_HOSTS",
        "names of the loopback address",
        "host names that a worker answers to, by commas",
        kind="names",
    ),
    Setting(
        "KTRDR_MODEL_KEY",
        "`ANTHROPIC_API_KEY` of the environment",
        "secret of the language model that designs strategies; `-m grammar` needs none",
        secret=True,
    ),
    Setting(
        "KTRDR_MODEL_URL",
        "`ANTHROPIC_BASE_URL` of the environment, else the service's own",
        "address of the language model's service",
    ),
    Setting("KTRDR_MODEL_TOKENS", "60000", "tokens that one design by a language model may take", kind="number"),
    Setting("KTRDR_MODEL_DOLLARS", "1", "dollars that one design by a language model may cost", kind="number"),
    Setting(
        "KTRDR_FEATURE_CACHE_MB",
        "0",
        "MiB that features of earlier backtests may take on disk, so that they are not computed again; 0 keeps none",
        kind="number",
    ),
    Setting(
        "KTRDR_FEATURE_CACHE_DIR", "`features` in the data folder", "folder of the features that are kept", kind="path"
    ),
    Setting("KTRDR_PROGRESS", "on", "`off` draws no progress where the caller has named no bridge"),
)
_SLEEPING = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}
"""Threads that wait for others sleep. Spinning, those of two runs at once take the cores from each other."""

_UNCOUNTED = {"MIMALLOC_ARENA_EAGER_COMMIT": "0"}
"""The core's allocator asks for memory as it is used: a gigabyte reserved ahead would count against a run's limit."""

_BY_NAME = {setting.name: setting for setting in SETTINGS}


def written(name: str) -> Written | None:
    """Returns the value of a setting and the place that gives it; None where its default is in force.

    Raises the ``ConfigError`` leaves of `read_settings_file`.
    """
    if text := os.environ.get(name):
        return Written(text, name)
    for file in settings_files():
        if (found := read_settings_file(file, _BY_NAME).get(name)) is not None:
            return found
    return None


def where(name: str) -> str:
    """Returns the place that gives a setting, for an error; by default the name of its variable."""
    found = written(name)
    return name if found is None else found.where


def for_child(run_memory_mb: int) -> dict[str, str]:
    """Returns the environment of a child process, in which every setting is as it is here.

    A file that changes later does not come between the two. ``run_memory_mb`` is the default of
    ``KTRDR_RUN_MEMORY_MB``.
    """
    given = {name: found.text for name in _BY_NAME if (found := written(name)) is not None}
    return {**_SLEEPING, **_UNCOUNTED, **os.environ, "KTRDR_RUN_MEMORY_MB": str(run_memory_mb), **given}


def let_waiting_threads_sleep() -> None:
    """Sets the environment of this process so; OpenMP reads it when torch is loaded. What a user has set stays."""
    for name, value in _SLEEPING.items():
        os.environ.setdefault(name, value)


def data_root() -> Path:
    """Returns the data folder: ``KTRDR_DATA_DIR``, else a folder under the user's data."""
    if given := _text("KTRDR_DATA_DIR"):
        return Path(given)
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return home / "ktrdr"


def strategies_dir() -> Path | None:
    """Returns ``KTRDR_STRATEGIES_DIR``, None where it is not set."""
    given = _text("KTRDR_STRATEGIES_DIR")
    return Path(given) if given else None


def database_url() -> str | None:
    """Returns ``KTRDR_DATABASE_URL``, None where it is not set."""
    return _text("KTRDR_DATABASE_URL") or None


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
    text = _text("KTRDR_RUN_MEMORY_MB")
    if not text:
        return None
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentInvalid("must be a whole number of MiB above 0", where=where("KTRDR_RUN_MEMORY_MB"), found=text)
    return int(text)


def max_pending() -> int:
    """Returns ``KTRDR_MAX_PENDING``; raises ``ArgumentInvalid``."""
    return _count("KTRDR_MAX_PENDING")


def max_strategies() -> int:
    """Returns ``KTRDR_MAX_STRATEGIES``; raises ``ArgumentInvalid``."""
    return _count("KTRDR_MAX_STRATEGIES")


def log_file() -> Path | None:
    """Returns ``KTRDR_LOG_FILE``, None where it is not set."""
    given = _text("KTRDR_LOG_FILE")
    return Path(given) if given else None


def feature_cache_mb() -> int:
    """Returns ``KTRDR_FEATURE_CACHE_MB``, 0 where nothing is kept; raises ``ArgumentInvalid``."""
    text = _text("KTRDR_FEATURE_CACHE_MB") or _BY_NAME["KTRDR_FEATURE_CACHE_MB"].default
    if not text.isdecimal():
        place = where("KTRDR_FEATURE_CACHE_MB")
        raise ArgumentInvalid("must be a whole number of MiB from 0", where=place, found=text)
    return int(text)


def feature_cache_dir() -> Path:
    """Returns ``KTRDR_FEATURE_CACHE_DIR``, else a folder in the data folder."""
    given = _text("KTRDR_FEATURE_CACHE_DIR")
    return Path(given) if given else data_root() / "features"


def api_token() -> str | None:
    """Returns ``KTRDR_API_TOKEN``, None where it is not set."""
    return _text("KTRDR_API_TOKEN") or None


def allowed_hosts() -> frozenset[str]:
    """Returns the names of ``KTRDR_ALLOWED_HOSTS`` in lower case; empty where it is not set."""
    names = (name.strip().lower() for name in _text("KTRDR_ALLOWED_HOSTS").split(","))
    return frozenset(filter(None, names))


def progress_wanted() -> bool:
    """Returns False where ``KTRDR_PROGRESS`` is off; raises ``ArgumentInvalid`` for a word that is neither."""
    text = _text("KTRDR_PROGRESS") or "on"
    if text not in ("on", "off"):
        raise ArgumentInvalid("cannot be read", where=where("KTRDR_PROGRESS"), found=text, expected="on or off")
    return text == "on"


def model_key() -> str | None:
    """Returns ``KTRDR_MODEL_KEY``, else ``ANTHROPIC_API_KEY``; None where neither is set."""
    return _text("KTRDR_MODEL_KEY") or os.environ.get("ANTHROPIC_API_KEY") or None


def model_url() -> str:
    """Returns ``KTRDR_MODEL_URL``, else ``ANTHROPIC_BASE_URL``, else the address of the service itself."""
    return _text("KTRDR_MODEL_URL") or os.environ.get("ANTHROPIC_BASE_URL") or "https://api.anthropic.com"


def model_tokens() -> int:
    """Returns ``KTRDR_MODEL_TOKENS``; raises ``ArgumentInvalid``."""
    return int(_positive("KTRDR_MODEL_TOKENS", "a number of tokens"))


def model_dollars() -> float:
    """Returns ``KTRDR_MODEL_DOLLARS``; raises ``ArgumentInvalid``."""
    return _positive("KTRDR_MODEL_DOLLARS", "an amount of dollars")


def under_pytest() -> bool:
    """Returns True inside a test of pytest, also with its ``-s``: nobody follows a bar there."""
    return "PYTEST_CURRENT_TEST" in os.environ


def _text(name: str) -> str:
    found = written(name)
    return "" if found is None else found.text


def _count(name: str) -> int:
    text = _text(name) or _BY_NAME[name].default
    if not (text.isdecimal() and text.isascii() and int(text) > 0):
        raise ArgumentInvalid("must be a whole number above 0", where=where(name), found=text)
    return int(text)


def _seconds(name: str) -> float:
    return _positive(name, "a number of seconds")


def _positive(name: str, what: str) -> float:
    text = _text(name) or _BY_NAME[name].default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ArgumentInvalid(f"must be {what} above 0", where=where(name), found=text)
    return value
