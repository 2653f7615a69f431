"""The worker's process: listens, runs operations, and leaves within seconds when asked to."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket

import uvicorn

from ktrdr.operations.runner import Runner
from ktrdr.operations.store import Store
from ktrdr.worker.app import create_app
from ktrdr.worker.logs import configure
from ktrdr.worker.service import Service
from ktrdr.worker.settings import Access, url_of

RUNNER_GRACE_SECONDS = 9.0
_STREAM_GRACE_SECONDS = 0.5
_REQUEST_GRACE_SECONDS = 5

log = logging.getLogger("ktrdr.worker")


class Server(uvicorn.Server):
    """Ends event streams and runs while it waits for open requests, none of which may hold it up."""

    def __init__(self, config: uvicorn.Config, service: Service, runner: Runner) -> None:
        super().__init__(config)
        self._service, self._runner = service, runner

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """What a signal leads to."""
        runs_end = asyncio.create_task(asyncio.to_thread(self._runner.stop, RUNNER_GRACE_SECONDS))
        self._service.events.close()
        hung = asyncio.create_task(self._cut_off_streams())
        await super().shutdown(sockets)
        await asyncio.gather(hung, runs_end)

    async def _cut_off_streams(self) -> None:
        """Readers that hang do not see the end of their stream: their connections are cut."""
        await asyncio.sleep(_STREAM_GRACE_SECONDS)
        for connection in list(self.server_state.connections):
            flow = getattr(connection, "flow", None)
            if flow is not None and flow.write_paused:
                connection.transport.abort()


def serve(listening: socket.socket, access: Access, slots: int) -> None:
    """Runs until SIGTERM or SIGINT; operations that run here are saved and let go."""
    configure()
    store = Store.open()
    runner = Runner(store, slots)
    service = Service.of(store, runner, access)
    config = uvicorn.Config(
        create_app(service), lifespan="off", ws="none", log_config=None, proxy_headers=False, server_header=False,
        timeout_graceful_shutdown=_REQUEST_GRACE_SECONDS,
    )  # fmt: skip
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # the server repeats the signal once it has left
    runner.start()
    log.info("listening on %s, %d slots", url_of(listening), slots)
    Server(config, service, runner).run(sockets=[listening])
    store.close()
    log.info("stopped")
