"""Scaling of raw columns: fitted in float64 on training rows, stored in the bundle, applied in every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ktrdr._types import Floats
from ktrdr.errors import ConfigRange

Scaling = Mapping[str, Any]
Normalization = Mapping[str, Scaling]
"""Scaling by feature name: kind, shift, scale, and the low and high of the rows it was fitted on."""


def fit_columns(kind: str, parts: Sequence[Floats], name: str) -> Scaling:
    """Fits minmax, which maps the range to 0..1 (not clipped), or zscore, to mean 0 and deviation 1 (ddof 0).

    Values of ``relative`` have been divided by the close; they are fitted as those of zscore are.

    Raises ``ConfigRange`` for values that are all equal, or all undefined.

    >>> fitted = fit_columns("minmax", [np.array([1.0, np.nan, 3.0])], "1h_rsi_raw")
    >>> scale(np.array([1.0, 2.0, 5.0]), fitted).tolist()
    [0.0, 0.5, 2.0]
    """
    pooled = np.concatenate([part[np.isfinite(part)] for part in parts])
    if len(pooled) == 0 or pooled.min() == pooled.max():
        found = f"{pooled[0]!s} on {len(pooled)} rows" if len(pooled) else "no defined row"
        raise ConfigRange(
            f"{name} is constant on the training rows",
            where="nn_inputs",
            found=found,
            hint=f"drop the input or its normalization: {kind}",
        )
    low = float(pooled.min())
    high = float(pooled.max())
    shift, width = (low, high - low) if kind == "minmax" else (float(pooled.mean()), float(pooled.std()))
    return {"kind": kind, "shift": shift, "scale": width, "low": low, "high": high}


def scale(values: Floats, scaling: Scaling) -> Floats:
    """Returns (values - shift) / scale, ``[n, float64]``."""
    found: Floats = (values - scaling["shift"]) / scaling["scale"]
    return found


def share_outside(values: Floats, scaling: Scaling) -> float:
    """Returns the share of defined values outside the fitted range; 0 if none is defined."""
    defined = values[np.isfinite(values)]
    outside = (defined < scaling["low"]) | (defined > scaling["high"])
    return float(outside.mean()) if len(defined) else 0.0
