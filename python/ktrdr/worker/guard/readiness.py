"""Readiness of a worker, found out and never assumed: its runner looks for operations, and a write succeeds in time."""

from __future__ import annotations

import asyncio
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from ktrdr.operations.store.store import Store
from ktrdr.settings import data_root

LIMIT_SECONDS = 3.0
LEAST_FREE_BYTES = 16 << 20
"""Room for some checkpoints of a run."""
_FRESH_SECONDS = 1.0


class Looks(Protocol):
    """The part of a runner that readiness depends on."""

    worker_id: str

    @property
    def looks(self) -> bool:
        """Returns True while it looks for operations, and does not hang."""


class Readiness:
    """Answers whether a worker can take operations.

    A database may still write over old pages of a full disk, but the next save of a run would find no room. So the data
    folder needs room, too.

    There is one probe of the database at a time, in a thread of its own: however many ask while the database is silent,
    one thread waits for it, and everyone has an answer within the limit.

    Args:
        store: database that is written to.
        runner: what looks for operations.
        limit_s: seconds within which the database has to answer.
    """

    def __init__(self, store: Store, runner: Looks, limit_s: float = LIMIT_SECONDS) -> None:
        self._store = store
        self._runner = runner
        self._limit_s = limit_s
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ktrdr-ready")
        self._probe: asyncio.Future[bool] | None = None
        self._begun_at_s = 0.0

    async def is_ready(self) -> bool:
        """Returns True if the runner looks for operations, and a write for this worker has just succeeded."""
        if not self._runner.looks:
            return False
        now_s = time.monotonic()
        if self._probe is None or (self._probe.done() and now_s - self._begun_at_s >= _FRESH_SECONDS):
            self._begun_at_s = now_s
            self._probe = asyncio.get_running_loop().run_in_executor(self._thread, self._written)
        probe = self._probe  # another caller may begin the next one before this one has its answer
        done, _ = await asyncio.wait({probe}, timeout=self._limit_s)
        return bool(done) and probe.result()

    def _written(self) -> bool:
        """Returns True if there is room, and this worker's sign of life could be written; it is registered then."""
        try:
            return self._store.worker_beat(self._runner.worker_id) and _free_bytes() >= LEAST_FREE_BYTES
        except Exception:  # whatever it is, no operation could be saved
            return False


def _free_bytes() -> int:
    """Returns the room where the data folder is, or will be."""
    root = data_root().absolute()
    return shutil.disk_usage(next(folder for folder in (root, *root.parents) if folder.exists())).free
