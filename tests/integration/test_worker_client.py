"""The client, and the commands that go through it to a real worker."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from ktrdr.errors import AlreadyRunning, ArgumentInvalid, AuthRequired, NotFound, RequestInvalid, WorkerUnreachable
from ktrdr.operations.models import Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.store import Store
from ktrdr.worker import client as module
from ktrdr.worker.client import WorkerClient
from support.process.processes import Place, answer_of, furnish, strategy
from support.process.service import TOKEN, Service, service

UNKNOWN = "backtest_0123456789abcdef"
RUN = ("--start-date", "2024-01-20", "--end-date", "2024-12-31", "--threads", "1")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("client")
    return Place(furnish(folder / "data", 10_000, ("mlp",)), f"sqlite:///{folder / 'ktrdr.db'}")


@pytest.fixture(scope="module")
def running(place: Place) -> Iterator[Service]:
    with service(place) as found:
        yield found


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    found = place.store()
    yield found
    found.close()


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nobody listens, and nobody can begin to."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def test_a_backtest_on_a_worker_from_the_command_line(place: Place, running: Service) -> None:
    file = place.folder / "walker.yaml"
    file.write_text(yaml.safe_dump(strategy("mlp"), sort_keys=False))
    at = ("--worker", running.url)
    queued = answer_of(place.call("--json", "backtest", "run", str(file), "EURUSD", "1h", *RUN, *at))
    assert (queued["status"], queued["result_hash"]) == ("pending", None)
    name = queued["operation_id"]
    assert answer_of(place.call("--json", "operations", "follow", name, *at))["status"] == "completed"
    expected = place.expected(end="2024-12-31")
    with WorkerClient(running.url) as client:
        assert client.results(name)["result_hash"] == expected.result_hash
        assert [event.kind for event in client.follow(name)] == ["end"]
        assert client.operations(status="completed")["operations"][0]["operation_id"] == name
        assert len(client.workers()["workers"]) == 1
        assert client.cancel(name)["status"] == "completed"
        assert client.delete(name) == {"operation_id": name, "deleted": True}


def test_refusals_are_the_errors_they_stand_for(place: Place, running: Service, store: Store) -> None:
    mine = store.begin_here("backtest", place.request().to_spec(), Owner.me())
    with WorkerClient(running.url) as client:
        with pytest.raises(NotFound):
            client.operation(UNKNOWN)
        with pytest.raises(NotFound):
            client.operation("../metrics?x=")
        with pytest.raises(RequestInvalid, match="symbol") as invalid:
            client.start({"symbol": "EURUSD/", "timeframe": "1h", "start_date": "2024-01-01", "end_date": "2024-02-01"})
        assert invalid.value.field == "symbol"
        for ask in (client.resume, client.restart, client.delete):
            with pytest.raises(AlreadyRunning) as busy:
                ask(mine.operation.id)
            assert busy.value.retry_after is not None
            assert 0 < busy.value.retry_after <= 30
        store.end(mine.lease, Status.CANCELLED)
        assert client.restart(mine.operation.id)["status"] == "pending"
        assert client.cancel(mine.operation.id)["status"] == "cancelled"
        assert client.resume(mine.operation.id, stored=True)["status"] == "pending"
        assert client.cancel(mine.operation.id)["status"] == "cancelled"


def test_nobody_answers(place: Place, nobody: str) -> None:
    with WorkerClient(nobody) as client, pytest.raises(WorkerUnreachable, match="nobody answers") as lonely:
        client.workers()
    assert lonely.value.code == "worker_unreachable"
    said = place.call("operations", "list", "--worker", nobody)
    assert said.stderr.startswith("worker_unreachable: http://127.0.0.1:")
    assert said.stderr.count("\n") == 1


class Stranger(BaseHTTPRequestHandler):
    """Another service that lives at the address."""

    def do_GET(self) -> None:
        body = b"<html>hello</html>"
        self.send_response(502 if "workers" in self.path else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_somebody_else_answers() -> None:
    server = HTTPServer(("127.0.0.1", 0), Stranger)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with WorkerClient(f"http://127.0.0.1:{server.server_port}") as client:
        for ask in (client.workers, client.operations):
            with pytest.raises(WorkerUnreachable, match="something else answers"):
                ask()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8000", "ftp://localhost", "http://", "file:///etc/passwd", "http://me:pw@localhost"],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ArgumentInvalid, match="--worker"):
        WorkerClient(url)


def test_the_token_is_the_environments(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Place(place.folder, f"sqlite:///{tmp_path / 'ktrdr.db'}", {"KTRDR_API_TOKEN": TOKEN})
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with service(own) as guarded:
        monkeypatch.setenv("KTRDR_API_TOKEN", TOKEN)
        with WorkerClient(guarded.url) as client:
            assert client.operations() == {"operations": [], "next_cursor": None}
        monkeypatch.setenv("KTRDR_API_TOKEN", TOKEN[::-1])
        with WorkerClient(guarded.url) as client, pytest.raises(AuthRequired):
            client.operations()


def test_a_follower_outlives_the_worker(place: Place, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes back where it broke off, to whoever listens at the address by then."""
    mine = store.begin_here("backtest", place.request().to_spec(), Owner.me())
    store.beat(mine.lease, {"bar": 1})
    with service(place) as first, WorkerClient(first.url) as client:
        heard = client.follow(mine.operation.id)
        assert next(heard).seq == 1
        first.process.send_signal(signal.SIGTERM)
        first.process.wait(10)
        with service(place, port=first.port):
            later = threading.Timer(1.5, store.beat, (mine.lease, {"bar": 2}))
            later.start()
            assert next(heard).seq == 2  # and not the first one once more
            later.join()
            store.end(mine.lease, Status.CANCELLED)
            assert [event.kind for event in heard] == ["end"]
        monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.5)
        with pytest.raises(WorkerUnreachable):
            list(client.follow(mine.operation.id))
    store.delete(mine.operation.id)
