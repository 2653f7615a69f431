"""The state of a run between two blocks: what a save stores, and what a resume continues from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from ktrdr.backtesting.identity import Parts, identity_of
from ktrdr.simulation.blocks import BlockRun
from ktrdr.simulation.cursor import LedgerCursor


@dataclass(frozen=True)
class SavedRun:
    """A saved run that can be resumed.

    Args:
        snapshot: the core's state, a few KiB.
        ledger: the tables written before it, by name.
        parent: of a fork, the hash that identifies the parent's snapshot.
        forks_here: whether the snapshot is still a parent's: other rules and bars may hold from here on.
    """

    snapshot: bytes
    ledger: Mapping[str, pl.DataFrame]
    parent: bytes | None = None
    forks_here: bool = False

    def __repr__(self) -> str:
        return f"<SavedRun: snapshot of {len(self.snapshot):,} bytes{'' if self.parent is None else ', of a fork'}>"


@dataclass(frozen=True)
class Checkpoint:
    """The argument of the checkpoint callback, which is called after every block.

    Nothing is encoded or hashed until a method asks for it.

    Args:
        bar: the next bar's index.
        total_bars: bars of the run.
        cancelled: whether the run stops after this call.
        time_ns: stamp of the last simulated bar, ns UTC.
        model_id: the bundle of the run; a resume must use it again.
        simulation: the run.
        parts: returns the named hashes of the run's inputs.
    """

    bar: int
    total_bars: int
    cancelled: bool
    time_ns: int
    model_id: str
    simulation: BlockRun
    parts: Callable[[], Parts]

    def __repr__(self) -> str:
        return f"<Checkpoint at bar {self.bar:,} of {self.total_bars:,}{', cancelled' if self.cancelled else ''}>"

    def identity(self) -> bytes:
        """Returns the run's identity, which its snapshots carry."""
        return identity_of(self.parts())

    def snapshot(self) -> bytes:
        """Returns the state of the run as bytes."""
        return self.simulation.seal(self.parts())

    def cursor(self, written: Mapping[str, int] | None = None) -> LedgerCursor:
        """Returns a cursor over the ledger that begins after the ``written`` rows of each table."""
        return self.simulation.cursor(written)

    def save(self) -> SavedRun:
        """Returns snapshot and whole ledger of the run."""
        return SavedRun(self.snapshot(), self.simulation.ledger())
