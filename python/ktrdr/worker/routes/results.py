"""Routes of a completed run: its result and its ledgers."""

from __future__ import annotations

from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Query, Request, Response

from ktrdr.analysis.explanation.stored import explanation_of
from ktrdr.errors import NotCompleted
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.registry import report_of
from ktrdr.worker.routes.tables import FORMATS, Pieces, large_answer, table_answer
from ktrdr.worker.service import OperationId, Parts, Service
from ktrdr.worker.views import ExplanationView, ResultView, result_view

_Trades = Annotated[list[int] | None, Query(description="numbers of trades; may be given many times")]

router = APIRouter(prefix="/operations/{operation_id}", tags=["results"])

TABLE_FORMATS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The format that Accept asks for.", "content": {known.media_type: {} for known in FORMATS}}
}
# Not `response_class=HTMLResponse`: errors of this route are JSON, and the document would call them pages too.
_PAGE: dict[int | str, dict[str, Any]] = {200: {"description": "The page.", "content": {"text/html": {}}}}


@router.get("/results")
def results(parts: Parts, operation_id: OperationId) -> ResultView:
    """Returns hash, metrics, warnings and manifest; before the end 409 with the status."""
    operation = _completed(parts, operation_id)
    outcome = parts.store.outcome(operation_id)
    if outcome is None:
        raise NotCompleted("it has no result of its own", operation=operation_id)
    return result_view(operation, outcome)


@router.get("/trades", response_class=Response, responses=TABLE_FORMATS)
def trades(request: Request, parts: Parts, operation_id: OperationId) -> Response:
    """Returns the closed round trips of a backtest."""
    return table_answer(request, "trades", lambda: _table(parts, operation_id, "trades"))


@router.get("/equity", response_class=Response, responses=TABLE_FORMATS)
def equity(request: Request, parts: Parts, operation_id: OperationId) -> Response:
    """Returns one row for each simulated bar of a backtest."""
    return table_answer(request, "equity", lambda: _table(parts, operation_id, "equity"))


@router.get("/scenarios", response_class=Response, responses=TABLE_FORMATS)
def scenarios(request: Request, parts: Parts, operation_id: OperationId) -> Response:
    """Returns one row for each scenario of a sweep: its parameters, every metric, and its error."""
    return table_answer(request, "scenarios", lambda: _table(parts, operation_id, "scenarios"))


@router.get("/report", response_class=Response, responses=_PAGE)
def report(parts: Parts, operation_id: OperationId) -> Response:
    """Returns the report of a completed run as one HTML page; 404 for a kind without one."""
    operation = _completed(parts, operation_id)
    make = report_of(operation.kind)
    return large_answer(
        lambda: _page(make(kind_of(operation.kind).result(parts.store, operation_id))),
        "text/html",
        {"content-security-policy": "frame-ancestors 'none'"},
    )


@router.get("/explanation")
def explanation(parts: Parts, operation_id: OperationId, trade: _Trades = None) -> ExplanationView:
    """Returns why a backtest entered and left its trades, or those that the query names; 404 for another kind."""
    operation = _completed(parts, operation_id)
    found = explanation_of(parts.store, operation.id, trade)
    return ExplanationView(operation_id=operation.id, baseline=found.baseline, decisions=found.decisions)


def _page(text: str) -> Pieces:
    yield text.encode()


def _table(parts: Service, operation_id: str, name: str) -> pl.DataFrame:
    operation = _completed(parts, operation_id)
    return kind_of(operation.kind).table(parts.store, operation_id, name)


def _completed(parts: Service, operation_id: str) -> Operation:
    operation = parts.store.whole(operation_id)
    if operation.status is not Status.COMPLETED:
        raise NotCompleted(
            "it has no result yet",
            operation=operation_id,
            status=operation.status.value,
            found=operation.status.value,
            expected="completed",
        )
    return operation
