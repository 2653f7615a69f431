"""The package's version; a module of its own, because reading it costs more than ``import ktrdr`` may."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("ktrdr")
except PackageNotFoundError:
    # A source tree on the path that was never installed.
    __version__ = "not installed"
