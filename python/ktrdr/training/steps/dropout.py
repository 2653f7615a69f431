"""Draws of dropout: the factors that ``torch.nn.Dropout`` draws, from the same generator, in less time.

torch's ``bernoulli_`` takes a number of 64 bits for each value, keeps 53 of them as a fraction and compares it with the
probability. ``random_`` gives the same numbers, and comparing them as integers gives the same factors. Where torch has
another way (MKL on processors of Intel), ``bernoulli_`` itself is called.
"""

from __future__ import annotations

import math
from functools import cache

import torch

_FRACTION_BITS = 53
_PIECE = 32_768  # words that stay in the cache, and that torch does not share between threads


class DropoutFactors:
    """Fills buffers with factors: 0 with probability ``rate``, else 1 / (1 - rate).

    >>> values = torch.empty(1_000)
    >>> DropoutFactors(0.2).fill(values)
    >>> sorted(set(values.tolist()))
    [0.0, 1.25]
    """

    def __init__(self, rate: float) -> None:
        self._kept = 1.0 - rate
        self._below = math.ceil(self._kept * 2**_FRACTION_BITS)
        self._factor = float(torch.ones(1).div_(self._kept))
        self._words = torch.empty(_PIECE, dtype=torch.int64)

    def fill(self, values: torch.Tensor, generator: torch.Generator | None = None) -> None:
        """Draws all values [n, float32], in order; ``generator`` is torch's own by default."""
        if not _same_draws():
            values.bernoulli_(self._kept, generator=generator).div_(self._kept)
            return
        for piece in torch.split(values, _PIECE):
            words = self._words[: len(piece)]
            words.random_(generator=generator).bitwise_and_((1 << _FRACTION_BITS) - 1)
            torch.lt(words, self._below, out=piece)
            piece.mul_(self._factor)


@cache
def _same_draws() -> bool:
    """Returns True if ``random_`` takes from a generator what ``bernoulli_`` takes."""
    ours, theirs = (torch.Generator().manual_seed(1) for _ in range(2))
    for kept in (0.1, 0.5, 0.8):
        wanted = torch.empty(256).bernoulli_(kept, generator=theirs)
        words = torch.empty(256, dtype=torch.int64).random_(generator=ours)
        found = words.bitwise_and_((1 << _FRACTION_BITS) - 1) < math.ceil(kept * 2**_FRACTION_BITS)
        if not torch.equal(found, wanted.bool()):
            return False
    return torch.equal(ours.get_state(), theirs.get_state())
