"""The thread that extends a run's lease while the run makes progress, and learns of requests to stop."""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

from ktrdr._types import Json
from ktrdr.errors import LeaseLost, StorageUnavailable
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.progress import Progress
from ktrdr.settings import lease_seconds, stall_seconds

EVERY_S = 0.5
_LEAST_CPU_S = 1e-4
"""Below the CPU time of a thread that computes, above the error of reading two clocks one after the other."""

log = logging.getLogger("ktrdr.operations")


class LeaseHolder(Protocol):
    """Holder of the lease. A beat and a save both need its current generation, so they take turns."""

    def beat(self, figures: Json) -> bool:
        """Extends the lease; returns True if the operation should stop. ``LeaseLost``, ``StorageUnavailable``."""


class ProgressWatch:
    """Observes a run: its threads use CPU time, and its progress count rose within ``stall_s``.

    Called from the heartbeat's own thread, whose CPU time does not count.
    """

    def __init__(self, progress: Progress, stall_s: float) -> None:
        self._progress = progress
        self._stall_s = stall_s
        self._count = progress.count
        self._rose_at_s = time.monotonic()
        self._cpu_s = self._others_cpu_s()

    def advances(self) -> bool:
        """Returns True if the run made progress since the last call."""
        cpu_s = self._others_cpu_s()
        now_s = time.monotonic()
        works = cpu_s - self._cpu_s > _LEAST_CPU_S
        self._cpu_s = cpu_s
        if self._progress.count != self._count:
            self._count = self._progress.count
            self._rose_at_s = now_s
        return works and now_s - self._rose_at_s <= self._stall_s

    @staticmethod
    def _others_cpu_s() -> float:
        return time.process_time() - time.thread_time()


class Heartbeat:
    """Extends the lease while it is entered."""

    def __init__(self, holder: LeaseHolder, progress: Progress, token: Token) -> None:
        self._holder = holder
        self._progress = progress
        self._token = token
        self._every_s = min(EVERY_S, lease_seconds() / 4)
        self._stall_s = stall_seconds()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ktrdr-heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        watch = ProgressWatch(self._progress, self._stall_s)
        while not self._over.wait(self._every_s):
            if watch.advances():
                self._beat()

    def _beat(self) -> None:
        try:
            if self._holder.beat(self._progress.figures()):
                self._token.cancel()
        except LeaseLost:
            self._token.lose()
            self._over.set()
        except StorageUnavailable as error:
            log.warning("no heartbeat, the run continues and tries again: %s", error)
