"""What every route works with: the store, the runner, the event streams."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends, Request

from ktrdr.errors import NotFound, RequestInvalid
from ktrdr.operations.models import OPERATION_ID, Operation
from ktrdr.operations.store.store import Store
from ktrdr.text import nearest, one_line
from ktrdr.worker.access.settings import Access
from ktrdr.worker.events import Broadcaster
from ktrdr.worker.metrics import WorkerMetrics
from ktrdr.worker.views import OperationView, operation_view


class Runs(Protocol):
    """What routes ask of the runner."""

    def wake(self) -> None:
        """There is something new to claim."""

    def cancel_here(self, operation_id: str) -> Operation:
        """Asks an operation to stop; where it runs here, waits until it has."""

    @property
    def running(self) -> int:
        """Slots in use."""

    @property
    def alive(self) -> bool:
        """Whether it still looks for operations."""


@dataclass(frozen=True)
class Service:
    """One worker's parts."""

    store: Store
    runner: Runs
    access: Access
    events: Broadcaster
    meters: WorkerMetrics

    @classmethod
    def of(cls, store: Store, runner: Runs, access: Access) -> Service:
        """Parts that look at one store."""
        events = Broadcaster(lambda name: operation_view(store, store.get(name)))
        return cls(store, runner, access, events, WorkerMetrics())

    def view(self, operation_id: str) -> OperationView:
        """The operation as callers see it; ``NotFound``."""
        return operation_view(self.store, self.store.get(operation_id))


async def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


async def known_query(request: Request) -> None:
    """Passes where the route knows every parameter of the query: one that is misspelt would otherwise do nothing."""
    known = [parameter.alias for parameter in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in known:
            hint = nearest(name, known) or f"known here: {', '.join(known) or 'none'}"
            raise RequestInvalid("unknown parameter", field=str(one_line(name)), hint=hint)


async def _operation_id(operation_id: str) -> str:
    """Matched before anybody looks it up: an id that cannot be one is simply not there."""
    if not re.fullmatch(OPERATION_ID, operation_id):
        raise NotFound("no such operation")
    return operation_id


Parts = Annotated[Service, Depends(_service)]
OperationId = Annotated[str, Depends(_operation_id)]
