"""Writes one run into the store. The recorder alone holds the lease."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ktrdr._types import Json
from ktrdr.errors import KtrdrError, LeaseLost, StorageUnavailable
from ktrdr.operations.models import Capability, Lease, Outcome, Result, Segment, Status, Trial
from ktrdr.operations.running.cancellation import Reason, Token
from ktrdr.operations.running.progress import Progress
from ktrdr.operations.running.save_point import SavePoint
from ktrdr.operations.store.store import Store
from ktrdr.settings import checkpoint_seconds, store_patience_seconds

_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 2.0
_Done = TypeVar("_Done")

log = logging.getLogger("ktrdr.operations")


@dataclass(frozen=True)
class Cadence:
    """Interval between two saves: seconds or bars, whichever is over first.

    ``KTRDR_CHECKPOINT_SECONDS`` replaces the five seconds.
    """

    every_s: float = field(default_factory=checkpoint_seconds)
    every_bars: int | None = None

    def due(self, bars: int, elapsed_s: float) -> bool:
        """Returns True if that much work is worth a save.

        >>> Cadence(every_bars=1_000).due(4_096, 0.1), Cadence().due(4_096, 0.1)
        (True, False)
        """
        return elapsed_s >= self.every_s or (self.every_bars is not None and bars >= self.every_bars)


def patiently(call: Callable[[], _Done], patience_s: float) -> _Done:
    """Repeats a call while the database cannot take it; ``StorageUnavailable`` beyond the patience."""
    deadline_s = time.monotonic() + patience_s
    wait_s = _FIRST_WAIT_S
    while True:
        try:
            return call()
        except StorageUnavailable as error:
            if not error.transient or time.monotonic() + wait_s >= deadline_s:
                raise
            if wait_s == _FIRST_WAIT_S:
                log.warning("the run waits for the database: %s", error)
        time.sleep(wait_s)
        wait_s = min(2 * wait_s, _LONGEST_WAIT_S)


class Recorder:
    """Saves, heartbeats and the end of one run. They take turns, since each needs the current generation.

    Args:
        store: database that the run is written to.
        lease: the right to write it.
        token: knows why the run stops, when it does.
        progress: figures that go with every write.
        cadence: interval between two saves.
        saved_bar: next bar of the checkpoint that the run continues from.
        capability: of the kind in this process; asked once, when the run starts.
    """

    def __init__(
        self,
        store: Store,
        lease: Lease,
        token: Token,
        progress: Progress,
        *,
        cadence: Cadence | None = None,
        saved_bar: int = 0,
        capability: Callable[[], Capability] = Capability,
    ) -> None:
        self.progress = progress
        self._store = store
        self._lease = lease
        self._token = token
        self._cadence = cadence or Cadence()
        self._patience_s = store_patience_seconds()
        self._turn = threading.Lock()
        self._over = False
        self._last: SavePoint | None = None
        self._saved_bar = saved_bar
        self._capability = capability
        self._saved_at_s = time.monotonic()

    def reach(self, point: SavePoint, *, stops: bool = False) -> None:
        """Takes the state after a block; saves it if a save is due, or if the run ``stops`` here."""
        self._last = point
        if self._token.reason is not Reason.LOST and (stops or self._due(point)):
            self._save(point)

    def _due(self, point: SavePoint) -> bool:
        if point.is_last:
            return False
        return self._cadence.due(point.bar - self._saved_bar, time.monotonic() - self._saved_at_s)

    def _save(self, point: SavePoint) -> None:
        snapshot = point.snapshot()
        identity = point.identity()
        segments = point.segments()
        trial = point.trial()

        def write() -> Lease:
            figures = self.progress.figures()
            return self._store.save(self._lease, snapshot, point.bar, segments, figures, identity=identity, trial=trial)

        with self._turn:
            self._lease = self._patiently(write)
        self._saved_bar = point.bar
        self._saved_at_s = time.monotonic()

    def _patiently(self, write: Callable[[], _Done]) -> _Done:
        return patiently(write, self._patience_s)

    def beat(self, figures: Json) -> bool:
        """Extends the lease; returns True if the operation should stop."""
        with self._turn:
            return not self._over and self._store.beat(self._lease, figures)

    def record_start(self, *, model_id: str | None = None) -> None:
        """Stores the numeric profile and the model of the first start; values that are stored already stay.

        Call it once the inputs are there: a worker that lacks them returns the operation for any other profile.
        """
        found = self._capability()
        with self._turn:
            self._patiently(lambda: self._store.record_start(self._lease, found, model_id=model_id))

    def complete(
        self, result: Result, rows: Callable[[], Sequence[Segment]] = tuple, *, trial: Trial | None = None
    ) -> None:
        """Stores the last ``rows`` of the ledger, the result, its trial and the status, in one transaction."""
        segments = rows()
        outcome = Outcome.of(result)
        self._end(lambda: self._store.complete(self._lease, segments, outcome, self.progress.figures(), trial=trial))

    def stopped(self) -> None:
        """Ends a run that its token has stopped; ``LeaseLost`` if another process owns the operation."""
        reason = self._token.reason
        if reason is Reason.LOST:
            raise LeaseLost("another process runs it now", operation=self._lease.operation_id)
        if reason is Reason.SHUTDOWN:
            self.release_lease()
        else:
            self._end(lambda: self._store.end(self._lease, Status.CANCELLED))

    def failed(self, error: KtrdrError) -> None:
        """Saves the last state, if the run still is in it, and ends the operation as failed."""
        last = self._last
        if last is not None and last.bar != self._saved_bar and last.is_current and not last.is_last:
            self._save(last)
        self._end(lambda: self._store.end(self._lease, Status.FAILED, error.to_dict()))

    def return_to_queue(self, worker_id: str, reason: Json, data_stamp: str) -> None:
        """Leaves the operation to other workers, marked as unsuited for this one."""
        self._end(lambda: self._store.return_to_queue(self._lease, worker_id, reason, data_stamp))

    def release_lease(self) -> None:
        """Ends the lease, with one attempt: it runs out anyway."""
        with contextlib.suppress(StorageUnavailable, LeaseLost), self._turn:
            self._over = True
            self._store.release(self._lease)

    def _end(self, write: Callable[[], None]) -> None:
        with self._turn:
            self._over = True
            self._patiently(write)
