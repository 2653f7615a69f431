"""How programs, the command line among them, speak to a worker."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx

from ktrdr.errors import ArgumentInvalid, KtrdrError, WorkerUnreachable, from_code
from ktrdr.settings import api_token

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_STREAM_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.5

Json = dict[str, Any]


@dataclass(frozen=True)
class Event:
    """One server-sent event: ``kind`` is progress, gap or end; ``data`` the operation, or what was missed."""

    kind: str
    seq: int | None
    data: Json


class WorkerClient:
    """Calls of one worker; every refusal is raised as the error it stands for, by code.

    The token is ``KTRDR_API_TOKEN``. Raises ``WorkerUnreachable`` where nobody answers.
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

    def start(self, body: Mapping[str, Any]) -> Json:
        """Submits a backtest: operation_id and status."""
        return self._call("POST", "/backtests/start", body)

    def operation(self, operation_id: str) -> Json:
        """Status, progress, timings, error, and why it waits."""
        return self._call("GET", _path(operation_id))

    def operations(self, **query: str | int) -> Json:
        """One page of operations; ``status``, ``type``, ``limit`` and ``cursor`` choose it."""
        return self._call("GET", "/operations", query=query)

    def results(self, operation_id: str) -> Json:
        """Hash, metrics, warnings and manifest of a completed run."""
        return self._call("GET", _path(operation_id, "results"))

    def cancel(self, operation_id: str) -> Json:
        """Asks it to stop; the operation as it then stands."""
        return self._call("POST", _path(operation_id, "cancel"))

    def resume(self, operation_id: str, *, stored: bool = False) -> Json:
        """Queues it to go on from its newest checkpoint."""
        return self._call("POST", _path(operation_id, "resume"), {"stored": stored})

    def restart(self, operation_id: str) -> Json:
        """Queues it to begin again."""
        return self._call("POST", _path(operation_id, "restart"))

    def fork(self, operation_id: str, body: Mapping[str, Any]) -> Json:
        """Queues a copy that goes on with other rules, model or threads."""
        return self._call("POST", _path(operation_id, "fork"), body)

    def delete(self, operation_id: str) -> Json:
        """Removes it and its data."""
        return self._call("POST", _path(operation_id, "delete"))

    def workers(self) -> Json:
        """Every registered worker."""
        return self._call("GET", "/workers")

    def changes(self, operation_id: str) -> Iterator[Json]:
        """The operation each time it has changed, the last time when it rests."""
        return (event.data for event in self.follow(operation_id) if event.kind != "gap")

    def follow(self, operation_id: str, after: int | None = None) -> Iterator[Event]:
        """Events until the operation rests; a broken stream is taken up again where it broke."""
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
            with self._http.stream("GET", _path(operation_id, "events"), params=query, timeout=_STREAM_TIMEOUT) as said:
                if said.status_code != 200:
                    said.read()
                    raise _error_of(said)
                yield from parse_events(said.iter_lines())
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, Any] | None = None
    ) -> Json:
        try:
            said = self._http.request(method, path, json=body, params=query)
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        if said.status_code >= 400:
            raise _error_of(said)
        return _object(said)

    def _unreachable(self, error: httpx.TransportError) -> WorkerUnreachable:
        return WorkerUnreachable(
            f"nobody answers: {type(error).__name__}", where=self._url, hint="is `ktrdr worker` running there?"
        )  # fmt: skip


def parse_events(lines: Iterator[str]) -> Iterator[Event]:
    """Events of a stream's lines.

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


def _object(said: httpx.Response) -> Json:
    """The object of an answer; ``WorkerUnreachable`` where something else than a worker gives it."""
    try:
        found = said.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        address = str(said.url.copy_with(query=None))
        raise WorkerUnreachable(f"something else answers: HTTP {said.status_code}, no JSON", where=address)
    return found


def _error_of(said: httpx.Response) -> KtrdrError:
    """The error that an answer stands for."""
    facts = dict(_object(said).get("error") or {"code": "internal", "what": f"HTTP {said.status_code}"})
    facts.pop("message", None)
    return from_code(str(facts.pop("code")), str(facts.pop("what")), **facts)
