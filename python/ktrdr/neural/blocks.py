"""Rows per inference block: part of a run's numeric profile, so it is known without torch."""

from __future__ import annotations

from typing import Final

BLOCK_ROWS: Final = {"mlp": 4096, "lstm": 256, "gru": 256}
DEFAULT_THREADS: Final = 2
