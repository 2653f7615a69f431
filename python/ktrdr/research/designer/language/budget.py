"""The budget of a design: tokens and dollars, checked before each call."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ktrdr.errors import DesignBudget
from ktrdr.research.designer.base import Usage
from ktrdr.research.designer.language.models import Price

MOST_OUTPUT_TOKENS = 12_000
"""Tokens of one answer at most; a whole strategy takes 1,000 to 3,000."""

LEAST_OUTPUT_TOKENS = 2_000
_CHARACTERS_OF_A_TOKEN = 3
_PER_MESSAGE = 500


@dataclass(frozen=True)
class Budget:
    """The most that a design may cost.

    Args:
        tokens: read and written, over all calls.
        dollars: of all calls.
    """

    tokens: int
    dollars: float

    def allowance(self, used: Usage, prompt_characters: int, price: Price) -> int:
        """Returns the tokens that the next answer may have, so that neither limit is passed.

        Raises ``DesignBudget`` where what is left is not enough for a strategy.

        >>> Budget(60_000, 1.0).allowance(Usage(), 21_000, Price(0.5, 2.5))
        12000
        """
        reads = estimated_tokens(prompt_characters)
        left = self.tokens - used.tokens - reads
        dollars = self.dollars - used.cost_usd - price.of(reads, 0)
        affordable = math.floor(dollars / price.output_usd * 1e6)
        allowed = min(MOST_OUTPUT_TOKENS, left, affordable)
        if allowed >= LEAST_OUTPUT_TOKENS:
            return allowed
        setting = "KTRDR_MODEL_TOKENS"
        limit = f"{self.tokens:,} tokens"
        if affordable < left:
            setting = "KTRDR_MODEL_DOLLARS"
            limit = f"${self.dollars:g}"
        found = f"{used.tokens:,} tokens and ${used.cost_usd:.4f} after {used.calls} calls"
        hint = f"the next call could pass the limit; raise {setting}, or use -m grammar, which costs nothing"
        raise DesignBudget(
            "the budget of the design is spent", found=found, expected=limit, hint=hint, calls=used.calls
        )


def estimated_tokens(characters: int) -> int:
    """Returns about how many tokens a prompt has; rather too many than too few.

    >>> estimated_tokens(3_000)
    1500
    """
    return math.ceil(characters / _CHARACTERS_OF_A_TOKEN) + _PER_MESSAGE
