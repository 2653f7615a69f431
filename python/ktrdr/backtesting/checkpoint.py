"""The state of a run between two blocks: what a save stores, and what a resume continues from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ktrdr.backtesting.identity import Parts, identity_of
from ktrdr.simulation.blocks import BlockRun
from ktrdr.simulation.cursor import LedgerCursor
from ktrdr.simulation.saved import SavedRun


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
        return SavedRun.of(self.snapshot(), self.simulation.ledger())
