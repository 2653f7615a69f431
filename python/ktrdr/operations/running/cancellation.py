"""The request to stop a run, with its reason: set by signals and by the heartbeat, read between blocks."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The reason of a stop: cancelled (save and rest), shutdown (save and release the lease), lost (write nothing)."""

    CANCELLED = "cancelled"
    SHUTDOWN = "shutdown"
    LOST = "lost"


class Token:
    """A cancellation token that knows its reason.

    Each flag only ever rises, so signal handlers and threads may set them without a lock.

    >>> token = Token()
    >>> token.shut_down(), token.reason.value
    (None, 'shutdown')
    >>> token.lose(), token.reason.value
    (None, 'lost')
    """

    def __init__(self) -> None:
        self._cancelled = False
        self._shutdown = False
        self._lost = False

    def cancel(self) -> None:
        """Asks the run to save and to end the operation as cancelled."""
        self._cancelled = True

    def shut_down(self) -> None:
        """Asks the run to save and to release its lease: this process has to end."""
        self._shutdown = True

    def lose(self) -> None:
        """Asks the run to write nothing more: another process owns the operation."""
        self._lost = True

    @property
    def reason(self) -> Reason | None:
        """Returns the strongest reason so far: lost before cancelled before shutdown."""
        if self._lost:
            return Reason.LOST
        if self._cancelled:
            return Reason.CANCELLED
        return Reason.SHUTDOWN if self._shutdown else None

    def is_cancelled(self) -> bool:
        """Returns True once there is a reason to stop."""
        return self._lost or self._cancelled or self._shutdown
