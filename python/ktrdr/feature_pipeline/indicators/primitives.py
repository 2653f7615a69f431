"""Pieces that composed indicators share: windows by polars, shifts forward, division with defined zeros."""

from __future__ import annotations

import numpy as np
import polars as pl

from ktrdr._types import Flags, Floats


def rolling_sum(values: Floats, period: int) -> Floats:
    """Returns the sum of the last ``period`` values; NaN before there are that many."""
    return pl.Series(values).rolling_sum(period).cast(pl.Float64).fill_null(np.nan).to_numpy()


def all_zero(values: Floats, period: int) -> Flags:
    """Returns a mask of rows whose last ``period`` values are all 0.

    Zeros are counted, since the residue of a running sum would hide them.
    """
    zeros = pl.Series(values == 0).cast(pl.UInt32).rolling_sum(period)
    return (zeros == period).fill_null(value=False).to_numpy()


def shift_forward(values: Floats, bars: int) -> Floats:
    """Returns each value ``bars`` bars later; NaN before the first."""
    shifted = np.full_like(values, np.nan)
    shifted[bars:] = values[: max(len(values) - bars, 0)]
    return shifted


def ratio(above: Floats, below: Floats) -> Floats:
    """Returns above / below; NaN where that is not finite."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        found = above / below
    found[~np.isfinite(found)] = np.nan
    return found


def ratio_or(above: Floats, below: Floats, where_zero: Flags, value: Floats | float) -> Floats:
    """Returns above / below, ``value`` where all inputs of the denominator are 0, NaN before the first window."""
    undefined = np.isnan(below)
    return np.where(where_zero & ~undefined, value, ratio(above, below))
