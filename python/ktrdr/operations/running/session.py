"""The frame of every run: recorder, heartbeat, and what becomes of the operation when the work ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ktrdr.errors import (
    Cancelled,
    DataNotFound,
    IdentityMismatch,
    InternalError,
    KtrdrError,
    LeaseLost,
    ModelNotFound,
    ProfileMismatch,
    SnapshotCorrupt,
    SnapshotInconsistent,
    StorageError,
)
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Claim, LoadedCheckpoint
from ktrdr.operations.running.heartbeat import Heartbeat
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.progress import Progress
from ktrdr.operations.running.recorder import Recorder

_Read = TypeVar("_Read")

_ELSEWHERE = (DataNotFound, ModelNotFound, ProfileMismatch)
"""Errors about something that another worker may have."""
_DAMAGE = (SnapshotCorrupt, SnapshotInconsistent, IdentityMismatch)
"""Errors of a checkpoint whose ledger is not the one it was saved with."""

log = logging.getLogger("ktrdr.operations")


@contextmanager
def recorded(claim: Claim, io: RunIO) -> Iterator[Recorder]:
    """Runs the body under a heartbeat and stores its end, except a completion: that is ``recorder.complete``.

    Raises ``Cancelled`` (with the command that resumes), ``LeaseLost``, ``StorageError``, or the stored error.
    """
    progress = Progress(claim.operation.kind, io.bridge)
    saved_bar = claim.saved.bar if claim.saved else 0
    recorder = Recorder(
        io.store,
        claim.lease,
        io.token,
        progress,
        cadence=io.cadence,
        saved_bar=saved_bar,
        capability=kind_of(claim.operation.kind).capability,
    )
    with Heartbeat(recorder, progress, io.token):
        try:
            yield recorder
        except Cancelled as stop:
            recorder.stopped()
            raise resumable(stop, claim.operation.id) from None
        except (LeaseLost, StorageError):
            raise
        except Exception as error:
            raise _failed(recorder, io, error) from error
        except BaseException:
            recorder.release_lease()
            raise


def resumable(stop: Cancelled, operation_id: str) -> Cancelled:
    """Returns the same error with the operation, and the command that resumes it."""
    return Cancelled(stop.what, where=operation_id, found=stop.found, hint=f"ktrdr operations resume {operation_id}")


def _failed(recorder: Recorder, io: RunIO, error: Exception) -> KtrdrError:
    """Ends the run: back to the queue if another worker may have what is missing here, else as failed."""
    known = error if isinstance(error, KtrdrError) else InternalError(f"{type(error).__name__}: {error}")
    if io.worker is not None and isinstance(error, _ELSEWHERE):
        recorder.return_to_queue(io.worker.id, known.to_dict(), io.worker.data_stamp)
    else:
        recorder.failed(known)
    return known


def read_checkpoint(
    claim: Claim, io: RunIO, read: Callable[[Claim, LoadedCheckpoint], _Read]
) -> tuple[Claim, _Read | None]:
    """Reads the claimed checkpoint, or the newest one before it whose ledger is undamaged; None for bar 0.

    Each damaged one is put aside, and the returned claim names it.
    """
    while claim.saved is not None:
        try:
            return claim, read(claim, claim.saved)
        except _DAMAGE as damage:
            log.warning("%s: %s", claim.operation.id, damage)
            claim = io.store.rewind(claim.lease, damage.code)
    return claim, None
