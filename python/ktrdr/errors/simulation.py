"""Errors of a simulation and of its snapshots."""

from __future__ import annotations

from ktrdr.errors.base import KtrdrError


class SimulationError(KtrdrError, ValueError):
    """A bar that the simulation cannot price; ``row`` is its index."""

    place_fields = ("row",)
    row: int | None

    def _details(self) -> list[str | None]:
        return [None if self.row is None else f"bar {self.row}"]


class FillPrice(SimulationError, code="fill_price"):
    """A market fill whose price after costs is not positive."""


class SnapshotError(KtrdrError, ValueError):
    """A snapshot that cannot be continued."""

    place_fields = ("part",)
    part: str | None

    def _details(self) -> list[str | None]:
        return [self.part]


class SnapshotCorrupt(SnapshotError, code="snapshot_corrupt"):
    """Bytes that are truncated or changed."""


class SnapshotTooNew(SnapshotError, code="snapshot_too_new"):
    """A snapshot of a later version of ktrdr."""


class SnapshotInconsistent(SnapshotError, code="snapshot_inconsistent"):
    """Intact bytes that describe an impossible state."""


class IdentityMismatch(SnapshotError, code="identity_mismatch"):
    """Inputs that changed since the snapshot; ``part`` names the one that differs."""


class ProfileMismatch(IdentityMismatch, code="profile_mismatch"):
    """Another numeric profile than the snapshot's: ``found`` and ``expected`` name what differs."""


class SnapshotWrongOperation(SnapshotError, code="snapshot_wrong_operation"):
    """A snapshot of another run."""


class SnapshotUnrecoverable(SnapshotError, code="snapshot_unrecoverable"):
    """Snapshots of a run of which none can be continued."""
