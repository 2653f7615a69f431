"""Routes of paper trading: start, kill switch, end with the result, and the log."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ktrdr._types import Json
from ktrdr.decision.job.controls import Controls, require_open
from ktrdr.errors import RequestInvalid
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Operation
from ktrdr.worker.routes.operations import submitted
from ktrdr.worker.routes.requests import paper_of
from ktrdr.worker.routes.results import TABLE_FORMATS
from ktrdr.worker.routes.tables import table_answer
from ktrdr.worker.schemas import KillBody, NothingBody, PaperBody
from ktrdr.worker.service import OperationId, Parts
from ktrdr.worker.views import Accepted

router = APIRouter(prefix="/paper", tags=["paper"])


@router.post("/start", status_code=202)
def start(parts: Parts, body: PaperBody) -> Accepted:
    """Stores a paper run for the next free slot of any worker; one key and body give one operation."""
    return submitted(parts, "paper", paper_of(body).to_spec(), body)


@router.post("/{operation_id}/kill")
def kill(parts: Parts, operation_id: OperationId, body: KillBody) -> Json:
    """Stops trading at once: orders that wait are cancelled, positions are closed at the next price."""
    _controls(parts, operation_id).kill(body.reason)
    return {"operation_id": operation_id}


@router.post("/{operation_id}/stop")
def stop(parts: Parts, operation_id: OperationId, body: NothingBody) -> Json:
    """Ends a paper run with its result."""
    _controls(parts, operation_id).finish("over HTTP")
    return {"operation_id": operation_id}


@router.get("/{operation_id}/log", response_class=Response, responses=TABLE_FORMATS)
def log(request: Request, parts: Parts, operation_id: OperationId) -> Response:
    """Returns the log of a paper run as far as it is stored: gaps, refused bars, overrides, its end."""
    _require_paper(parts, operation_id)
    return table_answer(request, "log", lambda: kind_of("paper").table(parts.store, operation_id, "events"))


def _controls(parts: Parts, operation_id: str) -> Controls:
    require_open(_require_paper(parts, operation_id))
    return Controls(operation_id)


def _require_paper(parts: Parts, operation_id: str) -> Operation:
    found = parts.store.get(operation_id)
    if found.kind != "paper":
        raise RequestInvalid("not a paper run", field="operation_id", found=found.kind, expected="paper")
    return found
