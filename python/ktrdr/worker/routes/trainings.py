"""Route that starts trainings."""

from __future__ import annotations

from fastapi import APIRouter

from ktrdr.worker.routes.operations import submitted
from ktrdr.worker.routes.requests import require_symbol, training_of
from ktrdr.worker.schemas import TrainingBody
from ktrdr.worker.service import Parts
from ktrdr.worker.views import Accepted

router = APIRouter(prefix="/trainings", tags=["trainings"])


@router.post("/start", status_code=202)
def start(parts: Parts, body: TrainingBody) -> Accepted:
    """Stores a training for the next free slot of any worker; one key and body give one operation."""
    request = training_of(body)
    if parts.is_alone():
        for symbol in request.symbols or ():
            require_symbol(symbol)
    return submitted(parts, "training", request.to_spec(), body)
