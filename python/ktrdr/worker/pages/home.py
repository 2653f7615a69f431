"""The page of all operations: a list that follows the store, for whoever may see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from ktrdr._types import JsonObject
from ktrdr.operations import KINDS
from ktrdr.operations.models import Overview, Status
from ktrdr.worker.access.middleware import KNOWN, PAGES
from ktrdr.worker.events import LIST
from ktrdr.worker.pages.login import login_page
from ktrdr.worker.pages.parts.live import Live
from ktrdr.worker.pages.parts.rendering import page
from ktrdr.worker.pages.parts.route import PageRoute
from ktrdr.worker.service import Parts, Service
from ktrdr.worker.views import ErrorBody, view_of

router = APIRouter(tags=["pages"], route_class=PageRoute)

_PAGE_ROWS = 50
_WITH_VERDICT = "research"

_PAGE: dict[str, Any] = {"content": {"text/html": {}}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The page.", **_PAGE},
    422: {"model": ErrorBody, "description": "A choice that is none: a page for browsers, else JSON.", **_PAGE},
    "default": {"model": ErrorBody, "description": "Refused: a page for browsers, else JSON.", **_PAGE},
}
# An empty text is what a form sends for a choice that was not made.
_Status = Status | Literal[""]
_Kind = Annotated[str, Query(pattern=r"^[a-z]{0,40}$")]
_Cursor = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class Wanted:
    """The part of the list that a page shows; an empty text asks for every status, or every kind."""

    status: str
    kind: str
    cursor: str

    def address(self, path: str, **changes: str) -> str:
        """Returns the address of this part under a path, empty values left out."""
        query = urlencode({name: value for name, value in {**vars(self), **changes}.items() if value})
        return f"{path}?{query}" if query else path


@router.get("/", response_class=Response, responses=_ANSWERS)
def home(request: Request, parts: Parts, status: _Status = "", kind: _Kind = "", cursor: _Cursor = "") -> HTMLResponse:
    """Operations with status and progress; without a session the login form and nothing else."""
    if not request.scope[KNOWN]:
        return login_page()
    wanted = Wanted(status, kind, cursor)
    names = [each.value for each in Status]
    return page("operations.html", wanted=wanted, statuses=names, kinds=sorted(KINDS), **_listed(parts, wanted))


@router.get(f"{PAGES}/operations", include_in_schema=False)
def rows(parts: Parts, status: _Status = "", kind: _Kind = "", cursor: _Cursor = "") -> HTMLResponse:
    """Returns the list alone, to be put in the place of an older one."""
    wanted = Wanted(status, kind, cursor)
    return page("parts/operations.html", wanted=wanted, **_listed(parts, wanted))


@router.get(f"{PAGES}/events", include_in_schema=False)
async def changes(parts: Parts) -> StreamingResponse:
    """Server-sent events: one after each change of the newest operations or of the workers."""
    first = await run_in_threadpool(parts.list_state)
    return StreamingResponse(parts.events.read(LIST, first, None), media_type="text/event-stream")


def _listed(parts: Service, wanted: Wanted) -> JsonObject:
    status = Status(wanted.status) if wanted.status else None
    found, following = parts.store.listed(
        status=status, kind=wanted.kind or None, limit=_PAGE_ROWS, cursor=wanted.cursor or None
    )
    live = [Live.of(view_of(each), _verdict(each)) for each in found]
    older = wanted.address("/", cursor=following) if following else ""
    return {"listed": live, "older": older, "workers": sum(worker.live for worker in parts.store.workers())}


def _verdict(overview: Overview) -> str:
    judged = overview.operation.kind == _WITH_VERDICT
    return str((overview.summary or {}).get("verdict", "")) if judged else ""
