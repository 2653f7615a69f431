"""When a run is saved, and that it is: the engine's checkpoint callback, which alone holds the lease."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ktrdr.backtesting.checkpoint import Checkpoint
from ktrdr.backtesting.job.stored import outcome_of, segments_of
from ktrdr.backtesting.results import BacktestResults
from ktrdr.errors import KtrdrError, LeaseLost, StorageUnavailable
from ktrdr.operations.models import Lease, Segment, Status
from ktrdr.operations.run.cancellation import Reason, Token
from ktrdr.operations.run.progress import Progress
from ktrdr.operations.store.store import Store
from ktrdr.settings import checkpoint_seconds, store_patience_seconds
from ktrdr.simulation.cursor import LedgerCursor

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.05, 2.0
_Done = TypeVar("_Done")

log = logging.getLogger("ktrdr.operations")


@dataclass(frozen=True)
class Cadence:
    """How often a run is saved: after so many seconds, or so many bars, whichever is first.

    ``KTRDR_CHECKPOINT_SECONDS`` replaces the five seconds.
    """

    every_s: float = field(default_factory=checkpoint_seconds)
    every_bars: int | None = None

    def due(self, bars: int, elapsed_s: float) -> bool:
        """Whether that much work is worth a save.

        >>> Cadence(every_bars=1_000).due(4_096, 0.1), Cadence().due(4_096, 0.1)
        (True, False)
        """
        return elapsed_s >= self.every_s or (self.every_bars is not None and bars >= self.every_bars)


class Recorder:
    """Writes one run into the store. Saves and heartbeats take turns: each needs the current generation.

    Args:
        store: where to.
        lease: of this run.
        token: why the run stops, when it does.
        progress: the figures that go with every write.
        cadence: when to save.
        saved_bar: the next bar of the snapshot that the run goes on from.
        written: ledger rows that the store holds already, by kind.
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
        written: Mapping[str, int] | None = None,
    ) -> None:
        self._store, self._lease, self._token, self._progress = store, lease, token, progress
        self._cadence = cadence or Cadence()
        self._patience_s = store_patience_seconds()
        self._written = dict(written or {})
        self._cursor: LedgerCursor | None = None
        self._turn, self._over = threading.Lock(), False
        self._last: Checkpoint | None = None
        self._saved_bar, self._saved_at_s = saved_bar, time.monotonic()

    def __call__(self, checkpoint: Checkpoint) -> None:
        """After every block: saves where it is time to, or the run stops and is still ours."""
        self._progress.reached(checkpoint.time_ns)
        if self._last is None:
            self._cursor = checkpoint.cursor(self._written)
            self.pin(model_id=checkpoint.model_id)
        self._last = checkpoint
        if self._token.reason is not Reason.LOST and (checkpoint.cancelled or self._due(checkpoint)):
            self._save(checkpoint)

    def _due(self, checkpoint: Checkpoint) -> bool:
        """The last bar is saved with the result."""
        if checkpoint.bar >= checkpoint.total_bars:
            return False
        return self._cadence.due(checkpoint.bar - self._saved_bar, time.monotonic() - self._saved_at_s)

    def _save(self, checkpoint: Checkpoint) -> None:
        snapshot, identity, segments = checkpoint.snapshot(), checkpoint.identity(), self._segments()
        with self._turn:
            self._lease = self._patiently(
                lambda: self._store.save(
                    self._lease, snapshot, checkpoint.bar, segments, self._progress.figures(), identity=identity
                )
            )  # fmt: skip
        self._saved_bar, self._saved_at_s = checkpoint.bar, time.monotonic()

    def _segments(self) -> list[Segment]:
        """The rows written since the last time, each kind that has any."""
        assert self._cursor is not None
        first = dict(self._cursor.written)
        rows = self._cursor.take()
        return [part for kind, frame in rows.items() for part in segments_of(kind, first[kind], frame)]

    def _patiently(self, write: Callable[[], _Done]) -> _Done:
        """The write, repeated while the database cannot take it; ``StorageUnavailable`` beyond the patience."""
        deadline_s, wait_s = time.monotonic() + self._patience_s, _FIRST_WAIT_S
        while True:
            try:
                return write()
            except StorageUnavailable as error:
                if not error.transient or time.monotonic() + wait_s >= deadline_s:
                    raise
                if wait_s == _FIRST_WAIT_S:
                    log.warning("the run waits for the database: %s", error)
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def beat(self, figures: dict[str, Any]) -> bool:
        """Extends the lease; True where the operation should stop."""
        with self._turn:
            return not self._over and self._store.beat(self._lease, figures)

    def pin(self, **found: Any) -> None:
        """Stores what the first start has settled: model, profile, semantics."""
        with self._turn:
            self._patiently(lambda: self._store.pin(self._lease, **found))

    def complete(self, results: BacktestResults) -> None:
        """The last rows, the result and the status, in one transaction."""
        segments, outcome = self._segments(), outcome_of(results)
        self._end(lambda: self._store.complete(self._lease, segments, outcome, self._progress.figures()))

    def stopped(self) -> None:
        """Ends a run that its token has stopped; raises ``LeaseLost`` where it is somebody else's."""
        reason = self._token.reason
        if reason is Reason.LOST:
            raise LeaseLost("somebody else runs it by now", operation=self._lease.operation_id)
        if reason is Reason.SHUTDOWN:
            self.let_go()
        else:
            self._end(lambda: self._store.end(self._lease, Status.CANCELLED))

    def failed(self, error: KtrdrError) -> None:
        """Saves the last state between two blocks, if the simulation still is there, and ends the run as failed."""
        last = self._last
        if last is not None and last.bar != self._saved_bar and last.simulation.next_bar == last.bar < last.total_bars:
            self._save(last)
        self._end(lambda: self._store.end(self._lease, Status.FAILED, error.to_dict()))

    def put_back(self, worker_id: str, reason: dict[str, Any], data_stamp: str) -> None:
        """Another worker may be able to."""
        self._end(lambda: self._store.put_back(self._lease, worker_id, reason, data_stamp))

    def let_go(self) -> None:
        """Ends the lease, with one attempt: it runs out anyway."""
        with contextlib.suppress(StorageUnavailable, LeaseLost), self._turn:
            self._over = True
            self._store.release(self._lease)

    def _end(self, write: Callable[[], None]) -> None:
        with self._turn:
            self._over = True
            self._patiently(write)
