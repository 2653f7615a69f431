"""One ASGI call without a server: what a layer answers to a request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True)
class Said:
    """The answer to a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """Returns the error's code."""
        found: str = json.loads(self.body)["error"]["code"]
        return found


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """The application behind the layer under test: says what it was given."""
    body = b""
    while scope["method"] not in ("GET", "HEAD"):
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello " + body})


def ask(
    app: ASGIApp, method: str, path: str, headers: Mapping[str, str] | None = None, body: Iterable[bytes] = ()
) -> Said:
    """Sends one request, its body in the pieces given, and waits for the whole answer."""
    return asyncio.run(_ask(app, method, path, headers or {}, list(body)))


async def _ask(app: ASGIApp, method: str, path: str, headers: Mapping[str, str], body: list[bytes]) -> Said:
    address, _, query = path.partition("?")
    scope = {
        "type": "http", "method": method, "path": address, "query_string": query.encode(), "scheme": "http",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
    }  # fmt: skip
    pieces = [{"type": "http.request", "body": piece, "more_body": True} for piece in body]
    pieces.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Any] = []

    async def receive() -> Message:
        return pieces.pop(0) if pieces else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    names = {name.decode().lower(): value.decode() for name, value in sent[0].get("headers", [])}
    return Said(sent[0]["status"], names, b"".join(message.get("body", b"") for message in sent[1:]))
