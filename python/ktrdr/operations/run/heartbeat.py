"""The thread that keeps a run's lease for as long as the run gets on, and learns there that it should stop."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Protocol

from ktrdr.errors import LeaseLost, StorageUnavailable
from ktrdr.operations.run.cancellation import Token
from ktrdr.operations.run.progress import Progress
from ktrdr.settings import lease_seconds, stall_seconds

EVERY_S = 0.5
_LEAST_CPU_S = 1e-4
"""Reading two clocks one after the other is off by less, a thread that computes uses more."""

log = logging.getLogger("ktrdr.operations")


class Keeper(Protocol):
    """Who holds the lease: a beat and a save both need its current generation, so they take turns."""

    def beat(self, figures: dict[str, Any]) -> bool:
        """Extends the lease; True where the operation should stop. Raises ``LeaseLost``, ``StorageUnavailable``."""


class Pulse:
    """Whether a run gets on: its threads use CPU time, and its progress count rose within ``stall_s``.

    Asked from the heartbeat's own thread, whose CPU time does not count.
    """

    def __init__(self, progress: Progress, stall_s: float) -> None:
        self._progress, self._stall_s = progress, stall_s
        self._count, self._rose_at_s = progress.count, time.monotonic()
        self._cpu_s = self._others_cpu_s()

    def beats(self) -> bool:
        """Whether it got on since the last call."""
        cpu_s, count, now_s = self._others_cpu_s(), self._progress.count, time.monotonic()
        works = cpu_s - self._cpu_s > _LEAST_CPU_S
        self._cpu_s = cpu_s
        if count != self._count:
            self._count, self._rose_at_s = count, now_s
        return works and now_s - self._rose_at_s <= self._stall_s

    @staticmethod
    def _others_cpu_s() -> float:
        return time.process_time() - time.thread_time()


class Heartbeat:
    """Beats while it is entered."""

    def __init__(self, keeper: Keeper, progress: Progress, token: Token) -> None:
        self._keeper, self._progress, self._token = keeper, progress, token
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
        pulse = Pulse(self._progress, self._stall_s)
        while not self._over.wait(self._every_s):
            if pulse.beats():
                self._beat()

    def _beat(self) -> None:
        try:
            if self._keeper.beat(self._progress.figures()):
                self._token.cancel()
        except LeaseLost:
            self._token.lose()
            self._over.set()
        except StorageUnavailable as error:
            log.warning("no heartbeat: %s", error)
