"""The type of a formula: columns and parameters in, output columns out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ktrdr._types import Floats
from ktrdr.feature_pipeline.indicators.columns import Columns

Params = Mapping[str, Any]
Formula = Callable[[Columns, Params], tuple[Floats, ...]]
Family = Mapping[str, Mapping[tuple[str, ...], Formula]]
"""Formulas by type, then by the outputs that one call gives: only the outputs asked for are computed."""


def source(columns: Columns, params: Params) -> Floats:
    """Returns the column of the ``source`` parameter."""
    return columns.source(params["source"])
