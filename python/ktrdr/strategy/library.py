"""Finds strategies by name: in the user's folders first, then among those that come with ktrdr."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from ktrdr.config.yaml import MAX_BYTES, decode
from ktrdr.errors import ConfigDocument, ConfigNotFound, OutputNotWritable
from ktrdr.settings import data_root, strategies_dir
from ktrdr.strategy.sections.grammar import STRATEGY_NAME
from ktrdr.text import nearest_names, one_line

BUILTIN = "built-in"
DESIGNED = "strategies"
"""Folder of the data folder that research writes strategies to."""
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class StrategySource:
    """A strategy file that was found: its name, and the place it was found in."""

    name: str
    source: str
    path: Traversable

    @property
    def shown(self) -> str:
        """Returns the name for messages: the path that the user gave, else the file name alone."""
        return str(self.path) if self.source == "path" else self.path.name

    def read(self) -> str:
        """Returns the text of the file."""
        return read_strategy_file(self.path, self.shown)


def read_strategy_file(path: Traversable, shown: str) -> str:
    """Returns a strategy file as text.

    Raises ``ConfigNotFound``, or ``ConfigDocument`` if it is too large or not UTF-8.
    """
    try:
        with path.open("rb") as stream:
            return decode(stream.read(MAX_BYTES + 1), shown)
    except (FileNotFoundError, IsADirectoryError):
        raise ConfigNotFound("no such strategy file", where=shown) from None
    except OSError as error:
        raise ConfigDocument(f"cannot be read: {error.strerror}", where=shown) from None


def find_strategy(name: str, *, allow_path: bool = False) -> StrategySource:
    """Finds a strategy: as a path (if allowed), in KTRDR_STRATEGIES_DIR, in ./strategies, in the data folder,
    among the built-in ones.

    Raises ``ConfigNotFound`` with the nearest names. A name is matched before the file system is touched.
    """
    if allow_path and os.path.isfile(name):  # noqa: PTH113  (False for a name no file system takes)
        return StrategySource(Path(name).stem, "path", Path(name))
    if re.fullmatch(STRATEGY_NAME, name):
        for source, folder in _folders():
            for suffix in _SUFFIXES:
                path = folder / f"{name}{suffix}"
                if _is_inside(path, folder):
                    return StrategySource(name, source, path)
    known = [found.name for found in list_strategies()]
    close = nearest_names(name, known)
    hint = f"did you mean {', '.join(close)}?" if close else f"known: {', '.join(known)}"
    raise ConfigNotFound("no strategy of that name", where="strategy", found=one_line(name), hint=hint)


def list_strategies() -> tuple[StrategySource, ...]:
    """Returns every strategy that a name finds, in name order."""
    found: dict[str, StrategySource] = {}
    for source, folder in _folders():
        for path in _strategy_files(folder):
            name = path.name.rpartition(".")[0]
            found.setdefault(name, StrategySource(name, source, path))
    return tuple(found[name] for name in sorted(found))


def copy_strategy(name: str, dest: Path | None = None) -> Path:
    """Writes a built-in strategy into a folder (./strategies) for editing, and returns the new file.

    Raises ``ConfigNotFound``, and ``OutputNotWritable`` where the file exists already.
    """
    builtin = {found.name: found for found in _builtin()}
    if name not in builtin:
        raise ConfigNotFound("no built-in strategy of that name", found=one_line(name), expected=", ".join(builtin))
    folder = Path("strategies") if dest is None else dest
    target = folder / f"{name}.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as stream:
            stream.write(builtin[name].read())
    except FileExistsError:
        raise OutputNotWritable("exists already", where=str(target), hint="remove or rename it first") from None
    except OSError as error:
        raise OutputNotWritable(f"cannot be written: {error.strerror}", where=str(target)) from None
    return target


def _folders() -> Iterator[tuple[str, Traversable]]:
    if (own := strategies_dir()) is not None:
        yield "KTRDR_STRATEGIES_DIR", own
    yield "./strategies", Path("strategies")
    yield "data folder", data_root() / DESIGNED
    yield BUILTIN, files("ktrdr.strategy") / "builtin"


def _builtin() -> list[StrategySource]:
    folder = files("ktrdr.strategy") / "builtin"
    return [StrategySource(path.name.rpartition(".")[0], BUILTIN, path) for path in _strategy_files(folder)]


def _strategy_files(folder: Traversable) -> list[Traversable]:
    if not folder.is_dir():
        return []
    named = [path for path in folder.iterdir() if path.name.endswith(_SUFFIXES) and _is_inside(path, folder)]
    matching = [path for path in named if re.fullmatch(STRATEGY_NAME, path.name.rpartition(".")[0])]
    return sorted(matching, key=lambda path: path.name)


def _is_inside(path: Traversable, folder: Traversable) -> bool:
    """Returns True if the file exists and no symlink leads out of its folder."""
    if not path.is_file():
        return False
    return not isinstance(path, Path) or path.resolve().is_relative_to(Path(str(folder)).resolve())
