"""How much values belong to a fuzzy set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ktrdr import _core


def degrees(kind: str, parameters: Sequence[float], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Degrees ``[n, f64, 0..1]`` of values ``[n, f64]``; NaN in gives NaN out.

    >>> degrees("triangular", [0.0, 1.0, 2.0], np.array([0.5, 1.0, 3.0])).tolist()
    [0.5, 1.0, 0.0]
    """
    return _core.degrees(kind, [float(value) for value in parameters], np.ascontiguousarray(values))
