"""Degrees of membership, computed by the core: one implementation for training, backtest and single bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktrdr import _core
from ktrdr._types import Floats


@dataclass(frozen=True, eq=False)
class DegreeColumn:
    """One column of a feature matrix: its number, its membership function, and the values that are graded."""

    column: int
    kind: str
    parameters: tuple[float, ...]
    values: Floats


def degrees(kind: str, parameters: Sequence[float], values: Floats) -> Floats:
    """Returns the degree of every value, ``[n, float64, 0..1]``; NaN stays NaN.

    Args:
        kind: triangular, trapezoidal, gaussian or sigmoid, in any case.
        parameters: as the catalogue orders them.
        values: ``[n, float64]``.

    Raises:
        ArgumentInvalid: an unknown kind or a wrong number of parameters.

    >>> degrees("triangular", [0, 2, 6], np.array([-1.0, 1.0, 2.0, 3.0])).tolist()
    [0.0, 0.5, 1.0, 0.75]
    """
    column = np.ascontiguousarray(values, dtype=np.float64)
    found: Floats = _core.degrees(kind.lower(), [float(value) for value in parameters], column)
    return found


def fill_degrees(matrix: NDArray[np.float32], fills: Sequence[DegreeColumn]) -> None:
    """Writes degrees into columns of ``matrix`` ``[n, n_features, float32]``, C-contiguous, in place.

    All columns are filled block of rows by block of rows, so that the matrix passes through the cache once.
    """
    _core.fill_memberships(
        matrix, [(fill.column, fill.kind, list(fill.parameters), np.ascontiguousarray(fill.values)) for fill in fills]
    )
