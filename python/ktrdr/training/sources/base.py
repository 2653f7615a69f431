"""The type of all labels, and the classes they name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ktrdr._types import Flags, Floats, RowNumbers

BUY: Final = 0
HOLD: Final = 1
SELL: Final = 2
CLASSES: Final = ("BUY", "HOLD", "SELL")


@dataclass(frozen=True, eq=False)
class Labels:
    """One label for each bar. A label sees the future by design, and says at which bar it is known.

    Args:
        target: class number, or return [n_bars, float64], NaN where undefined.
        end: row of the bar at which the label is known [n_bars, int64], -1 where undefined.
    """

    target: Floats
    end: RowNumbers

    @property
    def defined(self) -> Flags:
        """Returns the rows that have a label [n_bars, bool]."""
        return np.isfinite(self.target)

    @classmethod
    def undefined(cls, n_bars: int) -> Labels:
        """Returns labels without a value, for a source to fill in.

        >>> Labels.undefined(2).end.tolist()
        [-1, -1]
        """
        return cls(np.full(n_bars, np.nan), np.full(n_bars, -1, np.int64))
