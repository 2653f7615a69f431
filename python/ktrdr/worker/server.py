"""Process of the worker: listens, runs operations, and ends within seconds of a signal."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket

import uvicorn

from ktrdr.operations.pool.runner import Runner
from ktrdr.operations.pool.share import Share
from ktrdr.operations.store.store import Store
from ktrdr.worker.access.middleware import MOST_HEADER_BYTES
from ktrdr.worker.access.settings import BACKLOG, Access, url_of
from ktrdr.worker.app import create_app
from ktrdr.worker.guard.connections import Connection
from ktrdr.worker.logs import configure
from ktrdr.worker.service import Service

RUNNER_GRACE_SECONDS = 9.0
_HUNG_GRACE_SECONDS = 0.5
_REQUEST_GRACE_SECONDS = 5
_TAKEN_AT_ONCE = 16

log = logging.getLogger("ktrdr.worker")


class Server(uvicorn.Server):
    """Server that ends event streams and runs while it waits for open requests."""

    def __init__(self, config: uvicorn.Config, service: Service, runner: Runner) -> None:
        super().__init__(config)
        self._service = service
        self._runner = runner

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to listen. Few connections are taken at once, and the kernel keeps many waiting.

        One beyond the limit has a file until it has been refused, and a burst of them would take every file.
        """
        await super().startup(sockets)
        for listening in sockets or ():
            listening.listen(BACKLOG)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends streams, runs and open requests; a signal leads here."""
        runs_end = asyncio.create_task(asyncio.to_thread(self._runner.stop, RUNNER_GRACE_SECONDS))
        self._service.events.close()
        hung = asyncio.create_task(self._cut_off_hung())
        await super().shutdown(sockets)
        await asyncio.gather(hung, runs_end)

    async def _cut_off_hung(self) -> None:
        """Cuts off callers that neither read their answer nor send their request."""
        await asyncio.sleep(_HUNG_GRACE_SECONDS)
        for connection in list(self.server_state.connections):
            if isinstance(connection, Connection) and _hangs(connection):
                connection.transport.abort()


def _hangs(connection: Connection) -> bool:
    return connection.flow.write_paused or (connection.cycle is not None and connection.cycle.more_body)


def serve(listening: socket.socket, access: Access, share: Share) -> None:
    """Serves until SIGTERM or SIGINT; then operations that run here are saved and their leases end."""
    configure()
    store = Store.open()
    runner = Runner(store, share.slots, most_threads=share.most_threads)
    service = Service.of(store, runner, access, share.threads)
    config = uvicorn.Config(
        create_app(service),
        http=Connection,
        backlog=_TAKEN_AT_ONCE,
        h11_max_incomplete_event_size=MOST_HEADER_BYTES,
        lifespan="off",
        ws="none",
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_REQUEST_GRACE_SECONDS,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # the server repeats the signal once it has left
    runner.start()
    log.info("listening on %s, %d slots, torch threads: %d each", url_of(listening), share.slots, share.threads)
    Server(config, service, runner).run(sockets=[listening])
    store.close()
    log.info("stopped")
