"""Wrong tokens of logins, by their address: each further one is answered later, and one login is tried at a time.

Tokens in the headers of programs are not slowed: they have at least 32 characters, and nobody types them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ktrdr.errors import Busy

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0
MOST_WAITING = 4
_FORGOTTEN_AFTER_S = 600.0
_MOST_ADDRESSES = 1_024


@dataclass
class _Address:
    """The wrong tokens of an address, and its logins that wait."""

    wrong: int = 0
    last_at_s: float = 0.0
    waiting: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Guesses:
    """Counts wrong tokens and slows down whoever sends them; a right token of another address is never held up."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._addresses: dict[str, _Address] = {}

    def is_wrong(self, address: str) -> float:
        """Counts a wrong token; returns the seconds after which it is answered.

        >>> guesses = Guesses(clock=lambda: 0.0)
        >>> [guesses.is_wrong("192.0.2.1") for _ in range(6)], guesses.is_wrong("192.0.2.2")
        ([0.5, 1.0, 2.0, 4.0, 8.0, 8.0], 0.5)
        """
        found = self._of(address)
        found.wrong += 1
        found.last_at_s = self._clock()
        return min(FIRST_PAUSE_S * 2.0 ** min(found.wrong - 1, 30), LONGEST_PAUSE_S)

    def is_right(self, address: str) -> None:
        """Forgets the wrong tokens of an address."""
        self._of(address).wrong = 0

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Waits until no other login of the address is being tried; raises ``Busy`` where several wait already."""
        found = self._of(address)
        if found.waiting > MOST_WAITING:
            raise Busy("too many logins at once", hint="try again in some seconds", retry_after=LONGEST_PAUSE_S)
        found.waiting += 1
        try:
            async with found.turn:
                yield
        finally:
            found.waiting -= 1

    def _of(self, address: str) -> _Address:
        now_s = self._clock()
        found = self._addresses.get(address)
        if found is None:
            if len(self._addresses) >= _MOST_ADDRESSES:
                kept = sorted(self._addresses.items(), key=lambda it: (it[1].waiting > 0, it[1].last_at_s))
                self._addresses = dict(kept[_MOST_ADDRESSES // 2 :])
            found = self._addresses.setdefault(address, _Address())
        elif now_s - found.last_at_s > _FORGOTTEN_AFTER_S:
            found.wrong = 0
        return found
