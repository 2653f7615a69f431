"""Bodies of requests, read before a route sees them: bounded in size and time, and strict JSON."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ktrdr.errors import BodyTooLarge, JsonInvalid, RequestError
from ktrdr.text import one_line, repeated
from ktrdr.worker.errors import error_response

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_KEYS = 1_000
_PATIENCE_SECONDS = 30.0
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 32 << 20


class BodyMiddleware:
    """Middleware that reads each body to its end: a route gets it whole, or the request is refused."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI call."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        try:
            body = await _read(scope, receive)
            if body:
                check_json(body)
        except BodyTooLarge as error:
            await error_response(error)(scope, receive, _lingering(receive, send))
            return
        except RequestError as error:
            await error_response(error)(scope, receive, send)
            return
        if body is not None:
            await self._app(scope, _replay(body, receive), send)


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


async def _read(scope: Scope, receive: Receive) -> bytes | None:
    """Returns the body, None if the client has left. Raises ``BodyTooLarge``, also for a body without an end."""
    if int(Headers(scope=scope).get("content-length", "0")) > MAX_BYTES:
        raise BodyTooLarge("body too large", expected=f"at most {MAX_BYTES} bytes")
    parts = []
    size = 0
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > MAX_BYTES:
                    raise BodyTooLarge("body too large", expected=f"at most {MAX_BYTES} bytes")
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise BodyTooLarge("the body does not end", expected=f"within {_PATIENCE_SECONDS:g} s") from None


def _lingering(receive: Receive, send: Send) -> Send:
    """Returns ``send``, with the rest of the body read and dropped before the response ends.

    A connection that is closed with unread bytes is reset, and the response is lost on its way.
    """

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.body":
            await send({**message, "more_body": True})
            await _drop(receive)
            message = {"type": "http.response.body", "body": b""}
        await send(message)

    return sending


async def _drop(receive: Receive) -> None:
    dropped = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while dropped < _LINGER_BYTES:
                message = await receive()
                dropped += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return waiting.pop() if waiting else await receive()

    return receiving


def check_json(body: bytes) -> None:
    """Passes for UTF-8 JSON without repeated keys, NaN, NUL or lone surrogates, at most 32 levels deep.

    Raises ``JsonInvalid``, also for a number that no float holds.

    >>> check_json(b'{"symbol": "EURUSD"}')
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_no_repeats,
        )
    except RequestError:
        raise
    except UnicodeDecodeError:
        raise JsonInvalid("the body is not UTF-8") from None
    except RecursionError:
        raise JsonInvalid("nested too deeply", expected=f"at most {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise JsonInvalid(f"not JSON: {error.msg.lower()}", where=place) from None
    except ValueError:
        raise JsonInvalid("a number with too many digits") from None
    for depth, text in _walk(value):
        if depth > MAX_DEPTH:
            raise JsonInvalid("nested too deeply", expected=f"at most {MAX_DEPTH} levels")
        if not _is_text(text):
            raise JsonInvalid("text with an invalid character", expected="Unicode text without NUL")


def _is_text(text: str) -> bool:
    """Returns True for text that every database can store."""
    try:
        return b"\0" not in text.encode("utf-8")
    except UnicodeEncodeError:
        return False


def _walk(value: object) -> Iterator[tuple[int, str]]:
    """Yields depth and text of every node, without recursion: the sender chooses the depth."""
    waiting = [(1, value)]
    while waiting:
        depth, node = waiting.pop()
        yield depth, node if isinstance(node, str) else ""
        if isinstance(node, dict):
            waiting += [(depth + 1, part) for item in node.items() for part in item]
        elif isinstance(node, list):
            waiting += [(depth + 1, part) for part in node]


def _no_constant(name: str) -> None:
    raise JsonInvalid("JSON has no such number", found=name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise JsonInvalid("a number is too large for a float", found=str(one_line(text)))
    return number


def _whole(text: str) -> int:
    number = int(text)  # ValueError beyond some thousands of digits
    _finite(text)
    return number


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_KEYS:  # each unknown one would be looked up among the known ones
        raise JsonInvalid("too many keys", found=len(pairs), expected=f"at most {MAX_KEYS} in one object")
    if (twice := repeated(name for name, _ in pairs)) is not None:
        raise JsonInvalid("a key is given twice", found=twice[:80])
    return dict(pairs)
