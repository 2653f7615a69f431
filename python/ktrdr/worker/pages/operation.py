"""The page of one operation: what it does, what can be done with it, and its result."""

from __future__ import annotations

from fastapi.responses import HTMLResponse

from ktrdr._types import JsonObject
from ktrdr.errors import KtrdrError
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Operation, Status
from ktrdr.worker.access.middleware import PAGES
from ktrdr.worker.pages.parts.chart import Curve, curves_chart
from ktrdr.worker.pages.parts.live import Live
from ktrdr.worker.pages.parts.rendering import page
from ktrdr.worker.pages.parts.result import Shown, shown_result
from ktrdr.worker.pages.parts.route import router_of_pages
from ktrdr.worker.pages.parts.so_far import feed_rows, paper_so_far, sweep_so_far
from ktrdr.worker.service import OperationId, Parts, Service
from ktrdr.worker.views import OperationView, operation_view, view_of

_MOST_OTHERS = 30
_DAMAGE = (KtrdrError, KeyError, TypeError, ValueError)
"""Errors of reading a result that a fault of the disk, or another version, has left incomplete."""

router = router_of_pages(f"{PAGES}/operations/{{operation_id}}")


@router.get("")
def show(parts: Parts, operation_id: OperationId) -> HTMLResponse:
    """Returns the page of an operation."""
    operation = parts.store.get(operation_id)
    done = operation.status is Status.COMPLETED
    result = _result(parts, operation) if done else None
    others = _others(parts, operation) if done else ()
    found = _so_far(parts, operation)
    return page("operation.html", result=result, others=others, **found, **_live(parts, operation))


@router.get("/live")
def live(parts: Parts, operation_id: OperationId) -> HTMLResponse:
    """Returns status, progress and actions alone, to be put in the place of older ones."""
    return page("parts/live.html", **_live(parts, parts.store.get(operation_id)))


@router.get("/curve")
def curve(parts: Parts, operation_id: OperationId) -> HTMLResponse:
    """Returns what is stored so far: equity, the heat map of a sweep, decisions and orders of a paper run."""
    return page("parts/curve.html", **_so_far(parts, parts.store.get(operation_id)))


def _live(parts: Service, operation: Operation) -> JsonObject:
    found = Live.of(operation_view(parts.store, operation))
    # Changes where the stored equity has: with each save, and where a restart has removed it.
    stored = f"{operation.epoch}-{operation.generation}-{operation.status.value}"
    feed = feed_rows(operation) if operation.kind == "paper" else []
    return {"one": found, "view": found.view, "stored": stored, "feed": feed}


def _so_far(parts: Service, operation: Operation) -> JsonObject:
    """Returns what is stored of an operation for people, also while it runs."""
    found: JsonObject = {"curve": _curve(parts, operation), "sweep": None, "paper": None}
    try:
        if operation.kind == "sweep":
            found["sweep"] = sweep_so_far(parts.store, operation.id)
        elif operation.kind == "paper":
            found["paper"] = paper_so_far(parts.store, operation.id)
    except _DAMAGE as error:
        found["curve"] = {"problem": _problem(error)}
    return found


def _others(parts: Service, operation: Operation) -> list[OperationView]:
    """Returns the newest completed operations of the same kind, to be compared with."""
    found, _ = parts.store.listed(status=Status.COMPLETED, kind=operation.kind, limit=_MOST_OTHERS)
    return [view_of(other) for other in found if other.operation.id != operation.id]


def _curve(parts: Service, operation: Operation) -> JsonObject | None:
    """Returns the equity that is stored of an operation as a chart; None where there is none."""
    try:
        frame = kind_of(operation.kind).equity(parts.store, operation.id)
    except _DAMAGE as error:
        return {"problem": _problem(error)}
    if frame is None or frame.is_empty():
        return None
    found = Curve.of(frame)
    label = f"Equity, from {found.values[0]:,.2f} to {found.values[-1]:,.2f} in account currency"
    return {"chart": curves_chart([found], lambda value: f"{value:,.10g}", label), "label": label, "problem": ""}


def _result(parts: Service, operation: Operation) -> Shown | JsonObject:
    """Returns the result of a completed operation, or the reason why it cannot be shown."""
    try:
        return shown_result(parts.store, operation)
    except _DAMAGE as error:
        return {"problem": _problem(error)}


def _problem(error: Exception) -> str:
    """Returns one line about stored data that cannot be shown, so that the rest of the page stays."""
    return str(error) if isinstance(error, KtrdrError) else f"the stored data are damaged ({type(error).__name__})"
