"""Route that starts walk-forwards."""

from __future__ import annotations

from fastapi import APIRouter

from ktrdr.worker.routes.operations import submitted
from ktrdr.worker.routes.requests import require_symbol, walk_forward_of
from ktrdr.worker.schemas import WalkForwardBody
from ktrdr.worker.service import Parts
from ktrdr.worker.views import Accepted

router = APIRouter(prefix="/walk-forwards", tags=["walk-forwards"])


@router.post("/start", status_code=202)
def start(parts: Parts, body: WalkForwardBody) -> Accepted:
    """Stores a walk-forward for the next free slot of any worker; one key and body give one operation."""
    request = walk_forward_of(body)
    if parts.is_alone():
        require_symbol(request.symbol)
    return submitted(parts, "walkforward", request.to_spec(), body)
