"""A worker that nothing stops: silent, slow and unreadable clients, damaged rows, a database that is away."""

from __future__ import annotations

import json
import re
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from ktrdr.operations.store.store import Store
from ktrdr.worker.guard.connections import HEADER_SECONDS
from support.database import stores
from support.process.processes import Place, furnish, wait_for
from support.process.service import Service, code_of, service, whole_answer

HEAD = b"POST /backtests/start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
FILES = 200
SILENT = 150


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("guard")
    return Place(furnish(folder / "data", 5_000, ("mlp",)), f"sqlite:///{folder / 'ktrdr.db'}")


@pytest.fixture(scope="module")
def running(place: Place) -> Iterator[Service]:
    with service(place) as found:
        yield found
        assert "Traceback" not in found.log


@pytest.fixture(scope="module")
def store(place: Place) -> Iterator[Store]:
    found = place.store()
    yield found
    found.close()


def wait_closed(connection: socket.socket, patience_s: float) -> bytes:
    """Everything that the other side says until it closes."""
    connection.settimeout(patience_s)
    said = b""
    while piece := connection.recv(65_536):
        said += piece
    return said


def test_silent_and_slow_clients_are_shown_out(running: Service) -> None:
    resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
    with ExitStack() as stack:
        slow = stack.enter_context(running.connect())
        began_s = time.monotonic()
        silent = [stack.enter_context(running.connect()) for _ in range(SILENT)]
        refused = [whole_answer(silent[-1]), whole_answer(silent[-2])]
        assert all(said.startswith(b"HTTP/1.1 503 ") and code_of(said) == "http_invalid" for said in refused)
        for letter in b"GET /health HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 200:
            try:
                slow.sendall(bytes([letter]))
            except (BrokenPipeError, ConnectionResetError):
                break
            time.sleep(0.1)
        assert time.monotonic() - began_s < HEADER_SECONDS + 8
        assert code_of(whole_answer(slow)) == "http_invalid"
        with running.client() as client:
            wait_for(lambda: client.get("/ready").status_code == 200, 10)
            assert client.get("/health").json() == {"status": "ok"}
        assert wait_closed(silent[0], 5) == b""
    assert len(running.log.splitlines()) < 30


def test_a_burst_of_connections_takes_no_files_from_the_rest(running: Service) -> None:
    """More connections at once than the process may open files: they wait in the kernel until their turn."""
    resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
    with ExitStack() as stack:
        running.process.send_signal(signal.SIGSTOP)
        for _ in range(2 * FILES):
            stack.enter_context(running.connect())
        running.process.send_signal(signal.SIGCONT)
        with running.client() as client:
            wait_for(lambda: client.get("/ready").status_code == 200, 30)
    assert "Too many open files" not in running.log


@pytest.mark.parametrize(
    "text",
    [b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
     b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
     HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", HEAD + b"Content-Length: x\r\n\r\n",
     HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", HEAD + b"Transfer-Encoding: gzip\r\n\r\n{}"],
)  # fmt: skip
def test_framing_errors_are_answered_400_and_closed(running: Service, text: bytes) -> None:
    with running.connect() as connection:
        connection.sendall(text)
        said = wait_closed(connection, 5)
    assert said.split(b" ", 2)[1] in (b"400", b"501"), said
    head, _, body = said.partition(b"\r\n\r\n")
    assert json.loads(body)["error"]["code"] == "http_invalid"
    assert b"frame-ancestors 'none'" in head


def test_requests_of_clients_that_have_left_are_not_carried_out(running: Service) -> None:
    """A worker that was stopped for a while, or overloaded, has a queue of them; they have tried elsewhere since."""

    def carried_out() -> int:
        with running.client() as client:
            found = re.search(r'requests_total{method="GET",route="/workers".*} ([0-9.]+)', client.get("/metrics").text)
        return 0 if found is None else int(float(found[1]))

    request = b"GET /workers HTTP/1.1\r\nHost: localhost\r\n\r\n"
    before = carried_out()
    running.process.send_signal(signal.SIGSTOP)
    for _ in range(50):
        with running.connect() as connection:
            connection.sendall(request)
    with running.connect() as patient:
        patient.sendall(request)
        running.process.send_signal(signal.SIGCONT)
        assert whole_answer(patient).startswith(b"HTTP/1.1 200 ")
    assert carried_out() - before == 1


def test_one_damaged_row_blinds_nothing(place: Place, running: Service, store: Store) -> None:
    whole = place.submit(store)
    broken = place.submit(store)
    last = place.submit(store)
    stores.sql(
        store, "UPDATE operations SET spec = substr(spec, 1, length(spec) - 1) WHERE id = :id", id=broken.id
    )  # fmt: skip
    with running.client() as client:
        for each in (whole, last):
            wait_for(lambda name=each.id: client.get(f"/operations/{name}").json()["status"] == "completed", 120)
        shown = {one["operation_id"]: one for one in client.get("/operations").json()["operations"]}
        assert {name: one["status"] for name, one in shown.items()} == {
            whole.id: "completed", broken.id: "damaged", last.id: "completed",
        }  # fmt: skip
        damage = shown[broken.id]["error"]
        assert damage["code"] == "operation_damaged" and "spec" in damage["message"]
        assert client.get(f"/operations/{broken.id}").json() == shown[broken.id]
        page = client.get("/").text
        assert all(name in page for name in shown) and ">damaged<" in page
        assert "operation" in client.get(f"/dashboard/operations/{broken.id}").text
        for verb in ("cancel", "resume", "restart", "fork"):
            said = client.post(f"/operations/{broken.id}/{verb}", json={})
            assert (said.status_code, code_of(said)) == (409, "operation_damaged"), verb
        for part in ("results", "trades", "equity", "report"):
            said = client.get(f"/operations/{broken.id}/{part}")
            assert (said.status_code, code_of(said)) == (409, "operation_damaged"), part
        assert client.get("/ready").status_code == 200
    listed = place.call("operations", "list")
    assert listed.returncode == 0 and "damaged operation_damaged" in listed.stdout and whole.id in listed.stdout
    assert place.call("operations", "show", broken.id).returncode == 0
    assert place.call("operations", "delete", broken.id, "--yes").returncode == 0


def test_a_database_that_is_held_makes_it_unready_and_then_ready_again(running: Service, store: Store) -> None:
    with running.client() as client, store._database._writer.begin():  # holds the write lock
        began_s = time.monotonic()
        assert client.get("/ready").status_code == 503
        assert time.monotonic() - began_s < 5
        assert client.get("/health").status_code == 200
    with running.client() as client:
        wait_for(lambda: client.get("/ready").status_code == 200, 20)


def test_a_database_without_a_table_makes_it_unready_and_not_dead(tmp_path: Path) -> None:
    place = Place(tmp_path, f"sqlite:///{tmp_path / 'ktrdr.db'}")
    with service(place) as found, httpx.Client(base_url=found.url, trust_env=False, timeout=20) as client:
        assert client.get("/ready").status_code == 200
        damaged = place.store()
        stores.sql(damaged, "DROP TABLE workers")
        damaged.close()
        wait_for(lambda: client.get("/ready").status_code == 503, 20)
        assert client.get("/health").status_code == 200
        assert len(found.log.splitlines()) < 20
