"""A run between two blocks, as something that can be saved and continued."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ktrdr import _core
from ktrdr.backtesting.identity import Parts, identity_of
from ktrdr.simulation.arrays import Simulation
from ktrdr.simulation.ledger_cursor import LedgerCursor


@dataclass(frozen=True)
class SavedRun:
    """What a run is continued from.

    Args:
        snapshot: the core's state, a few KiB.
        ledger: the history written before it.
        parent: of a run that was forked, the hash that stands for what it was forked from.
    """

    snapshot: bytes
    ledger: Any
    parent: bytes | None = None

    @property
    def forks_here(self) -> bool:
        """Whether the snapshot is still the parent's: from here on other rules and bars may hold."""
        return self.parent is not None and _core.verify(self.snapshot)[3] == self.parent


@dataclass(frozen=True)
class Checkpoint:
    """Given to the checkpoint callback after every block; nothing is encoded or hashed until it is asked for.

    Args:
        bar: the next bar's index.
        total_bars: bars of the run.
        cancelled: whether the run stops after this call.
        time_ns: stamp of the last bar taken, ns UTC.
        model_id: the bundle the run uses, which a resume must use again.
    """

    bar: int
    total_bars: int
    cancelled: bool
    time_ns: int
    model_id: str
    simulation: Simulation
    parts: Callable[[], Parts]

    def identity(self) -> bytes:
        """The run's identity, which its snapshots carry."""
        return identity_of(self.parts())

    def snapshot(self) -> bytes:
        """The state as it now stands."""
        return self.simulation.snapshot(self.parts())

    def cursor(self, written: dict[str, int] | None = None) -> LedgerCursor:
        """The ledger in pieces, from the ``written`` rows of each table on."""
        return self.simulation.cursor(written)

    def save(self) -> SavedRun:
        """Snapshot and whole ledger as they now stand."""
        return SavedRun(self.snapshot(), self.simulation.ledger())
