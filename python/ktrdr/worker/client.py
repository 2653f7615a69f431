"""Client of a worker, for programs and for the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx

from ktrdr._types import JsonObject
from ktrdr.errors import ArgumentInvalid, KtrdrError, WorkerUnreachable, from_code
from ktrdr.settings import api_token

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_STREAM_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Event:
    """One server-sent event: ``kind`` is progress, gap or end; ``data`` the operation, or what was missed."""

    kind: str
    seq: int | None
    data: JsonObject


class WorkerClient:
    """Calls of one worker; an error response is raised as the error of its code.

    The token is ``KTRDR_API_TOKEN``. Raises ``WorkerUnreachable`` if the address does not answer.
    """

    def __init__(self, url: str) -> None:
        self._url = _checked(url)
        token = api_token()
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        # an environment's proxy is not asked: it would be shown the token
        self._http = httpx.Client(base_url=self._url, headers=headers, timeout=_TIMEOUT, trust_env=False)

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def start(self, body: Mapping[str, Any]) -> JsonObject:
        """Submits a backtest; returns operation_id and status."""
        return self._call("POST", "/backtests/start", body)

    def train(self, body: Mapping[str, Any]) -> JsonObject:
        """Submits a training; returns operation_id and status."""
        return self._call("POST", "/trainings/start", body)

    def walk_forward(self, body: Mapping[str, Any]) -> JsonObject:
        """Submits a walk-forward; returns operation_id and status."""
        return self._call("POST", "/walk-forwards/start", body)

    def sweep(self, body: Mapping[str, Any]) -> JsonObject:
        """Submits a sweep; returns operation_id and status."""
        return self._call("POST", "/sweeps/start", body)

    def start_research(self, body: Mapping[str, Any]) -> JsonObject:
        """Submits a research; returns operation_id and status."""
        return self._call("POST", "/research/start", body)

    def operation(self, operation_id: str) -> JsonObject:
        """Returns status, progress, timings, error, and the reasons of waiting."""
        return self._call("GET", _path(operation_id))

    def operations(self, **query: str | int) -> JsonObject:
        """Returns one page of operations; ``status``, ``type``, ``limit`` and ``cursor`` choose it."""
        return self._call("GET", "/operations", query=query)

    def results(self, operation_id: str) -> JsonObject:
        """Returns hash, metrics, warnings and manifest of a completed run."""
        return self._call("GET", _path(operation_id, "results"))

    def cancel(self, operation_id: str) -> JsonObject:
        """Asks an operation to stop; returns its view."""
        return self._call("POST", _path(operation_id, "cancel"))

    def resume(self, operation_id: str, *, stored: bool = False) -> JsonObject:
        """Queues an operation to resume from its newest checkpoint."""
        return self._call("POST", _path(operation_id, "resume"), {"stored": stored})

    def restart(self, operation_id: str) -> JsonObject:
        """Queues an operation to start again at its first bar."""
        return self._call("POST", _path(operation_id, "restart"))

    def fork(self, operation_id: str, body: Mapping[str, Any]) -> JsonObject:
        """Queues a fork with other rules, model or threads."""
        return self._call("POST", _path(operation_id, "fork"), body)

    def delete(self, operation_id: str) -> JsonObject:
        """Removes an operation and its data."""
        return self._call("POST", _path(operation_id, "delete"))

    def find(self, reference: str) -> str:
        """Returns the id of an operation that is named by its id, by the start of it, or as ``latest``."""
        return str(self.operation(reference)["operation_id"])

    def note(self, operation_id: str, note: str) -> JsonObject:
        """Replaces the note of an operation; returns its view."""
        return self._call("POST", _path(operation_id, "note"), {"note": note})

    def workers(self) -> JsonObject:
        """Returns every registered worker."""
        return self._call("GET", "/workers")

    def changes(self, operation_id: str) -> Iterator[JsonObject]:
        """Yields the operation after each change; the last one is at rest."""
        return (event.data for event in self.follow(operation_id) if event.kind != "gap")

    def follow(self, operation_id: str, after: int | None = None) -> Iterator[Event]:
        """Yields events until the operation rests; a broken stream is resumed where it broke."""
        heard_at_s = time.monotonic()
        while True:
            try:
                for event in self._stream(operation_id, after):
                    heard_at_s = time.monotonic()
                    after = after if event.seq is None else event.seq
                    yield event
                    if event.kind == "end":
                        return
            except WorkerUnreachable:
                if time.monotonic() - heard_at_s > _PATIENCE_SECONDS:
                    raise
            time.sleep(_PAUSE_SECONDS)

    def _stream(self, operation_id: str, after: int | None) -> Iterator[Event]:
        query = {} if after is None else {"after": after}
        try:
            with self._http.stream(
                "GET", _path(operation_id, "events"), params=query, timeout=_STREAM_TIMEOUT
            ) as response:
                if response.status_code != 200:
                    response.read()
                    raise _error_of(response)
                yield from parse_events(response.iter_lines())
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, Any] | None = None
    ) -> JsonObject:
        try:
            response = self._http.request(method, path, json=body, params=query)
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        if response.status_code >= 400:
            raise _error_of(response)
        return _object(response)

    def _unreachable(self, error: httpx.TransportError) -> WorkerUnreachable:
        return WorkerUnreachable(
            f"nobody answers: {type(error).__name__}", where=self._url, hint="is `ktrdr worker` running there?"
        )


def parse_events(lines: Iterator[str]) -> Iterator[Event]:
    """Yields the events of a stream's lines.

    >>> [event.seq for event in parse_events(iter(["event: end", "id: 7", 'data: {"status": "failed"}', ""]))]
    [7]
    """
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
            continue
        if "data" in fields:
            seq = fields.get("id")
            yield Event(fields.get("event", "message"), None if seq is None else int(seq), json.loads(fields["data"]))
        fields = {}


def _path(operation_id: str, part: str = "") -> str:
    safe = operation_id.isascii() and operation_id.replace("_", "").isalnum()
    return f"/operations/{operation_id if safe else '-'}" + (f"/{part}" if part else "")


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
        raise ArgumentInvalid("not the address of a worker", where="--worker", found=url, expected="http://host:port")
    return str(parsed).rstrip("/")


def _object(response: httpx.Response) -> JsonObject:
    """Returns the object of a response; ``WorkerUnreachable`` if it is not a worker's."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        address = str(response.url.copy_with(query=None))
        raise WorkerUnreachable(f"something else answers: HTTP {response.status_code}, no JSON", where=address)
    return body


def _error_of(response: httpx.Response) -> KtrdrError:
    """Returns the error that a response holds, by its code."""
    facts = dict(_object(response).get("error") or {"code": "internal", "what": f"HTTP {response.status_code}"})
    facts.pop("message", None)
    return from_code(str(facts.pop("code")), str(facts.pop("what")), **facts)
