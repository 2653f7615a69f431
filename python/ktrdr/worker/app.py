"""The application: every route behind the gate."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp

from ktrdr.worker import answers
from ktrdr.worker.gate.bodies import Bodies
from ktrdr.worker.gate.security import Gate
from ktrdr.worker.metrics import Measured
from ktrdr.worker.pages import docs, home, login
from ktrdr.worker.routes import backtests, health, operations, results, streams
from ktrdr.worker.service import Service, known_query
from ktrdr.worker.views import Refusal

ROUTES = (backtests, operations, results, streams, health, login, home, docs)
_REFUSALS: dict[int | str, dict[str, Any]] = {
    422: {"model": Refusal, "description": "A field is missing, unknown, or outside what is accepted."},
    "default": {"model": Refusal, "description": "Refused: `error.code` says why."},
}


def create_api(service: Service) -> FastAPI:
    """The routes, without the gate; ``/openapi.json`` describes them."""
    api = FastAPI(
        title="ktrdr", version=version("ktrdr"), docs_url=None, redoc_url=None, redirect_slashes=False,
        dependencies=[Depends(known_query)], responses=_REFUSALS,
        description="Backtests that survive: started here, run by any worker of one database.",
    )  # fmt: skip
    api.state.service = service
    answers.install(api)
    for module in ROUTES:
        api.include_router(module.router)
    return api


def create_app(service: Service) -> ASGIApp:
    """What a server serves: metered, guarded, bodies read to their end."""
    return Measured(Gate(Bodies(create_api(service)), service.access), service.meters)
