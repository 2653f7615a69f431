"""The page: a plain list of operations, for whoever may see it."""

from __future__ import annotations

from html import escape
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from ktrdr.simulation.metrics import label, value_text
from ktrdr.worker.access.middleware import KNOWN
from ktrdr.worker.pages.login import login_page
from ktrdr.worker.pages.page_style import page
from ktrdr.worker.service import Parts, Service
from ktrdr.worker.views import OperationView, operation_views

router = APIRouter(tags=["pages"])

_PAGE_ROWS = 50
_REFRESH_SECONDS = 5
_HEAD = (
    "<th>Operation</th><th>What</th><th>Status</th><th>Progress</th><th>Result</th>"
    '<th class="number">Equity</th><th class="number">Trades</th><th class="number">Submitted (UTC)</th>'
)


@router.get("/", response_class=Response, responses={200: {"content": {"text/html": {}}}})
def home(request: Request, parts: Parts, cursor: Annotated[str | None, Query(max_length=200)] = None) -> HTMLResponse:
    """Operations with status and progress; without a session the login form and nothing else."""
    if not request.scope[KNOWN]:
        return login_page()
    return page(_list(parts, cursor), refresh_s=_REFRESH_SECONDS)


def _list(parts: Service, cursor: str | None) -> str:
    found, following = parts.store.list(limit=_PAGE_ROWS, cursor=cursor)
    rows = "".join(map(_row, operation_views(parts.store, found)))
    older = f'<p><a href="/?cursor={escape(following)}">Older</a></p>' if following else ""
    table = f"<table><thead><tr>{_HEAD}</tr></thead><tbody>{rows}</tbody></table>"
    return f"<h1>ktrdr <small>operations</small></h1>{table if rows else '<p>No operations yet.</p>'}{older}"


def _row(view: OperationView) -> str:
    figures = view.progress
    equity = "" if figures is None or figures.equity is None else f"{figures.equity:,.2f}"
    trades = "" if figures is None or figures.trades is None else f"{figures.trades:,}"
    return (
        f'<tr><td><code><a href="/operations/{escape(view.operation_id)}">{escape(view.operation_id)}</a></code></td>'
        f'<td class="text">{escape(view.title)}{_lines(_details(view))}</td>'
        f'<td class="text"><span class="{view.status.value}">{view.status.value}</span>{_reasons(view)}</td>'
        f"<td>{_bar(view)}</td><td>{'<br>'.join(_results(view))}</td>"
        f'<td class="number">{equity}</td><td class="number">{trades}</td>'
        f'<td class="number">{view.timings.created_at:%Y-%m-%d %H:%M}</td></tr>'
    )


def _details(view: OperationView) -> list[str]:
    """Returns dates, changed rules and the note, one line each."""
    changes = [f"{name} {change.run} (file {change.file})" for name, change in view.changes.items()]
    return [line for line in (view.detail, *changes, view.note) if line]


def _results(view: OperationView) -> list[str]:
    return [escape(f"{label(name)} {value_text(name, value, digits=3)}") for name, value in view.figures.items()]


def _bar(view: OperationView) -> str:
    percentage = 100.0 if view.status == "completed" else view.progress.percentage if view.progress else None
    if percentage is None:
        return ""
    return f'<progress max="100" value="{percentage:.1f}"></progress> {percentage:.0f} %'


def _reasons(view: OperationView) -> str:
    """Why it waits, or what ended it."""
    lines = [f"{worker}: {reason}" if worker else reason for worker, reason in view.waiting.items()]
    if view.error is not None:
        lines.append(str(view.error.get("message", view.error.get("code", ""))))
    return _lines(lines)


def _lines(lines: list[str]) -> str:
    return "".join(f'<div class="note">{escape(line)}</div>' for line in lines)
