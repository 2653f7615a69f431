"""Progress reports and cancellation: a caller follows and stops long work.

Functions that run for long take ``bridge`` and ``cancellation_token``; None means ``SilentBridge()`` and
``NeverCancelled()``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class ProgressBridge(Protocol):
    """Receives progress reports, counted in the units of a phase."""

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        """Receives ``done`` of ``total`` units of ``phase``; ``total`` is None where it is unknown."""


class CancellationToken(Protocol):
    """Answers, between two blocks of work, if the caller has asked to stop."""

    def is_cancelled(self) -> bool:
        """Returns True once the work should stop."""


class SilentBridge:
    """Progress bridge that drops every report.

    >>> SilentBridge().report("training", 1, 100, {})
    """

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        """Drops the report, whatever it says."""


class NeverCancelled:
    """Cancellation token that never asks to stop.

    >>> NeverCancelled().is_cancelled()
    False
    """

    def is_cancelled(self) -> bool:
        """Returns False, always and at once."""
        return False
