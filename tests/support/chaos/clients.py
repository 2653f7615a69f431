"""Clients that hold a worker up: they say nothing, speak a byte at a time, or do not read what they have asked for."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

from support.chaos.fleet import Member
from support.process.service import TOKEN

SILENT = 100
SLOW = 20
UNREAD = 20
_HEAD = f"Host: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"


def silent(member: Member, length_s: float, paths: list[str]) -> int:
    """A hundred connections that say nothing."""
    with ExitStack() as stack:
        held = _connected(stack, member, SILENT)
        time.sleep(length_s)
    return len(held)


def slow(member: Member, length_s: float, paths: list[str]) -> int:
    """Requests of which a byte comes now and then; half of them have a body."""
    heads = ("GET /operations HTTP/1.1\r\n", "POST /backtests/start HTTP/1.1\r\nContent-Length: 900000\r\n")
    texts = [
        (heads[number % 2] + _HEAD + "Content-Type: application/json\r\n\r\n" + " " * 400) for number in range(SLOW)
    ]
    with ExitStack() as stack:
        held = _connected(stack, member, SLOW)
        until_s = time.monotonic() + length_s
        sent = 0
        while time.monotonic() < until_s:
            for connection, text in zip(held, texts, strict=False):
                with suppress(OSError):
                    connection.sendall(text[sent : sent + 40].encode())
            sent += 40
            time.sleep(0.5)
    return len(held)


def unread(member: Member, length_s: float, paths: list[str]) -> int:
    """Requests for lists and tables, many times on each connection, whose answers nobody reads."""
    with ExitStack() as stack:
        held = _connected(stack, member, UNREAD)
        for number, connection in enumerate(held):
            path = paths[number % len(paths)]
            with suppress(OSError):
                connection.sendall(f"GET {path} HTTP/1.1\r\n{_HEAD}\r\n".encode() * 8)
        time.sleep(length_s)
    return len(held)


def _connected(stack: ExitStack, member: Member, count: int) -> list[socket.socket]:
    held = []
    for _ in range(count):
        with suppress(OSError):
            held.append(stack.enter_context(socket.create_connection((member.host, member.port), timeout=3)))
    return held


CLIENTS: dict[str, Callable[[Member, float, list[str]], int]] = {
    "silent clients": silent,
    "slow clients": slow,
    "unread answers": unread,
}
