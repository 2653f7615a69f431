"""The shape of an indicator's formula: columns and parameters in, its output columns out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ktrdr._types import Floats
from ktrdr.feature_pipeline.indicators.columns import Columns

Params = Mapping[str, Any]
Formula = Callable[[Columns, Params], tuple[Floats, ...]]
Family = Mapping[str, Mapping[tuple[str, ...], Formula]]
"""By type, then by the outputs that one call gives: outputs nobody asks for are not computed."""


def source(columns: Columns, params: Params) -> Floats:
    """The column of the ``source`` parameter."""
    return columns.source(params["source"])
