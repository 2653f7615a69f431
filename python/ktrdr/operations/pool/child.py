"""The process that runs one operation for a worker: claims it, runs it, reports, and dies with its parent.

``python -m ktrdr.operations.pool.child WORKER_ID PARENT_PID``
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from logging.handlers import WatchedFileHandler
from types import FrameType
from typing import NoReturn

from ktrdr.errors import Cancelled, InternalError, KtrdrError, StorageError
from ktrdr.operations.kind import capabilities
from ktrdr.operations.models import Claim, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.pool.identity import WorkerHere, data_stamp
from ktrdr.operations.pool.process import die_with_parent, limit_memory
from ktrdr.operations.running.cancellation import Reason, Token
from ktrdr.operations.running.foreground import run_claim
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.store.store import Store
from ktrdr.settings import data_root, log_file
from ktrdr.startup.collector import resume_for_run, wait_while_loading
from ktrdr.startup.lean_talib import load_talib_without_pandas

DONE = 0
UNREPORTED = 1
STORAGE = 5
NOTHING = 75

log = logging.getLogger("ktrdr.operations")


def main(arguments: Sequence[str]) -> int:
    """Runs the oldest operation that this worker may run; the exit code says if its end is in the store."""
    worker_id, parent_pid = arguments
    token = listening()
    if not die_with_parent(int(parent_pid)):
        return NOTHING
    limit_memory()
    worker = WorkerHere(worker_id, data_stamp(data_root()))
    able = capabilities()
    if token.is_cancelled():
        return NOTHING
    try:
        store = Store.open()
        store.worker_beat(worker.id, capabilities=able, data_stamp=worker.data_stamp)
        claim = store.claim_next(Owner.me(), worker.id, able, data_stamp=worker.data_stamp)
        return NOTHING if claim is None else _run(store, claim, token, worker)
    except StorageError as error:
        log.error("%s: %s", error.code, error)
        return STORAGE


def listening() -> Token:
    """Returns a token that SIGUSR1 cancels and SIGTERM shuts down; the parent handles Ctrl-C."""
    token = Token()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGUSR1:
            token.cancel()
        else:
            token.shut_down()

    signal.signal(signal.SIGUSR1, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return token


def _run(store: Store, claim: Claim, token: Token, worker: WorkerHere) -> int:
    operation = claim.operation
    resume_for_run()
    log.info("%s: from bar %d", operation.id, 0 if claim.saved is None else claim.saved.bar)
    try:
        run_claim(claim, RunIO(store, token=token, worker=worker))
        log.info("%s: completed", operation.id)
    except StorageError:
        raise
    except Cancelled as stop:
        log.info("%s: %s: %s", operation.id, token.reason, stop)
    except KtrdrError as error:
        trace = error.__cause__ if isinstance(error, InternalError) else None  # a user's mistake has none
        log.error("%s: %s: %s", operation.id, error.code, error, exc_info=trace)
    return DONE if token.reason is Reason.SHUTDOWN or not _still_mine(store, claim) else UNREPORTED


def _still_mine(store: Store, claim: Claim) -> bool:
    """Returns True if the run ended without a report in the store."""
    now = store.get(claim.operation.id)
    return now.status is Status.RUNNING and now.owner == claim.lease.owner


def begin() -> None:
    """Begins a child of a worker: it loads as the program does, and has a log."""
    wait_while_loading()
    load_talib_without_pandas()
    start_log()


def start_log() -> None:
    """Begins the log of a child; the worker rotates its file, and a child follows it."""
    file = log_file()
    handler = logging.StreamHandler() if file is None else WatchedFileHandler(file, encoding="utf-8")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)  # a helper makes a scratch database for each fold


def leave(code: int) -> NoReturn:
    """Ends the process at once: torch takes a while to unload, and there is nothing left to do."""
    logging.shutdown()
    os._exit(code)


if __name__ == "__main__":
    begin()
    leave(main(sys.argv[1:]))
