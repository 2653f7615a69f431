"""The application: every route behind the gate."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI
from starlette.types import ASGIApp

from ktrdr.worker import answers, backtests, dashboard, docs, health, login, operations, results, streams
from ktrdr.worker.bodies import Bodies
from ktrdr.worker.metrics import Measured
from ktrdr.worker.security import Gate
from ktrdr.worker.service import Service

ROUTES = (backtests, operations, results, streams, health, login, dashboard, docs)


def create_api(service: Service) -> FastAPI:
    """The routes, without the gate; ``/openapi.json`` describes them."""
    api = FastAPI(
        title="ktrdr", version=version("ktrdr"), docs_url=None, redoc_url=None, redirect_slashes=False,
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
