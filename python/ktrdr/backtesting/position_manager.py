"""The open position, as the core holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ktrdr.simulation.arrays import Simulation


@dataclass(frozen=True)
class PositionManager:
    """A view of a running simulation's position; it keeps nothing of its own."""

    simulation: Simulation

    @property
    def direction(self) -> int:
        """+1 long, 0 flat, -1 short."""
        position = self.current
        return 0 if position is None else int(position["direction"])

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held."""
        return self.current is None

    @property
    def current(self) -> dict[str, Any] | None:
        """Entry, quantity, levels and costs so far of the open position; None when flat."""
        return self.simulation.position
