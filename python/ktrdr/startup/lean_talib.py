"""Loads TA-Lib without pandas: the fifth of a second and the 68 MiB that it takes are of no use to the program.

``import talib`` imports pandas wherever that is installed, since it accepts its columns. Commands hand it numpy arrays.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from threading import get_ident
from types import ModuleType


def load_talib_without_pandas() -> None:
    """Lets TA-Lib find no pandas in this process while it is imported; whoever else looks for pandas finds it.

    Only for a process that hands TA-Lib no columns of pandas: it would refuse them. It changes nothing where TA-Lib or
    pandas has been imported before.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds TA-Lib, and no pandas for the thread that loads it.

    No entry of `sys.modules` says that pandas is not there: another thread may import it at that moment.
    It stays where it is when TA-Lib has been loaded, since other threads may be walking the list of finders.
    """

    def __init__(self) -> None:
        self.loading: int | None = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns how to load TA-Lib; None for other modules, which are left to the other finders."""
        if fullname == "pandas" and self.loading == get_ident():
            raise ModuleNotFoundError("left out of TA-Lib", name=fullname)
        if fullname != "talib":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path, self)
        return spec


class _Loader(SourceFileLoader):
    """Loads TA-Lib from its file, as usual, and tells the finder which thread does so."""

    def __init__(self, name: str, path: str, finder: _Finder) -> None:
        super().__init__(name, path)
        self._finder = finder

    def exec_module(self, module: ModuleType) -> None:
        """Runs the file of TA-Lib."""
        # TA-Lib imports polars too, which looks for pandas once and remembers the answer: it has to look before.
        import polars  # noqa: F401

        self._finder.loading = get_ident()
        try:
            super().exec_module(module)
        finally:
            self._finder.loading = None
