"""Verbs of HTTP that no route has to know of: HEAD, OPTIONS, and those that an address does not have."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ktrdr.errors import RequestInvalid
from ktrdr.worker.errors import error_response

Verbs = Callable[[Scope], frozenset[str]]


class VerbMiddleware:
    """Middleware that answers HEAD with the head of GET, OPTIONS with the verbs of an address, and refuses others.

    Args:
        app: receives what is left.
        verbs: returns the verbs that an address has; none for an address that is none.
    """

    def __init__(self, app: ASGIApp, verbs: Verbs) -> None:
        self._app = app
        self._verbs = verbs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI call."""
        known = self._verbs(scope) if scope["type"] == "http" else frozenset()
        if not known:
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        allow = {"allow": ", ".join(sorted({*known, "OPTIONS", *(("HEAD",) if "GET" in known else ())}))}
        if method == "OPTIONS":
            await Response(status_code=204, headers=allow)(scope, receive, send)
        elif method == "HEAD" and "GET" in known:
            await self._head(scope, receive, send)
        elif method in known:
            await self._app(scope, receive, send)
        else:
            answer = error_response(RequestInvalid("method not allowed", expected=allow["allow"]), 405)
            answer.headers.update(allow)
            await answer(scope, receive, send)

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            # The answer ends with its head: a stream sees its reader gone, and what else is sent is nobody's.
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})

        await self._app({**scope, "method": "GET"}, receive, sending)
