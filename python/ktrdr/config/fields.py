"""Types of fields of configurations and requests, with their bounds and the words that describe them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]

Rate = Annotated[float, Field(ge=0, lt=1)]
"""A fraction of something, which may be none of it and never all of it."""

Share = Annotated[float, Field(gt=0, lt=1)]
"""A fraction of something, neither none nor all of it."""

Bars = Annotated[int, Field(ge=1, le=10_000)]
"""A number of bars that a window may have."""

Instant = Annotated[str, Field(max_length=40)]
"""A date or an instant in ISO form."""

Execution = Annotated[dict[str, Any] | None, Field(description="execution rules, merged over the strategy's")]
Decisions = Annotated[dict[str, Any] | None, Field(description="decision rules, merged over the strategy's")]
Metrics = Annotated[dict[str, Any] | None, Field(description="metric rules, merged over the strategy's")]
Training = Annotated[dict[str, Any] | None, Field(description="training rules, over the strategy's")]
"""Rules of a request, as JSON. The model of their section checks them once they are merged."""

Resample = Annotated[bool, Field(description="make a missing timeframe from a finer one")]
Device = Annotated[str, Field(max_length=20, description="auto, cpu, cuda or mps")]


def about(text: str, unit: str = "") -> Any:
    """Returns the line that describes a field to people, and its unit, for ``Annotated``."""
    return Field(description=text, json_schema_extra={"unit": unit} if unit else None)
