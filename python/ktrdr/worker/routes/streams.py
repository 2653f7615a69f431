"""Route of an operation's events, as a server-sent stream."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from ktrdr.worker.events import State
from ktrdr.worker.service import OperationId, Parts

router = APIRouter(prefix="/operations/{operation_id}", tags=["operations"])

_SEQUENCE = r"[0-9]{1,18}"


@router.get("/events", response_class=Response, responses={200: {"content": {"text/event-stream": {}}}})
async def events(
    parts: Parts,
    operation_id: OperationId,
    after: Annotated[int | None, Query(ge=0, le=10**18)] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Server-sent events until the operation rests: ``progress``, ``gap`` (reports that were missed), ``end``.

    Ids are the numbers of reports; ``after``, or Last-Event-ID, is the last one that the caller has seen.
    """
    first = await run_in_threadpool(parts.view, operation_id)
    if after is None and last_event_id is not None and re.fullmatch(_SEQUENCE, last_event_id):
        after = int(last_event_id)
    return StreamingResponse(
        parts.events.read(first.operation_id, State.of(first), after), media_type="text/event-stream"
    )
