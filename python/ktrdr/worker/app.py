"""The application: every route behind the access checks."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from ktrdr.worker import errors
from ktrdr.worker.access.bodies import BodyMiddleware
from ktrdr.worker.access.document import document_of
from ktrdr.worker.access.middleware import AccessMiddleware
from ktrdr.worker.access.verbs import VerbMiddleware
from ktrdr.worker.metrics import MetricsMiddleware
from ktrdr.worker.pages import assets, compare, docs, home, login, models, operation, start, workers
from ktrdr.worker.pages.login import login_page
from ktrdr.worker.routes import (
    backtests,
    catalog,
    health,
    operations,
    paper,
    results,
    streams,
    trainings,
)
from ktrdr.worker.routes.studies import research, sweeps, walk_forwards
from ktrdr.worker.service import Service, known_query
from ktrdr.worker.views import ErrorBody

ROUTES = (
    backtests,
    trainings,
    walk_forwards,
    sweeps,
    research,
    paper,
    operations,
    results,
    streams,
    catalog,
    health,
    login,
    home,
    operation,
    start,
    compare,
    models,
    workers,
    docs,
    assets,
)
_ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    422: {"model": ErrorBody, "description": "A field is missing, unknown, or outside what is accepted."},
    "default": {"model": ErrorBody, "description": "Refused: `error.code` says why."},
}


def create_api(service: Service) -> FastAPI:
    """Returns the routes without the access checks; ``/openapi.json`` describes them."""
    api = FastAPI(
        title="ktrdr",
        version=version("ktrdr"),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(known_query)],
        responses=_ERROR_RESPONSES,
        description="Backtests and trainings that survive: started here, run by any worker of one database.",
    )
    api.state.service = service
    errors.install(api)
    for module in ROUTES:
        api.include_router(module.router)
    return api


def create_app(service: Service) -> ASGIApp:
    """Returns the application of a server: metrics around access checks around verbs, bodies and routes."""
    api = create_api(service)
    api.openapi = document_of(api, guarded=service.access.token is not None)  # type: ignore[method-assign]
    verbs = partial(_verbs, api)
    behind = VerbMiddleware(BodyMiddleware(api), verbs)
    gate = AccessMiddleware(behind, service.access, login_page, verbs, service.signed_out, service.guesses)
    return MetricsMiddleware(gate, service.meters)


def _verbs(api: FastAPI, scope: Scope) -> frozenset[str]:
    """Returns the verbs of the routes at an address."""
    known = [*api.routes, *(route for module in ROUTES for route in module.router.routes)]
    routes = (route for route in known if isinstance(route, Route))
    return frozenset(verb for route in routes if route.path_regex.match(scope["path"]) for verb in route.methods or ())
