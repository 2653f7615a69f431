"""Wrong tokens by their address: each further one is answered later, and few are tried at a time.

Logins of an address are tried one by one. Programs send their token with each request, so a right one in a header is
never held up, unless as many wrong ones of its address wait as may.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

from ktrdr.errors import Busy

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0
MOST_WAITING = 4
_FORGOTTEN_AFTER_S = 600.0
_MOST_ADDRESSES = 1_024


@dataclass
class _Address:
    """The wrong tokens of an address, and how many of its requests wait."""

    wrong: int = 0
    last_at_s: float = 0.0
    waiting: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def require_room(self) -> None:
        if self.waiting > MOST_WAITING:
            raise Busy("too many wrong tokens at once", hint="try again in some seconds", retry_after=LONGEST_PAUSE_S)

    @contextmanager
    def wait(self) -> Iterator[None]:
        self.require_room()
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1


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
        with found.wait():
            async with found.turn:
                yield

    def look_at(self, address: str) -> None:
        """Passes if a token of the address may be looked at; raises ``Busy`` where several wrong ones wait.

        Otherwise a guesser would send many at once, and the one that is answered without a pause would be right.
        """
        self._of(address).require_room()

    async def pause(self, address: str) -> None:
        """Counts a wrong token that is not a login's, and waits until it may be answered."""
        with self._of(address).wait():
            await asyncio.sleep(self.is_wrong(address))

    def _of(self, caller: str) -> _Address:
        now_s = self._clock()
        address = _network(caller)
        found = self._addresses.get(address)
        if found is None:
            if len(self._addresses) >= _MOST_ADDRESSES:
                kept = sorted(self._addresses.items(), key=lambda it: (it[1].waiting > 0, it[1].last_at_s))
                self._addresses = dict(kept[_MOST_ADDRESSES // 2 :])
            found = self._addresses.setdefault(address, _Address())
        elif now_s - found.last_at_s > _FORGOTTEN_AFTER_S:
            found.wrong = 0
        return found


def _network(address: str) -> str:
    """Returns the address by which a caller is known: whoever has one of version 6 has the 64 bits behind it.

    >>> _network("192.0.2.1"), _network("2001:db8::1") == _network("2001:db8::2"), _network("")
    ('192.0.2.1', True, '')
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address
    known = isinstance(found, IPv6Address) and found.ipv4_mapped is None
    return found.packed[:8].hex() if known else address
