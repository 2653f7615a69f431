"""Routes that start and resume backtests."""

from __future__ import annotations

from fastapi import APIRouter

from ktrdr.worker.routes.operations import resumed, submitted
from ktrdr.worker.routes.requests import request_of, require_symbol
from ktrdr.worker.schemas import ResumeOneBody, StartBody
from ktrdr.worker.service import Parts
from ktrdr.worker.views import Accepted

router = APIRouter(prefix="/backtests", tags=["backtests"])


@router.post("/start", status_code=202)
def start(parts: Parts, body: StartBody) -> Accepted:
    """Stores a backtest for the next free slot of any worker; one key and body give one operation."""
    request = request_of(body)
    if parts.is_alone():
        require_symbol(body.symbol)
    return submitted(parts, "backtest", request.to_spec(), body, model_id=body.model)


@router.post("/resume", status_code=202)
def resume(parts: Parts, body: ResumeOneBody) -> Accepted:
    """The same as POST /operations/{operation_id}/resume."""
    return resumed(parts, parts.store.find_id(body.operation_id), body)
