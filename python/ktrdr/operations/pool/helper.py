"""The process that computes units of an operation that another worker runs, while its own worker has nothing to do.

``python -m ktrdr.operations.pool.helper PARENT_PID OPERATION_ID``. It writes nothing but results of units, so
it may be killed at any moment: the owner of the operation computes what is missing.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ktrdr._types import Json
from ktrdr.errors import Cancelled, IdentityMismatch, KtrdrError, LeaseLost, NotFound, StorageError
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.pool.child import DONE, NOTHING, STORAGE, begin, leave, listening
from ktrdr.operations.pool.process import die_with_parent, limit_memory
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.heartbeat import Heartbeat
from ktrdr.operations.running.progress import Progress
from ktrdr.operations.store.claims import check_capability
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.workers import SharedWork
from ktrdr.startup.collector import resume_for_run

_LOOK_AGAIN_S: Final = 0.5

log = logging.getLogger("ktrdr.operations")


def main(arguments: Sequence[str]) -> int:
    """Computes units until there is nothing left to help; ``NOTHING`` where this machine cannot help."""
    parent_pid, operation_id = arguments
    token = listening()
    if not die_with_parent(int(parent_pid)):
        return DONE
    limit_memory()
    try:
        store = Store.open()
        operation = store.get(operation_id)
        help_with(store, operation, _work(operation, token), token)
    except (Cancelled, LeaseLost, NotFound):
        return DONE
    except StorageError as error:
        log.error("%s: %s", error.code, error)
        return STORAGE
    except KtrdrError as error:
        log.warning("%s: no help from here: %s: %s", operation_id, error.code, error)
        return NOTHING
    return DONE


def _work(operation: Operation, token: Token) -> SharedWork:
    """Returns the work of an operation, if this machine has the same inputs and computes with the same numbers."""
    kind = kind_of(operation.kind)
    check_capability(operation, kind.capability())
    work = kind.shared_work(operation, token)
    if work.identity != operation.identity:
        raise IdentityMismatch("bars, model or other inputs differ from those of the run", where=operation.id)
    return work


def help_with(store: Store, operation: Operation, work: SharedWork, token: Token) -> None:
    """Computes one unit after the other; returns once the operation runs no more, or the token asks to stop.

    A unit that is begun is finished if the owner of the operation dies: the next one books it. Raises
    ``IdentityMismatch`` if all that is shared is asked for under other terms.
    """
    resume_for_run()
    units = 0
    owner = Owner.me()
    while not token.is_cancelled() and _runs(store.get(operation.id), operation):
        number = store.take_unit(operation.id, work.terms, owner)
        if number is None:
            _check_terms(store, operation, work)
            time.sleep(_LOOK_AGAIN_S)
        elif number in work.numbers:  # a damaged row may name another one
            store.hand_in(operation.id, number, work.terms, _unit(store, operation, work, number, token))
            units += 1
    log.info("%s: helped with %d units", operation.id, units)


def _unit(store: Store, operation: Operation, work: SharedWork, number: int, token: Token) -> bytes:
    """Returns the result of a taken unit, whose lease is extended meanwhile while it makes progress."""
    progress = Progress(operation.kind)
    with Heartbeat(_Taken(store, operation.id, number, Owner.me()), progress, token):
        return work.unit(number, progress)


@dataclass(frozen=True)
class _Taken:
    """A unit that this process has taken, as its heartbeat extends it."""

    store: Store
    operation_id: str
    number: int
    owner: Owner

    def beat(self, figures: Json) -> bool:
        """Extends the lease; returns True if the operation is to run no more."""
        reached = figures["percentage"] / 100.0
        return self.store.beat_unit(self.operation_id, self.number, self.owner, reached=reached)


def _check_terms(store: Store, operation: Operation, work: SharedWork) -> None:
    there = store.shared_units(operation.id, work.terms)
    if there and not any(unit.sound for unit in there):
        raise IdentityMismatch("its units are asked for under other terms", where=operation.id)


def _runs(now: Operation, then: Operation) -> bool:
    """Returns True if an operation is still the same run; without its owner it waits for a slot, perhaps for ours."""
    return now.status is Status.RUNNING and not now.cancel_requested and now.identity == then.identity


if __name__ == "__main__":
    begin()
    leave(main(sys.argv[1:]))
