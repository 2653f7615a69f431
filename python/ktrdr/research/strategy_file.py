"""The file of a designed strategy: written once, whole, and never over another one."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from ktrdr.config.yaml import MAX_BYTES
from ktrdr.disk import sync, write_synced
from ktrdr.errors import ConfigNotFound, OutputNotWritable, QuotaExceeded
from ktrdr.research.designer.base import Design
from ktrdr.settings import max_strategies
from ktrdr.strategy.library import BUILTIN, DESIGNED, find_strategy


@dataclass(frozen=True)
class SavedStrategy:
    """A strategy on disk.

    Args:
        name: of the strategy, and of its file without the ending.
        path: of the file.
        text: its content.
    """

    name: str
    path: Path
    text: str


def strategies_folder(data_dir: Path) -> Path:
    """Returns the folder of designed strategies: ``strategies`` in the data folder, where their names are looked up.

    It is not the working folder: a worker has another one than the person who asked, and so has whoever resumes.
    """
    return data_dir / DESIGNED


def save_strategy(design: Design, folder: Path) -> SavedStrategy:
    """Writes a design as ``NAME.yaml``, or returns the file that has this content already.

    Where the name is taken by another strategy, the design gets the next free one: NAME_2, NAME_3, ... A process that
    was killed after the write finds its own file. Raises ``OutputNotWritable``, ``QuotaExceeded``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            saved = _named(design, folder, number)
            if not _is_built_in(saved.name) and _claim(saved):
                return saved
    except OSError as error:
        raise OutputNotWritable(f"a strategy cannot be written: {error.strerror}", where=folder.name) from None
    raise AssertionError("unreachable")


def require_room(folder: Path) -> None:
    """Passes if one more strategy may be written to a folder of designs; else ``QuotaExceeded``."""
    most = max_strategies()
    found = sum(1 for _ in folder.glob("*.yaml"))
    if found >= most:
        raise QuotaExceeded(
            "too many strategies have been designed",
            where=folder.name,
            found=found,
            expected="fewer than KTRDR_MAX_STRATEGIES",
            hint=f"remove some from `{folder.name}` of the data folder, or raise the setting",
        )


def _named(design: Design, folder: Path, number: int) -> SavedStrategy:
    name = design.name if number == 1 else f"{design.name}_{number}"
    named = design if number == 1 else replace(design, strategy={**design.strategy, "name": name})
    return SavedStrategy(name, folder / f"{name}.yaml", named.text)


def _is_built_in(name: str) -> bool:
    try:
        return find_strategy(name).source == BUILTIN
    except ConfigNotFound:
        return False


def _claim(saved: SavedStrategy) -> bool:
    """Returns True if the file has this content now; a link to a whole file is the claim of the name."""
    data = saved.text.encode()
    if saved.path.exists():
        return _holds(saved.path, data)
    require_room(saved.path.parent)
    partial = saved.path.with_name(f".writing-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        write_synced(partial, data)
        os.link(partial, saved.path)
        sync(saved.path.parent)
    except FileExistsError:
        return _holds(saved.path, data)
    finally:
        partial.unlink(missing_ok=True)
    return True


def _holds(path: Path, data: bytes) -> bool:
    with path.open("rb") as stream:
        return stream.read(MAX_BYTES + 1) == data
