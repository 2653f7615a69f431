"""What Prometheus is told: requests, event streams, slots, workers, operations."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ktrdr.errors import StorageError

if TYPE_CHECKING:
    from ktrdr.worker.service import Service

_METHODS = frozenset({"GET", "HEAD", "POST", "DELETE"})
_UNKNOWN = "other"


class WorkerMetrics:
    """One worker's counters and gauges, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.requests = Counter(
            "ktrdr_http_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "ktrdr_http_request_seconds", "Time to the first byte of an answer.", ("route",), registry=self._registry
        )
        self._streams = Gauge("ktrdr_event_streams", "Open event streams.", registry=self._registry)
        self._running = Gauge("ktrdr_runs", "Operations that run in this worker.", registry=self._registry)
        self._workers = Gauge("ktrdr_workers_live", "Workers that have reported lately.", registry=self._registry)
        self._database = Gauge("ktrdr_database_up", "Whether the database answers.", registry=self._registry)

    def text(self, parts: Service) -> bytes:
        """Everything as it stands, in the text format."""
        self._streams.set(parts.events.readers)
        self._running.set(parts.runner.running)
        try:
            self._workers.set(sum(worker.live for worker in parts.store.workers()))
            self._database.set(1)
        except StorageError:
            self._database.set(0)
        return generate_latest(self._registry)


class MetricsMiddleware:
    """Counts and times what ``app`` answers, by route: ids are no labels."""

    def __init__(self, app: ASGIApp, meters: WorkerMetrics) -> None:
        self._app, self._meters = app, meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._note(scope, message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, sending)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", _UNKNOWN)
        method = scope["method"] if scope["method"] in _METHODS else _UNKNOWN
        self._meters.requests.labels(method, route, status).inc()
        self._meters.seconds.labels(route).observe(seconds)
