"""Rows per inference block: part of a run's numeric profile, so it is known without torch."""

from __future__ import annotations

from typing import Final

from ktrdr.strategy.sections.model import BLOCK_ROWS

__all__ = ["BLOCK_ROWS", "DEFAULT_THREADS"]

DEFAULT_THREADS: Final = 2
