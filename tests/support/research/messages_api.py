"""A double of the messages API on a local socket: it gives prepared replies in order, and keeps the requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER_TOKENS = (1_200, 800)


@dataclass(frozen=True)
class Reply:
    """One prepared reply: a status, a body, and headers; with ``hangs`` the socket closes without any."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    hangs: bool = False


def tool_answer(
    mapping: Any, *, tool: str = "strategy", stop: str = "tool_use", tokens: tuple[int, int] = ANSWER_TOKENS
) -> Reply:
    """Returns the reply of a model that fills in a tool's input."""
    block = {"type": "tool_use", "id": "toolu_01", "name": tool, "input": mapping}
    return _message([block], stop, tokens)


def text_answer(text: str, *, stop: str = "end_turn", tokens: tuple[int, int] = ANSWER_TOKENS) -> Reply:
    """Returns the reply of a model that writes text."""
    return _message([{"type": "text", "text": text}], stop, tokens)


def blocks_answer(blocks: Sequence[Mapping[str, Any]], *, stop: str = "tool_use") -> Reply:
    """Returns the reply of a model with several blocks."""
    return _message(list(blocks), stop, ANSWER_TOKENS)


def refusal(status: int, kind: str, message: str = "no", **headers: str) -> Reply:
    """Returns an error of the service, such as 529 ``overloaded_error``."""
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_01"}
    return Reply(body, status, headers)


OVERLOADED = refusal(529, "overloaded_error", "Overloaded")


def _message(blocks: list[Any], stop: str, tokens: tuple[int, int]) -> Reply:
    body = {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-double",
        "content": blocks,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": tokens[0], "output_tokens": tokens[1]},
    }
    return Reply(body)


class MessagesApi:
    """The running double: ``url`` to ask, and every request that came, as JSON."""

    def __init__(self, url: str, replies: Iterator[Reply]) -> None:
        self.url = url
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self._replies = replies
        self._lock = threading.Lock()

    def next(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Keeps a request and returns the reply to it; after the last prepared one every request is an error."""
        with self._lock:
            self.paths.append(path)
            self.headers.append({name.lower(): value for name, value in headers.items()})
            self.requests.append(json.loads(body))
            return next(self._replies, refusal(500, "api_error", "no reply was prepared"))


@contextmanager
def messages_api(*replies: Reply) -> Iterator[MessagesApi]:
    """Runs the double with these replies until the block ends."""
    api: MessagesApi

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            reply = api.next(self.path, dict(self.headers), body)
            if reply.delay_seconds:
                stopped.wait(reply.delay_seconds)
            if reply.hangs:
                self.close_connection = True
                return
            data = json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"content-type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Keeps the log of requests silent."""

    stopped = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api = MessagesApi(f"http://127.0.0.1:{server.server_address[1]}", iter(replies))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()
