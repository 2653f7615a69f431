"""Units over the workers of one database: the owner of a run offers some of them, and books what idle workers hand in.

The owner computes too, so that nothing depends on others: a unit that nobody has taken, or whose taker is dead or
much slower than this process, is computed by the owner in the end. Whichever result is first counts; the bits are the
same.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

from ktrdr.control import CancellationToken, ProgressBridge
from ktrdr.errors import LeaseLost, StorageError
from ktrdr.operations.models import Capability, Claim
from ktrdr.operations.running.recorder import patiently
from ktrdr.operations.store.elsewhere.units import SharedUnit, Terms
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.local import Unit, Work
from ktrdr.settings import store_patience_seconds

_Done = TypeVar("_Done")

_LOOK_S: Final = 0.5
"""Seconds between two looks at the rows."""
_WATCH_S: Final = _LOOK_S
"""The same while a long unit is computed here."""
_SLOWER: Final = 1.25
"""Times the longest unit of this process that a living taker has: enough for one that is as fast as this process."""
_WORTH_S: Final = 10.0
"""Seconds of work below which nothing is offered: a helper needs some to load libraries, bars and net."""
_AHEAD: Final = 2
_MOST_AHEAD: Final = 32
"""Units offered for each helper: enough until the owner looks again, and few whose results wait."""

log = logging.getLogger("ktrdr.operations")


@dataclass(frozen=True)
class SharedWork:
    """The work of an operation as a helper computes it, made again from the stored request.

    Args:
        identity: of the inputs that this machine has.
        terms: of the results.
        numbers: of all its units.
        unit: returns the result of one unit as bytes; reports its progress.
    """

    identity: bytes
    terms: Terms
    numbers: frozenset[int]
    unit: Callable[[int, ProgressBridge], bytes]


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
        elsewhere: receives, at each look, the units' worth of work that others have done and that is not booked yet.
    """

    store: Store
    claim: Claim
    terms: Terms
    worker_id: str
    capability: Capability
    decode: Callable[[int, bytes], Any]
    elsewhere: Callable[[float], None] = lambda _: None

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
        self._held_since_s: dict[int, float] = {}
        self._spoilt: set[int] = set()
        self._pace = _Pace()
        self._looked_at_s = -1e9
        self._patience_s = store_patience_seconds()

    def run(self, token: CancellationToken) -> Iterator[tuple[int, Unit]]:
        """Yields all units; see `Workers.run`."""
        self._look()  # an earlier owner may have left some
        while self._missing and not token.is_cancelled():
            yield from self._booked()
            if self._missing and not token.is_cancelled():
                number = self._next()
                if number is None:
                    time.sleep(self._pace.pause_s())
                else:
                    yield from self._computed(number)
            if self._is_due():
                self._look()
        if not self._missing and self._rows:
            self._look()

    def _booked(self) -> Iterator[tuple[int, Unit]]:
        """Yields what the last look found handed in; a damaged result, or another unit's, is left to this process."""
        place = self._place
        for number, row in [*self._rows.items()]:
            if not row.done or number not in self._missing:
                continue
            try:
                asked = partial(place.store.handed_in, place.claim.operation.id, number, place.terms)
                data = self._patiently(asked)
                unit = place.decode(number, b"" if data is None else data)
            except ValueError:
                self._spoilt.add(number)
                continue
            yield number, unit
            del self._missing[number]
            self._tell()

    def _computed(self, number: int) -> Iterator[tuple[int, Unit]]:
        """Yields a unit that this process computes; others are offered some meanwhile."""
        self._pace.begin(number)
        with self._watched():
            unit = self._work.unit(number)
        yield number, unit
        del self._missing[number]
        self._pace.end()

    def _next(self) -> int | None:
        """Returns the unit to compute here: one that is not shared, else one that nobody computes.

        If others compute all that is missing, one that takes longer there than here; None before.
        """
        alone = next((number for number in self._missing if number not in self._rows), None)
        if alone is not None:
            return alone
        place = self._place
        taken = self._patiently(lambda: place.store.take_back_unit(place.claim.lease, place.terms))
        if taken is not None:
            self._rows.pop(taken, None)
            return taken if taken in self._missing else None
        now_s = time.monotonic()
        held = ((number, now_s - self._held_since_s.get(number, now_s)) for number in self._missing)
        return next((number for number, seconds in held if self._pace.would_be_done(seconds)), None)

    def _is_due(self) -> bool:
        """Returns True if it is time for a look, or if nothing is left but what is shared."""
        waits = time.monotonic() - self._looked_at_s < _LOOK_S
        return not waits or (bool(self._rows) and all(number in self._rows for number in self._missing))

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Looks every now and then while the body computes; the body does not touch the rows."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(_WATCH_S):
                try:
                    self._look(patience_s=0.0)
                except (LeaseLost, StorageError) as error:  # the heartbeat ends a run that is another process's
                    log.debug("a look at shared units fails: %s", error)

        thread = threading.Thread(target=watch, name="ktrdr-units", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _look(self, patience_s: float | None = None) -> None:
        """Reads what has become of the rows, deletes those of stored and of unusable units, and offers more."""
        place = self._place
        operation_id = place.claim.operation.id
        found = self._patiently(lambda: place.store.shared_units(operation_id, place.terms), patience_s)
        self._rows = {row.number: row for row in found if row.sound and self._wants(row.number)}
        dropped = [row.number for row in found if row.number not in self._rows]
        offered = [number for number in self._offers(patience_s) if number not in dropped]
        if dropped or offered:
            share = partial(place.store.share, place.claim.lease, place.terms, offered=offered, dropped=dropped)
            self._patiently(share, patience_s)
        self._spoilt.difference_update(dropped)
        self._rows |= {number: SharedUnit(number, held=False, done=False, sound=True) for number in offered}
        self._looked_at_s = time.monotonic()
        held = [number for number, row in self._rows.items() if row.held]
        self._held_since_s = {number: self._held_since_s.get(number, self._looked_at_s) for number in held}
        self._tell()

    def _tell(self) -> None:
        """Reports the work of others that is not booked yet."""
        rows = [row for number, row in self._rows.items() if number in self._missing]
        self._place.elsewhere(sum(1.0 if row.done else row.reached for row in rows))

    def _wants(self, number: int) -> bool:
        return number in self._missing and number not in self._spoilt

    def _offers(self, patience_s: float | None) -> Sequence[int]:
        """Returns units to offer, from the far end: this process computes from the near one."""
        each_s = self._pace.each_s()
        alone = [number for number in self._missing if number not in self._rows and number != self._pace.number]
        if not each_s or len(alone) * each_s - self._pace.current_s() < _WORTH_S:
            return ()
        ahead = min(max(_AHEAD, round(2 * _LOOK_S / each_s)), _MOST_AHEAD)
        wanted = ahead * self._patiently(self._place.helpers, patience_s)
        wanted -= sum(row.open for row in self._rows.values())
        return alone[: -wanted - 1 : -1] if wanted > 0 else ()

    def _patiently(self, call: Callable[[], _Done], patience_s: float | None = None) -> _Done:
        return patiently(call, self._patience_s if patience_s is None else patience_s)


class _Pace:
    """The time that units take in this process."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._spent_s = 0.0
        self._computed = 0
        self._longest_s = 0.0
        self._begun_at_s = 0.0

    def begin(self, number: int) -> None:
        """Notes the begin of a unit."""
        self.number = number
        self._begun_at_s = time.monotonic()

    def end(self) -> None:
        """Notes the end of the unit, which is stored too."""
        took_s = time.monotonic() - self._begun_at_s
        self.number = None
        self._spent_s += took_s
        self._longest_s = max(self._longest_s, took_s)
        self._computed += 1

    def current_s(self) -> float:
        """Returns the seconds that a unit has taken so far, after the first one has shown how long one takes."""
        return time.monotonic() - self._begun_at_s if self._computed and self.number is not None else 0.0

    def each_s(self) -> float:
        """Returns the mean seconds of a unit; those that the first one has taken so far before its end."""
        if self._computed:
            return self._spent_s / self._computed
        return 0.0 if self.number is None else time.monotonic() - self._begun_at_s

    def pause_s(self) -> float:
        """Returns the time to the next look of a process that has none to compute; short units are soon there."""
        return min(max(self._longest_s / 8, _LOOK_S / 10), _LOOK_S)

    def would_be_done(self, seconds: float) -> bool:
        """Returns True if this process would have computed any unit in that time; False before it has computed one."""
        return bool(self._computed) and seconds > _SLOWER * self._longest_s
