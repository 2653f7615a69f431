"""The page of OpenAPI: every route in a table, made from the schema that `/openapi.json` gives to programs."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from ktrdr.worker.look import page

router = APIRouter()


@router.get("/docs", response_class=HTMLResponse, include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """Every route, what it does and what it takes."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    rows = "".join(_row(verb, path, facts) for path, verbs in paths.items() for verb, facts in verbs.items())
    table = f"<table><thead><tr><th>Call</th><th>Does</th><th>Takes</th></tr></thead><tbody>{rows}</tbody></table>"
    note = '<p class="note">For programs: <a href="/openapi.json">/openapi.json</a></p>'
    return page(f"<h1>ktrdr <small>routes</small></h1>{table}{note}")


def _row(verb: str, path: str, facts: dict[str, Any]) -> str:
    taken = [str(parameter["name"]) for parameter in facts.get("parameters", ()) if parameter["in"] == "query"]
    taken += [_body_name(facts["requestBody"])] if "requestBody" in facts else []
    cells = (
        f"<code>{verb.upper()} {escape(path)}</code>",
        escape(facts.get("description", "")),
        escape(", ".join(taken)),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _body_name(body: dict[str, Any]) -> str:
    schema = body["content"]["application/json"]["schema"]
    parts = schema.get("anyOf", [schema])
    return str(next(part["$ref"] for part in parts if "$ref" in part).rpartition("/")[2])
