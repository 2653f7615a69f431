"""Seeded draws, each from its own stream: what one choice draws does not depend on the others."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """Draws that depend on the seed and on the name of the choice, and on nothing else.

    >>> Draw(7).one("period", [7, 14, 21]) == Draw(7).one("period", [7, 14, 21])
    True
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def one(self, name: str, choices: Sequence[T]) -> T:
        """Returns one of the choices, all equally likely."""
        return choices[self._stream(name).randrange(len(choices))]

    def some(self, name: str, choices: Sequence[T], count: int) -> list[T]:
        """Returns up to ``count`` different choices, in drawn order."""
        return self._stream(name).sample(list(choices), min(count, len(choices)))

    def between(self, name: str, low: float, high: float) -> float:
        """Returns a number between two others, all equally likely."""
        return low + (high - low) * self._stream(name).random()

    def _stream(self, name: str) -> random.Random:
        return random.Random(f"{self._seed}/{name}")
