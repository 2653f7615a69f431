"""Number types of configuration fields, with their bounds."""

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


def about(text: str, unit: str = "") -> Any:
    """Returns the line that describes a field to people, and its unit, for ``Annotated``."""
    return Field(description=text, json_schema_extra={"unit": unit} if unit else None)
