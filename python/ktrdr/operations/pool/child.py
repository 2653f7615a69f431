"""The process that runs one operation for a worker: it claims, runs, reports, and dies with its parent.

``python -m ktrdr.operations.pool.child WORKER_ID PARENT_PID``
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from ktrdr.errors import Cancelled, InternalError, KtrdrError, StorageError
from ktrdr.operations.kind import run_claim
from ktrdr.operations.models import Claim, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.pool.identity import WorkerHere, capability, data_stamp
from ktrdr.operations.pool.process import die_with_parent, limit_memory
from ktrdr.operations.run.cancellation import Reason, Token
from ktrdr.operations.store.store import Store
from ktrdr.settings import data_root

DONE, UNREPORTED, STORAGE, NOTHING = 0, 1, 5, 75

log = logging.getLogger("ktrdr.operations")


def main(arguments: Sequence[str]) -> int:
    """Runs the oldest operation that this worker may run; the exit code says how that ended, not what came out."""
    worker_id, parent_pid = arguments
    token = _listening()
    if not die_with_parent(int(parent_pid)):
        return NOTHING
    limit_memory()
    worker = WorkerHere(worker_id, data_stamp(data_root()))
    found = capability()
    if token.is_cancelled():
        return NOTHING
    try:
        store = Store.open()
        store.worker_beat(worker.id, data_stamp=worker.data_stamp, **found)
        claim = store.claim_next(Owner.me(), worker.id, data_stamp=worker.data_stamp, **found)
        return NOTHING if claim is None else _run(store, claim, token, worker)
    except StorageError as error:
        log.error("%s: %s", error.code, error)
        return STORAGE


def _listening() -> Token:
    """A token that SIGUSR1 cancels and SIGTERM shuts down; Ctrl-C is the parent's business."""
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
    log.info("%s: from bar %d", operation.id, 0 if claim.saved is None else claim.saved.bar)
    try:
        run_claim(store, claim, token, worker=worker)
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
    """Whether the run ended without a word in the store."""
    now = store.get(claim.operation.id)
    return now.status is Status.RUNNING and now.owner == claim.lease.owner


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    code = main(sys.argv[1:])
    logging.shutdown()
    os._exit(code)  # torch takes a while to unload, and there is nothing left to do
