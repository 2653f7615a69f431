"""Routes for monitoring: health, readiness, workers, metrics."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from ktrdr.errors import StorageError
from ktrdr.worker.service import Parts, Service
from ktrdr.worker.views import Health, WorkerList, worker_view

router = APIRouter(tags=["service"])


@router.get("/health", responses={503: {"model": Health}})
async def health(parts: Parts, response: Response) -> Health:
    """Ok while the process answers and its runner lives; a worker that fails here has to be started again."""
    return _answer(response, ok=parts.runner.alive)


@router.get("/ready", responses={503: {"model": Health}})
async def ready(parts: Parts, response: Response) -> Health:
    """Ok while the runner looks for operations, and a write to the database has just succeeded within 3 seconds."""
    return _answer(response, ok=await parts.readiness.is_ready())


@router.get("/workers")
def workers(parts: Parts) -> WorkerList:
    """Every registered worker, and whether it lives."""
    return WorkerList(workers=[worker_view(worker) for worker in parts.store.workers()])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(parts: Parts) -> Response:
    """Counters and gauges in Prometheus' text format."""
    text = parts.meters.text(
        streams=parts.events.readers, running=parts.runner.running, live_workers=_live_workers(parts)
    )
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def _answer(response: Response, *, ok: bool) -> Health:
    response.status_code = 200 if ok else 503
    return Health(status="ok" if ok else "not ok")


def _live_workers(parts: Service) -> int | None:
    """Returns the number of live workers; None if the database does not answer."""
    try:
        return sum(worker.live for worker in parts.store.workers())
    except StorageError:
        return None
