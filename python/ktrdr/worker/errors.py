"""Errors as HTTP responses: one JSON shape, the status of the error, never a trace."""

from __future__ import annotations

import math
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ktrdr.backtesting.inputs.parameters import OTHER_NAMES
from ktrdr.config.place import dotted
from ktrdr.errors import (
    ArgumentInvalid,
    ConfigError,
    ConfigNotFound,
    HttpInvalid,
    InternalError,
    KtrdrError,
    NotFound,
    RequestInvalid,
)
from ktrdr.text import one_line
from ktrdr.worker.statuses import http_status

_UNSHOWN_FIELDS = frozenset({"token"})


def error_response(error: KtrdrError, status: int | None = None) -> JSONResponse:
    """Returns the response for an error: ``{"error": {code, message, fields}}``."""
    headers = {}
    own_status = http_status(error)
    if own_status == 401:
        headers["www-authenticate"] = "Bearer"
    if own_status == 413 or isinstance(error, HttpInvalid):
        headers["connection"] = "close"  # neither the rest of a body nor what follows a broken head is worth reading
    if (seconds := getattr(error, "retry_after", None)) is not None:
        headers["retry-after"] = str(max(1, math.ceil(seconds)))
    facts = error.to_dict()
    if isinstance(error, ConfigError):
        facts["field"] = _field_of(error)
    return JSONResponse({"error": facts}, status or own_status, headers)


def _field_of(error: ConfigError) -> str:
    """Returns the field of a start that holds the strategy or the rule."""
    if error.where == "request":
        return (error.path or "execution").partition(".")[0]
    by_name = isinstance(error, ConfigNotFound) or error.where != "strategy"
    return "strategy_name" if by_name else "strategy_yaml"


def install(app: FastAPI) -> None:
    """Registers the handlers that give every error of the application this shape."""
    app.add_exception_handler(KtrdrError, _known_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _bug)


async def _known_error(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, ArgumentInvalid):  # an argument of ours is a field of the caller's
        field = OTHER_NAMES["HTTP"].get(error.where, error.where)
        found = one_line(error.found)
        return error_response(
            RequestInvalid(error.what, field=field, found=found, expected=error.expected, hint=error.hint)
        )
    return error_response(cast(KtrdrError, error))


async def _invalid_request(_: Request, error: Exception) -> JSONResponse:
    return error_response(invalid(cast(RequestValidationError, error).errors()[0]))


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    raised = cast(HTTPException, error)
    if raised.status_code == 404:
        return error_response(NotFound("nothing at this address"))
    answer = error_response(RequestInvalid(str(raised.detail).lower()), raised.status_code)
    answer.headers.update(raised.headers or {})
    return answer


async def _bug(_: Request, error: Exception) -> JSONResponse:
    """Answers without the trace; the server writes it to the log."""
    return error_response(InternalError(f"unexpected {type(error).__name__}", hint="the worker's log shows where"))


def invalid(problem: dict[str, Any]) -> RequestInvalid:
    """Returns a pydantic error about a request as one of ours, with field and value.

    >>> print(invalid({"type": "missing", "loc": ("body", "symbol"), "msg": "Field required", "input": {}}))
    symbol: field required
    """
    path = tuple(problem["loc"][1:])
    facts: dict[str, Any] = {}
    what = str(problem["msg"])
    if problem["type"] == "rejected":
        context = problem["ctx"]
        path += tuple(context["path"])
        what = context["what"]
        facts = dict(context["facts"])
    elif isinstance(problem.get("input"), str | int | float):
        facts["found"] = problem["input"]
    field = dotted(path) or str(problem["loc"][0])
    if field in _UNSHOWN_FIELDS:
        facts.pop("found", None)
    if "found" in facts:
        facts["found"] = one_line(facts["found"])
    return RequestInvalid(what[:1].lower() + what[1:], field=field, **facts)
