"""A saved run: an opened snapshot and the core's run restored from it with its ledger, before its bars are at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ktrdr import _core
from ktrdr.data.bars import BarSeries
from ktrdr.errors import ArgumentInvalid, IdentityMismatch, ProfileMismatch
from ktrdr.simulation.ledger import to_columns

Parts = Sequence[tuple[str, bytes]]
"""Named hashes of a run's inputs, which its snapshots carry."""
Ledger = Mapping[str, Any]
"""Tables by name, polars or Arrow, as `Run.ledger` returned them."""
Blob = bytes | bytearray | memoryview
"""A snapshot as bytes, or as any other object of bytes."""


@dataclass(frozen=True, eq=False)
class SavedRun:
    """A saved run that can be continued any number of times.

    The snapshot has been opened and the ledger compared with it, once.

    Args:
        opened: the snapshot.
        core: the run restored from it, without bars. It is never advanced.
        parts: named hashes that the run was saved with.
        parent: of a fork, the lineage of the parent's snapshot.
    """

    opened: _core.Snapshot
    core: _core.Simulation
    parts: Parts
    parent: bytes | None = None

    @classmethod
    def of(cls, snapshot: Blob | _core.Snapshot, ledger: Ledger | None, parent: bytes | None = None) -> SavedRun:
        """Returns the saved run of a snapshot and the ledger saved with it.

        Raises:
            SnapshotCorrupt, SnapshotTooNew, SnapshotInconsistent: for bytes that cannot be continued.
            IdentityMismatch: for a ledger other than the one saved; ``part`` names the table.
            ArgumentInvalid: for no snapshot, for a ledger that is no mapping of tables, and where a ledger is needed
                and none was given.
        """
        opened = snapshot if isinstance(snapshot, _core.Snapshot) else _core.Snapshot(_bytes_of(snapshot))
        if not (ledger is None or isinstance(ledger, Mapping)):
            found = type(ledger).__name__
            raise ArgumentInvalid("not a ledger", where="ledger", found=found, expected="tables by name")
        try:
            core, parts = _core.Simulation.restore(opened, to_columns(ledger))
        except IdentityMismatch as error:
            if ledger is None:
                raise ArgumentInvalid("the ledger written so far is needed", where="ledger", found="none") from error
            raise
        return cls(opened, core, parts, parent)

    def __repr__(self) -> str:
        return f"<SavedRun before bar {self.opened.bar:,}{'' if self.parent is None else ', of a fork'}>"

    @property
    def forks_here(self) -> bool:
        """Returns whether the snapshot is still the parent's: other rules and bars may hold from here on."""
        return self.parent == self.opened.lineage

    def over(self, bars: BarSeries) -> _core.Simulation:
        """Returns the core's run with all its bars at hand; ``IdentityMismatch`` for fewer than it has simulated."""
        return self.core.over(bars)

    def fork(self, rules: str, bars: BarSeries | None) -> _core.Simulation:
        """Returns the core's run under other rules, in the core's form; its bars may be other ones."""
        return self.core.fork(self.opened.lineage, rules, bars)

    def compare(self, found: Parts) -> None:
        """Raises ``IdentityMismatch`` or ``ProfileMismatch`` for the first named hash that is not the one saved."""
        then = dict(self.parts)
        now = dict(found)
        for name in then | now:
            if bytes(now.get(name, b"")) != bytes(then.get(name, b"")):
                kind = ProfileMismatch if name == "profile" else IdentityMismatch
                raise kind(
                    "changed since the snapshot was taken",
                    part=name,
                    hint="resume with the inputs of the snapshot, or fork to use these",
                )


def _bytes_of(blob: object) -> bytes:
    """Returns any object of bytes as ``bytes``; raises ``ArgumentInvalid`` for other objects."""
    try:
        return bytes(memoryview(blob))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        found = type(blob).__name__
        raise ArgumentInvalid("not a snapshot", where="blob", found=found, expected="the bytes of one") from None
