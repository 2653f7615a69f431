"""Metrics of the worker in Prometheus' format: requests, event streams, slots, workers, database."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = frozenset({"GET", "HEAD", "POST", "DELETE"})
_UNKNOWN = "other"


class WorkerMetrics:
    """Counters and gauges of one worker, in a separate registry."""

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

    def text(self, *, streams: int, running: int, live_workers: int | None) -> bytes:
        """Returns all metrics in the text format; ``live_workers`` is None if the database does not answer."""
        self._streams.set(streams)
        self._running.set(running)
        self._database.set(live_workers is not None)
        if live_workers is not None:
            self._workers.set(live_workers)
        return generate_latest(self._registry)


class MetricsMiddleware:
    """Middleware that counts and times responses by route; ids are no labels."""

    def __init__(self, app: ASGIApp, meters: WorkerMetrics) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI call."""
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
