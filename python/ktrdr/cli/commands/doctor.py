"""``ktrdr doctor``: prints versions, machine, data folder, and what is missing."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ktrdr._lazy import EXTRAS, library_missing
from ktrdr._processor import V3, built_for, level_of, processor_flags
from ktrdr.cli.output import CommandResult, Table
from ktrdr.data.store.repository import Repository
from ktrdr.errors import KtrdrError, ProcessorUnsupported
from ktrdr.settings import SETTINGS, written

_LIBRARIES = ("torch", "numpy", "polars", "TA-Lib", "pydantic", "safetensors", "cyclopts", "rich")
_OLDEST_PYTHON = (3, 11)


def doctor() -> CommandResult:
    """Print versions, machine, data folder, and gaps."""
    versions = {name: _version(name) for name in ("ktrdr", *_LIBRARIES)}
    repository = Repository()
    missing = [_absent(name) for name, found in versions.items() if found is None and name != "ktrdr"]
    missing += [problem for problem in (_python_problem(), _core_problem()) if problem is not None]
    missing += _folder_problems(repository)
    data: dict[str, Any] = {
        "python": platform.python_version(),
        "versions": versions,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "processor": _processor(),
        "core_built_for": built_for() or "unknown",
        "cpu_capability": _capability(),
        "data_folder": str(repository.root),
        "series": len(repository.names()),
        "database": _database(missing),
        "settings": _settings(repository.root),
        "missing": missing,
    }
    rows = [("Python", data["python"]), *((name, found or "missing") for name, found in versions.items())]
    rows += [(key.replace("_", " "), str(data[key])) for key in list(data)[2:-2]]
    settings = Table(("setting", "value", "from"), [(name, *one.values()) for name, one in data["settings"].items()])
    notes = [f"missing: {line}" for line in missing] or ["nothing is missing"]
    return CommandResult(data, [Table(("", ""), rows), settings, *notes])


def _absent(library: str) -> str:
    needed = f": train and backtest need it; {library_missing(library).hint}" if library in EXTRAS else ""
    return f"{library} is not installed{needed}"


def _settings(data_folder: Path) -> dict[str, dict[str, str]]:
    """Returns each setting with its value and the place that gives it; secrets are hidden."""
    found: dict[str, dict[str, str]] = {}
    for setting in SETTINGS:
        given = written(setting.name)
        default = str(data_folder) if setting.name == "KTRDR_DATA_DIR" else setting.default
        value, place = (default, "default") if given is None else (setting.shown(given.text), given.where)
        found[setting.name] = {"value": value, "from": "environment" if place == setting.name else place}
    return found


def _processor() -> str:
    """Returns the level of the processor's instructions, and what x86-64-v3 would need beside them."""
    flags = processor_flags()
    if flags is None:
        return f"{platform.machine()}, flags unknown"
    lacking = sorted(V3 - flags)
    return level_of(flags) + (f", without {', '.join(lacking)}" if lacking else ", with AVX2")


def _database(missing: list[str]) -> str:
    """Returns the kind of the operations' database; one that cannot be used is added to ``missing``."""
    try:
        from ktrdr.operations.store.database import database_url
        from ktrdr.operations.store.store import Store

        url = database_url()
        if url.drivername == "sqlite" and not Path(str(url.database)).exists():
            return "SQLite, made by the first run"
        Store.open(url.render_as_string(hide_password=False)).close()
        return "SQLite" if url.drivername == "sqlite" else f"PostgreSQL at {url.host}"
    except (ImportError, KtrdrError) as error:
        missing.append(f"a database of operations that can be used: {error}")
        return "cannot be used"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _python_problem() -> str | None:
    return "Python 3.11 or later" if sys.version_info < _OLDEST_PYTHON else None


def _core_problem() -> str | None:
    try:
        from ktrdr import _core  # noqa: F401
    except ProcessorUnsupported as error:
        return str(error)
    except ImportError:
        return "the compiled core: build it with `make build`"
    return None


def _capability() -> str:
    try:
        from ktrdr.neural.runtime import torch_profile
    except ImportError:
        return "unknown: torch is missing"
    return str(torch_profile()["cpu_capability"])


def _folder_problems(repository: Repository) -> list[str]:
    folder = repository.root
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return ["the data folder is a file"]
    if not os.access(folder, os.W_OK):
        return ["the data folder cannot be written"]
    return [] if repository.names() else ["no series: `ktrdr data import` or `ktrdr data sample`"]
