"""Why a run should stop: asked by a signal or learnt from the store, read between blocks."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """What a run that stops does with its state: save it and rest, save it and let go, or touch nothing."""

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
        self._cancelled = self._shutdown = self._lost = False

    def cancel(self) -> None:
        """Somebody asked the operation to stop for good."""
        self._cancelled = True

    def shut_down(self) -> None:
        """This process has to leave; another may go on at once."""
        self._shutdown = True

    def lose(self) -> None:
        """The operation belongs to somebody else by now."""
        self._lost = True

    @property
    def reason(self) -> Reason | None:
        """The weightiest reason given so far."""
        if self._lost:
            return Reason.LOST
        if self._cancelled:
            return Reason.CANCELLED
        return Reason.SHUTDOWN if self._shutdown else None

    def is_cancelled(self) -> bool:
        """True once there is a reason to stop."""
        return self._lost or self._cancelled or self._shutdown
