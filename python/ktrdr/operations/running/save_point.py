"""States of a run between two blocks of work, as the recorder saves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ktrdr.operations.models import Segment, Trial


class SavePoint(Protocol):
    """The state of a run between two blocks of work. Nothing is encoded before the recorder asks for it."""

    @property
    def bar(self) -> int:
        """Returns the index of the next bar."""

    @property
    def is_last(self) -> bool:
        """Returns True at the end of the run, which is saved with the result."""

    @property
    def is_current(self) -> bool:
        """Returns False once the run has moved past this point."""

    def snapshot(self) -> bytes:
        """Returns the state as bytes."""

    def identity(self) -> bytes:
        """Returns the 32 bytes that stand for all inputs."""

    def segments(self) -> Sequence[Segment]:
        """Returns the ledger rows since the last call."""

    def trial(self) -> Trial | None:
        """Returns the evaluations since the last save, which are logged with it; None for a run that is one itself."""


class FrozenState(Protocol):
    """A state without a ledger that never changes; it is its own opened snapshot too."""

    @property
    def bar(self) -> int:
        """Returns the number of steps that are done."""

    @property
    def identity(self) -> bytes:
        """Returns the 32 bytes that stand for all inputs."""

    def encoded(self) -> bytes:
        """Returns the state as bytes."""


@dataclass(frozen=True)
class StateSavePoint:
    """The save point of a frozen state: the run is not over, has not moved past it, and has no ledger."""

    state: FrozenState

    @property
    def bar(self) -> int:
        """Returns the number of steps that are done."""
        return self.state.bar

    @property
    def is_last(self) -> bool:
        """Returns False: the end is saved with the result."""
        return False

    @property
    def is_current(self) -> bool:
        """Returns True: the state never changes."""
        return True

    def snapshot(self) -> bytes:
        """Returns the state as bytes."""
        return self.state.encoded()

    def identity(self) -> bytes:
        """Returns the 32 bytes that stand for all inputs."""
        return self.state.identity

    def segments(self) -> Sequence[Segment]:
        """Returns no ledger rows."""
        return ()

    def trial(self) -> None:
        """Returns None: the state evaluates nothing."""
