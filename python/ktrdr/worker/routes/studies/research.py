"""Routes that start researches."""

from __future__ import annotations

from fastapi import APIRouter

from ktrdr.research.job.request import ResearchRequest
from ktrdr.research.strategy_file import require_room, strategies_folder
from ktrdr.settings import data_root
from ktrdr.worker.routes.operations import submitted
from ktrdr.worker.schemas import ResearchBody
from ktrdr.worker.service import Parts
from ktrdr.worker.views import Accepted

router = APIRouter(prefix="/research", tags=["research"])


@router.post("/start", status_code=202)
def start(parts: Parts, body: ResearchBody) -> Accepted:
    """Stores a cycle for the next free slot of any worker; one key and body give one operation."""
    request = _request_of(body)
    if body.strategy is None:
        require_room(strategies_folder(data_root()))
    return submitted(parts, "research", request.to_spec(), body)


def _request_of(body: ResearchBody) -> ResearchRequest:
    """Returns the cycle that a start asks for; raises ``BriefInvalid``, ``ModelKeyMissing``, ``ConfigError`` leaves."""
    return ResearchRequest.of(
        body.brief, body.model, strategy=body.strategy, start=body.start, end=body.end, seed=body.seed, allow_path=False
    )
