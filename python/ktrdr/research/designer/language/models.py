"""Language models: the short names, the ids that they mean, and what their tokens cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MODELS: Final[Mapping[str, str]] = {
    "haiku": "claude-haiku-5-5",
    "sonnet": "claude-sonnet-5-5",
    "opus": "claude-opus-5-5",
}
"""Ids of the Anthropic API by short name, the newest that the locked client knows."""

_ID = re.compile(r"claude-[a-z0-9][a-z0-9.@:-]{1,80}")


@dataclass(frozen=True)
class Price:
    """Dollars for a million tokens read and written; ``known`` is False for the stand-in of an unknown model."""

    input_usd: float
    output_usd: float
    known: bool = True

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """Returns the dollars for these tokens.

        >>> Price(0.5, 2.5).of(1_000_000, 100_000)
        0.75
        """
        return (input_tokens * self.input_usd + output_tokens * self.output_usd) / 1e6


_DEAREST = Price(10.0, 50.0, known=False)


def model_id(name: str) -> str | None:
    """Returns the id of a model by short name or full id; None for anything else.

    >>> model_id("haiku"), model_id("claude-opus-4-8"), model_id("gpt-4")
    ('claude-haiku-5-5', 'claude-opus-4-8', None)
    """
    return MODELS.get(name) or (name if _ID.fullmatch(name) else None)


def price_of(model: str) -> Price:
    """Returns the price of a model; one that the price list lacks counts as dearer than all that it has."""
    from genai_prices import Usage, calc_price  # comes with pydantic-ai-slim

    million = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    try:
        found = calc_price(million, model, provider_id="anthropic")
    except LookupError:
        return _DEAREST
    return Price(float(found.input_price), float(found.output_price))
