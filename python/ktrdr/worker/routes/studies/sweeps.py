"""Route that starts sweeps."""

from __future__ import annotations

from fastapi import APIRouter

from ktrdr.worker.routes.operations import submitted
from ktrdr.worker.routes.requests import require_symbol, sweep_of
from ktrdr.worker.schemas import SweepBody
from ktrdr.worker.service import Parts
from ktrdr.worker.views import Accepted

router = APIRouter(prefix="/sweeps", tags=["sweeps"])


@router.post("/start", status_code=202)
def start(parts: Parts, body: SweepBody) -> Accepted:
    """Stores a sweep for the next free slot of any worker; one key and body give one operation."""
    request = sweep_of(body)
    if parts.is_alone():
        require_symbol(request.symbol)
    return submitted(parts, "sweep", request.to_spec(), body)
