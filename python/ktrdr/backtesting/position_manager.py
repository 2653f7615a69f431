"""A view of the open position, kept for compatibility."""

from __future__ import annotations

from dataclasses import dataclass

from ktrdr.simulation._run import Run
from ktrdr.simulation.result import OpenPosition


@dataclass(frozen=True)
class PositionManager:
    """A view of a running simulation's position, kept for compatibility.

    It manages nothing: the core holds the position, and ``simulation.position`` is the same value.
    """

    simulation: Run

    @property
    def direction(self) -> int:
        """Returns +1 long, 0 flat, -1 short."""
        position = self.current
        return 0 if position is None else position["direction"]

    @property
    def is_flat(self) -> bool:
        """Returns whether there is no open position."""
        return self.current is None

    @property
    def current(self) -> OpenPosition | None:
        """Returns entry, levels and costs so far of the open position; None when flat."""
        return self.simulation.position
