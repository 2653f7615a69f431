"""Clients that hold a worker up, by the hundred: it runs operations meanwhile, logs little, and keeps its memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from ktrdr.operations.store.store import Store
from support.process.processes import Place, furnish, wait_for, wait_until
from support.process.service import Service, service

pytestmark = pytest.mark.soak
FILES = 256
WAVES = 6
UNREAD = 60
N_BARS = 60_000
MOST_MORE_MIB = 300.0
Tell = Callable[[str, object], None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("clients") / "data", N_BARS, ("mlp",))


@pytest.fixture
def place(folder: Path, database_url: str) -> Place:
    """The data folder, with an empty database of either kind."""
    return Place(folder, database_url)


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    found = place.store()
    yield found
    found.close()


@pytest.fixture
def running(place: Place) -> Iterator[Service]:
    with service(place) as found:
        yield found
        assert "Traceback" not in found.log


def test_trust_1_silent_clients(place: Place, store: Store, running: Service, record_property: Tell) -> None:
    """As many connections as the worker may open files, six times; an operation ends in each of these times."""
    resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
    held = 0
    before_s = running.cpu_s
    for _ in range(WAVES):
        with ExitStack() as stack:
            for _ in range(FILES):
                with suppress(OSError):
                    stack.enter_context(running.connect())
                    held += 1
            wait_until(store, place.submit(store, "mlp", end="2024-02-20").id, within_s=300)
    with running.client() as client:
        wait_for(lambda: client.get("/ready").status_code == 200)
        assert client.get("/health").status_code == 200
    lines = len(running.log.splitlines())
    assert held > WAVES * FILES / 2
    assert lines < 20 * WAVES
    found = {"silent connections": held, "operations beside them": WAVES, "lines of log": lines}
    part = f"trust_1, {place.url.partition(':')[0]}"
    record_property("table", _table(part, found | {"CPU, s": round(running.cpu_s - before_s, 1)}))


def test_trust_6_unread_downloads(place: Place, store: Store, running: Service, record_property: Tell) -> None:
    """Sixty readers of a table of some megabytes read nothing: few tables are in memory, and it is given back."""
    done = wait_until(store, place.submit(store, "mlp").id, within_s=600)
    request = f"GET /operations/{done.id}/equity HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with running.client() as client:
        size_mib = len(client.get(f"/operations/{done.id}/equity").content) / 2**20
        before_mib = most_mib = _resident_mib(running)
        with ExitStack() as stack:
            for _ in range(UNREAD):
                stack.enter_context(running.connect()).sendall(request)
            until_s = time.monotonic() + 15
            while time.monotonic() < until_s:
                most_mib = max(most_mib, _resident_mib(running))
                assert client.get("/health").status_code == 200
                time.sleep(0.2)
        wait_for(lambda: client.get(f"/operations/{done.id}/equity").status_code == 200, 90)
    after_mib = _resident_mib(running)
    assert most_mib < before_mib + MOST_MORE_MIB
    found = {"unread downloads": UNREAD, "MiB each": round(size_mib, 1), "worker's MiB before": round(before_mib)}
    record_property("table", _table("trust_6", found | {"most": round(most_mib), "after": round(after_mib)}))


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("20,000 unknown keys", "{" + ",".join(f'"key{number}":1' for number in range(20_000)) + "}", 400),
        ("a number beyond floats", '{"initial_capital": 1e400}', 400),
        ("a number of 100,000 digits", '{"initial_capital": ' + "9" * 100_000 + "}", 400),
        ("100,000 brackets", "[" * 100_000, 400),
        ("a megabyte of strategy", '{"strategy_yaml": "' + "a: [" * 250_000 + '"}', 422),
    ],
)  # fmt: skip
def test_trust_6_bodies(running: Service, name: str, body: str, status: int, record_property: Tell) -> None:
    """Each costs less than half a second of processor time."""
    with running.client() as client:
        client.post("/backtests/start", content="{}")
        before_s = running.cpu_s
        said = client.post("/backtests/start", content=body)
    used_s = running.cpu_s - before_s
    assert said.status_code == status, said.text[:200]
    assert used_s < 0.5
    record_property("table", _table("trust_6", {f"{name}: CPU, s": round(used_s, 2)}))


def _resident_mib(running: Service) -> float:
    pages = int(Path(f"/proc/{running.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _table(part: str, found: dict[str, object]) -> str:
    return "\n".join([part, *(f"  {value!s:>8} {name}" for name, value in found.items())])
