"""Connections with limits: how many there are, and how long a request may take to come or an answer to be read."""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import socket
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ktrdr.errors import HttpInvalid, KtrdrError
from ktrdr.worker.access.middleware import ANSWER_HEADERS

HEADER_SECONDS: Final = 10.0
UNREAD_SECONDS: Final = 60.0
_MOST_CONNECTIONS: Final = 1_024
_FILES_KEPT_BACK: Final = 64
_TCP_INFO: Final = getattr(socket, "TCP_INFO", None)
"""Of Linux; elsewhere it is not known early that a client has left."""
_CLOSE_WAIT: Final = 8
_PHRASES: Final = {400: "Bad Request", 408: "Request Timeout", 503: "Service Unavailable"}

log = logging.getLogger("ktrdr.worker")


def most_connections() -> int:
    """Returns the connections that may be open at once: half of the files that this process may open, at most 1,024.

    The rest is for the database, the bars and the children.

    >>> 16 <= most_connections() <= 1_024
    True
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(max((files - _FILES_KEPT_BACK) // 2, 16), _MOST_CONNECTIONS)


class Connection(H11Protocol):
    """A connection that is closed where its client is silent, endless, unreadable, or one too many."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._request_by: asyncio.TimerHandle | None = None
        self._read_by: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for the first request; refuses a connection beyond the limit."""
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            self._refuse(503, HttpInvalid("too many connections", hint="try again in some seconds"))
        else:
            self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the deadlines of this connection."""
        self._forget_request()
        self._forget_read()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes bytes; a request whose head does not end in time is refused, however its bytes drip in.

        Those of a client that has left are nobody's request.
        """
        if self.transport.is_closing():
            return
        if self._is_left():
            self.transport.close()
            return
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget_request()
        elif self._request_by is None:
            self._await_request()

    def on_response_complete(self) -> None:
        """Begins to wait for the next request, or for the rest of a body that nobody wanted."""
        super().on_response_complete()
        self._forget_request()

    def pause_writing(self) -> None:
        """Notes that the client does not read; one that does not for a minute is cut off."""
        super().pause_writing()
        self._read_by = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Notes that the client reads again."""
        self._forget_read()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answers bytes that are no HTTP, and closes; within an answer nothing can be said any more."""
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()
        else:
            self._refuse(400, HttpInvalid("not an HTTP request"))

    def _is_left(self) -> bool:
        """Returns True if the client has closed its end behind the bytes that have come.

        In the queue of a worker that could not keep up most requests are of clients that have tried elsewhere since.
        """
        if _TCP_INFO is None:
            return False
        state = self.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 1)
        return bool(state[0] == _CLOSE_WAIT)

    def _await_request(self) -> None:
        self._request_by = self.loop.call_later(HEADER_SECONDS, self._is_late)

    def _is_late(self) -> None:
        begun = bool(self.conn.trailing_data[0]) and self.conn.their_state is h11.IDLE
        if begun:
            self._refuse(408, HttpInvalid("the request does not end", expected=f"within {HEADER_SECONDS:g} s"))
        else:
            self.transport.close()

    def _refuse(self, status: int, error: KtrdrError) -> None:
        """Answers without h11, whose state an unreadable request has spoilt, and closes."""
        body = json.dumps({"error": error.to_dict()}).encode()
        own = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in (own | dict(ANSWER_HEADERS)).items())
        self.transport.write(f"HTTP/1.1 {status} {_PHRASES[status]}\r\n{lines}\r\n".encode() + body)
        self.transport.close()

    def _forget_request(self) -> None:
        if self._request_by is not None:
            self._request_by.cancel()
            self._request_by = None

    def _forget_read(self) -> None:
        if self._read_by is not None:
            self._read_by.cancel()
            self._read_by = None
