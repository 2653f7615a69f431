"""Page of the routes: a table made from the schema that `/openapi.json` gives to programs."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from ktrdr.worker.pages.page_style import page

router = APIRouter()


@router.get("/docs", response_class=HTMLResponse, include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """Lists every route with its description and its parameters."""
    schema = request.app.openapi()
    calls = [(verb, path, facts) for path, verbs in schema["paths"].items() for verb, facts in verbs.items()]
    rows = "".join(_row(verb, path, facts, schema["components"]["schemas"]) for verb, path, facts in calls)
    table = f"<table><thead><tr><th>Call</th><th>Does</th><th>Takes</th></tr></thead><tbody>{rows}</tbody></table>"
    note = '<p class="note">* required. For programs: <a href="/openapi.json">/openapi.json</a></p>'
    return page(f"<h1>ktrdr <small>routes</small></h1>{table}{note}")


def _row(verb: str, path: str, facts: dict[str, Any], schemas: dict[str, Any]) -> str:
    query = [str(parameter["name"]) for parameter in facts.get("parameters", ()) if parameter["in"] == "query"]
    taken = ", ".join([*query, *(_fields(facts["requestBody"], schemas) if "requestBody" in facts else ())])
    cells = (f"<code>{verb.upper()} {escape(path)}</code>", escape(facts.get("description", "")), escape(taken))
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _fields(body: dict[str, Any], schemas: dict[str, Any]) -> list[str]:
    """Returns the fields of a body, required ones with a star."""
    written = body["content"]["application/json"]["schema"]
    model = next(part["$ref"] for part in written.get("anyOf", [written]) if "$ref" in part).rpartition("/")[2]
    required = schemas[model].get("required", ())
    return [f"{name}{'*' if name in required else ''}" for name in schemas[model].get("properties", ())]
