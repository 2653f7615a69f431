"""Parts that every route works with: the store, the runner, the event streams."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends, Path, Request
from starlette.concurrency import run_in_threadpool

from ktrdr.errors import NotFound, RequestInvalid
from ktrdr.operations.models import OPERATION_ID, REFERENCE, Operation
from ktrdr.operations.store.store import Store
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.settings import data_root
from ktrdr.text import nearest, one_line
from ktrdr.worker.access.session import SignedOut
from ktrdr.worker.access.settings import Access
from ktrdr.worker.events import LIST, Broadcaster, State
from ktrdr.worker.guard.guesses import Guesses
from ktrdr.worker.guard.readiness import Readiness
from ktrdr.worker.metrics import WorkerMetrics
from ktrdr.worker.routes.listed import Listed
from ktrdr.worker.views import OperationView, operation_view


class Runs(Protocol):
    """Runner as the routes see it."""

    def wake(self) -> None:
        """Makes the runner look for operations at once."""

    def cancel_here(self, operation_id: str) -> Operation:
        """Asks an operation to stop; waits for its end if it runs here."""

    @property
    def running(self) -> int:
        """Returns the number of slots in use."""

    @property
    def alive(self) -> bool:
        """Returns True while the runner's thread runs."""

    worker_id: str

    @property
    def looks(self) -> bool:
        """Returns True while it looks for operations, and does not hang."""


@dataclass(frozen=True)
class Service:
    """Store, runner, access, event streams, metrics, readiness, default threads, logins and lists of one worker."""

    store: Store
    runner: Runs
    access: Access
    events: Broadcaster
    meters: WorkerMetrics
    readiness: Readiness
    threads: int
    signed_out: SignedOut
    guesses: Guesses
    listed: Listed

    @classmethod
    def of(cls, store: Store, runner: Runs, access: Access, threads: int = DEFAULT_THREADS) -> Service:
        """Returns the parts of a worker over one store; ``threads`` are those of a start that names none."""
        events = Broadcaster(lambda name: _list_state(store) if name == LIST else _state(store, name))
        own = SignedOut(data_root() / "signed_out"), Guesses(), Listed()
        return cls(store, runner, access, events, WorkerMetrics(), Readiness(store, runner), threads, *own)

    def is_alone(self) -> bool:
        """Returns True if no other live worker might have the bars that are missing here."""
        return sum(worker.live for worker in self.store.workers()) <= 1

    def list_state(self) -> State:
        """Returns the state of the list, with which its stream of events begins."""
        return _list_state(self.store)

    def view(self, operation_id: str) -> OperationView:
        """Returns the operation as callers see it; raises ``NotFound``."""
        return operation_view(self.store, self.store.get(operation_id))


def _state(store: Store, operation_id: str) -> State:
    return State.of(operation_view(store, store.get(operation_id)))


def _list_state(store: Store) -> State:
    """Returns a state that differs after every change of the newest operations and of the workers that live."""
    found, _ = store.list()
    seen = [(it.id, it.epoch, it.status, it.progress_seq, it.cancel_requested, it.note, it.unsuited) for it in found]
    live = [worker.id for worker in store.workers() if worker.live]
    digest = hashlib.sha256(repr((seen, live)).encode()).hexdigest()
    return State(seq=0, text=f'{{"digest": "{digest[:16]}"}}', last=False, running=True)


async def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


async def known_query(request: Request) -> None:
    """Refuses a parameter of the query that the route does not know; a misspelt one would be ignored otherwise."""
    known = [parameter.alias for parameter in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in known:
            hint = nearest(name, known) or f"known here: {', '.join(known) or 'none'}"
            raise RequestInvalid("unknown parameter", field=str(one_line(name)), hint=hint)


Parts = Annotated[Service, Depends(_service)]


_Reference = Annotated[
    str,
    Path(
        description="an operation's id, the start of it, or latest",
        json_schema_extra={"pattern": f"^{REFERENCE}$", "examples": ["backtest_0123456789abcdef", "latest"]},
    ),
]


async def _operation_id(parts: Parts, operation_id: _Reference) -> str:
    """Returns the id that a reference means; one without the form of a reference is not looked up."""
    if re.fullmatch(OPERATION_ID, operation_id):
        return operation_id
    if not re.fullmatch(REFERENCE, operation_id):
        raise NotFound("no such operation")
    return await run_in_threadpool(parts.store.find_id, operation_id)


OperationId = Annotated[str, Depends(_operation_id)]
