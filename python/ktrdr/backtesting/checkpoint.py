"""A run between two blocks, as something that can be saved and continued."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ktrdr.backtesting.identity import Parts
from ktrdr.backtesting.simulation import Simulation


@dataclass(frozen=True)
class SavedRun:
    """What a run is continued from.

    Args:
        snapshot: the core's state, a few KiB.
        ledger: the history written before it.
    """

    snapshot: bytes
    ledger: Any


@dataclass(frozen=True)
class Checkpoint:
    """Given to the checkpoint callback after every block; nothing is encoded or hashed until ``save`` is called.

    Args:
        bar: the next bar's index.
        total_bars: bars of the run.
        cancelled: whether the run stops after this call.
    """

    bar: int
    total_bars: int
    cancelled: bool
    simulation: Simulation
    parts: Callable[[], Parts]

    def save(self) -> SavedRun:
        """Snapshot and ledger as they now stand."""
        return SavedRun(self.simulation.snapshot(self.parts()), self.simulation.ledger())
