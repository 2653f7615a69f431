"""Connections that break at the worst moment: inside COMMIT, before or after the database has done it."""

from __future__ import annotations

import select
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ktrdr.operations.store.store import Store

COMMIT = b"COMMIT\x00"


class Proxy:
    """Between clients and their PostgreSQL server: passes everything on, but for one COMMIT.

    ``cut_next("before")``: the server never sees it. ``"after"``: the server has done it, its answer is dropped.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._cut = ""
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_next(self, when: str) -> None:
        """Cuts the next COMMIT."""
        self._cut = when

    def close(self) -> None:
        """Takes no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server_port))
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        last = False
        with client, server:
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data or (ready is server and last):
                        return
                    if ready is client and self._cut and COMMIT in data:
                        when = self._cut
                        self._cut = ""
                        self.cuts += 1
                        if when == "before":
                            return
                        last = True
                    (server if ready is client else client).sendall(data)


@contextmanager
def sqlite_commit_fails(store: Store, when: str) -> Iterator[None]:
    """The next COMMIT of an SQLite store fails, before or after the file was written."""
    dialect: Any = store._database._engine.dialect
    plain = dialect.do_commit

    def broken(connection: Any) -> None:
        del dialect.do_commit
        if when == "after":
            plain(connection)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorname = "SQLITE_IOERR"
        raise error

    dialect.do_commit = broken
    yield
    assert dialect.do_commit == plain, "nothing was committed"
