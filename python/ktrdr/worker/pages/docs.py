"""Page of the routes: a table made from the schema that `/openapi.json` gives to programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from ktrdr.worker.pages.parts.rendering import page
from ktrdr.worker.pages.parts.route import router_of_pages

router = router_of_pages()


@dataclass(frozen=True)
class Call:
    """A route for programs; required names end in a star."""

    verb: str
    path: str
    does: str
    takes: str


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Lists every route with its description and its parameters."""
    schema = request.app.openapi()
    schemas = schema["components"]["schemas"]
    calls = [
        _call(verb, path, facts, schemas) for path, verbs in schema["paths"].items() for verb, facts in verbs.items()
    ]
    return page("docs.html", calls=calls)


def _call(verb: str, path: str, facts: dict[str, Any], schemas: dict[str, Any]) -> Call:
    query = [str(parameter["name"]) for parameter in facts.get("parameters", ()) if parameter["in"] == "query"]
    body = _fields(facts["requestBody"], schemas) if "requestBody" in facts else ()
    return Call(verb.upper(), path, facts.get("description", ""), ", ".join([*query, *body]))


def _fields(body: dict[str, Any], schemas: dict[str, Any]) -> list[str]:
    """Returns the fields of a body, required ones with a star."""
    written = body["content"]["application/json"]["schema"]
    model = next(part["$ref"] for part in written.get("anyOf", [written]) if "$ref" in part).rpartition("/")[2]
    required = schemas[model].get("required", ())
    return [f"{name}{'*' if name in required else ''}" for name in schemas[model].get("properties", ())]
