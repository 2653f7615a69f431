"""Units over the workers of one database: the owner of a run offers some of them, and books what idle workers hand in.

The owner computes too, so that nothing depends on others: a unit that nobody has taken, or whose taker is slow or dead,
is computed by the owner in the end. Whichever result is first counts; both have the same bits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

from ktrdr.control import CancellationToken
from ktrdr.operations.models import Capability, Claim
from ktrdr.operations.running.recorder import patiently
from ktrdr.operations.store.elsewhere.units import SharedUnit, Terms
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.local import Unit, Work
from ktrdr.settings import store_patience_seconds

_Done = TypeVar("_Done")

_LOOK_S: Final = 0.5
_WORTH_S: Final = 10.0
"""Seconds of work below which nothing is offered: a helper needs some to load libraries, bars and net."""
_AHEAD: Final = 2
_MOST_AHEAD: Final = 32
"""Units offered for each helper: enough until the owner looks again, and few whose results wait."""


@dataclass(frozen=True)
class SharedWork:
    """The work of an operation as a helper computes it, made again from the stored request.

    Args:
        terms: of the results.
        numbers: of all its units.
        unit: returns the result of one unit as bytes.
    """

    terms: Terms
    numbers: frozenset[int]
    unit: Callable[[int], bytes]


@dataclass(frozen=True, eq=False)
class Workers:
    """The workers of a database, as helpers of one claimed operation; this process is one of them.

    Args:
        store: their database.
        claim: the operation.
        terms: of the results.
        worker_id: of the worker that this process belongs to.
        capability: numbers that a helper must compute with.
        decode: returns the unit of a number that a result holds; raises ``ValueError`` if it holds another one.
    """

    store: Store
    claim: Claim
    terms: Terms
    worker_id: str
    capability: Capability
    decode: Callable[[int, bytes], Any]

    def unit_threads(self, local: int) -> int:
        """Returns ``local``: each process gives a unit what it has."""
        return local

    def run(self, work: Work[Unit], numbers: Iterable[int], token: CancellationToken) -> Iterator[tuple[int, Unit]]:
        """Yields each unit with its number, as it is computed here or handed in; ends early once the token says so.

        A unit must be stored when the next one is asked for: its row is deleted then.
        """
        yield from _Shared(self, work, numbers).run(token)

    def helpers(self) -> int:
        """Returns the number of live workers that could help."""
        others = (each for each in self.store.workers() if each.live and each.id != self.worker_id)
        kind = self.claim.operation.kind
        return sum(each.capabilities is None or each.capabilities.get(kind) == self.capability for each in others)


class _Shared(Generic[Unit]):
    """The units of one run: those that are missing, and the rows of those that others may compute."""

    def __init__(self, place: Workers, work: Work[Unit], numbers: Iterable[int]) -> None:
        self._place = place
        self._work = work
        self._missing = dict.fromkeys(numbers)  # in order, and quick to look up
        self._rows: dict[int, SharedUnit] = {}
        self._spent_s = 0.0
        self._computed = 0
        self._looked_at_s = -1e9

    def run(self, token: CancellationToken) -> Iterator[tuple[int, Unit]]:
        """Yields all units; see `Workers.run`."""
        self._look()  # an earlier owner may have left some
        while self._missing and not token.is_cancelled():
            for number, unit in self._handed_in():
                yield number, unit
                del self._missing[number]
            if self._missing and not token.is_cancelled():
                number = self._next()
                before_s = time.monotonic()
                yield number, self._work.unit(number)
                del self._missing[number]
                self._spent_s += time.monotonic() - before_s
                self._computed += 1
            if self._is_due():
                self._look()
        if not self._missing and self._rows:
            self._look()

    def _handed_in(self) -> Iterator[tuple[int, Unit]]:
        """Yields the results of the last look; one that is another unit's is left to this process."""
        for number, row in [*self._rows.items()]:
            if row.data is None or number not in self._missing:
                continue
            try:
                unit = self._place.decode(number, row.data)
            except ValueError:
                continue
            yield number, unit

    def _next(self) -> int:
        """Returns the unit to compute here: one that is not shared, else one that nobody has begun, else any."""
        alone = next((number for number in self._missing if number not in self._rows), None)
        if alone is not None:
            return alone
        place = self._place
        owner = place.claim.lease.owner
        taken = self._patiently(lambda: place.store.take_unit(place.claim.operation.id, place.terms, owner))
        return taken if taken is not None and taken in self._missing else next(iter(self._missing))

    def _is_due(self) -> bool:
        """Returns True if it is time for a look, or if nothing is left but what is shared."""
        waits = time.monotonic() - self._looked_at_s < _LOOK_S
        return not waits or (bool(self._rows) and all(number in self._rows for number in self._missing))

    def _look(self) -> None:
        """Reads what was handed in, deletes the rows of stored and of unusable units, and offers more."""
        place = self._place
        operation_id = place.claim.operation.id
        found = self._patiently(lambda: place.store.shared_units(operation_id, place.terms))
        self._rows = {row.number: row for row in found if row.sound and row.number in self._missing}
        dropped = [row.number for row in found if row.number not in self._rows]
        offered = [number for number in self._offers() if number not in dropped]
        if dropped or offered:
            share = partial(place.store.share, place.claim.lease, place.terms, offered=offered, dropped=dropped)
            self._patiently(share)
        self._rows |= {number: SharedUnit(number, taken=False, data=None, sound=True) for number in offered}
        self._looked_at_s = time.monotonic()

    def _offers(self) -> Sequence[int]:
        """Returns units to offer, from the far end: this process computes from the near one."""
        if not self._computed:
            return ()
        each_s = self._spent_s / self._computed
        alone = [number for number in self._missing if number not in self._rows]
        if len(alone) * each_s < _WORTH_S:
            return ()
        ahead = min(max(_AHEAD, round(2 * _LOOK_S / each_s)), _MOST_AHEAD)
        wanted = ahead * self._patiently(self._place.helpers) - sum(row.open for row in self._rows.values())
        return alone[: -wanted - 1 : -1] if wanted > 0 else ()

    def _patiently(self, call: Callable[[], _Done]) -> _Done:
        return patiently(call, store_patience_seconds())
