"""The OpenAPI document: that of the routes, with links between them, and the way in that a service asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fastapi import FastAPI

from ktrdr.worker.access.links import add_links
from ktrdr.worker.access.session import COOKIE

_OPEN = {("/health", "get"), ("/ready", "get"), ("/", "get"), ("/session", "post")}
_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "the secret of KTRDR_API_TOKEN"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "opened by POST /session"},
}


def document_of(api: FastAPI, *, guarded: bool) -> Callable[[], dict[str, Any]]:
    """Returns the function that gives the document of an application.

    Args:
        api: the routes.
        guarded: whether the service has a token; without one, nothing is asked of a caller.
    """
    plain = api.openapi

    def document() -> dict[str, Any]:
        found = plain()
        add_links(found)
        for body in _bodies(found):
            # `{}` will do. One without `Content-Type: application/json` is refused: a foreign page can send it.
            body["required"] = True
        if guarded and "security" not in found:
            found["components"]["securitySchemes"] = _SCHEMES
            found["security"] = [{name: []} for name in _SCHEMES]
            for path, verb in _OPEN & {(path, verb) for path, verbs in found["paths"].items() for verb in verbs}:
                found["paths"][path][verb]["security"] = []
        return found

    return document


def _bodies(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for verbs in document["paths"].values():
        yield from (facts["requestBody"] for facts in verbs.values() if "requestBody" in facts)
