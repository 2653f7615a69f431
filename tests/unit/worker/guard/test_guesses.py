"""Wrong tokens cost their sender time, whatever is tried at once; whoever has the token is not held up by others."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp

from ktrdr.operations.pool.runner import Runner
from ktrdr.operations.store.store import Store
from ktrdr.worker.access.settings import Access
from ktrdr.worker.app import create_app
from ktrdr.worker.guard import guesses
from ktrdr.worker.guard.guesses import Guesses
from ktrdr.worker.service import Service

TOKEN = "a-token-of-thirty-two-characters!"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ASGIApp:
    monkeypatch.setattr(guesses, "FIRST_PAUSE_S", 0.05)
    store = Store.open(f"sqlite:///{tmp_path / 'ktrdr.db'}")
    return create_app(Service.of(store, Runner(store, 1), Access(TOKEN)))


def client(app: ASGIApp, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", headers={"host": "localhost"})


async def login(client: httpx.AsyncClient, token: str) -> tuple[int, float]:
    """Returns the status, and the seconds until the answer."""
    began_s = time.monotonic()
    client.cookies.clear()
    said = await client.post("/session", json={"token": token})
    return said.status_code, time.monotonic() - began_s


def test_logins_of_an_address_are_tried_one_after_the_other(app: ASGIApp) -> None:
    async def attack() -> None:
        stranger = client(app, "192.0.2.1")
        owner = client(app, "192.0.2.2")
        tried = [asyncio.create_task(login(stranger, f"wrong {count}")) for count in range(40)]
        await asyncio.sleep(0.02)
        status, _ = await login(owner, TOKEN)
        assert (status, any(task.done() for task in tried[1:5])) == (200, False)
        said = sorted(await asyncio.gather(*tried))
        assert [status for status, _ in said] == [401] * 5 + [503] * 35
        assert said[4][1] >= 0.05 * (1 + 2 + 4 + 8 + 16)

    asyncio.run(attack())


def test_the_right_token_ends_the_pauses_of_its_address(app: ASGIApp, monkeypatch: pytest.MonkeyPatch) -> None:
    paused = list[float]()
    found = Guesses.is_wrong

    def noted(self: Guesses, address: str) -> float:
        paused.append(found(self, address))
        return 0.0

    monkeypatch.setattr(Guesses, "is_wrong", noted)

    async def mistype() -> list[int]:
        person = client(app, "192.0.2.1")
        return [(await login(person, token))[0] for token in ("wrong", "wrong", "wrong", TOKEN, "wrong")]

    assert asyncio.run(mistype()) == [401, 401, 401, 200, 401]
    assert paused == [0.05, 0.1, 0.2, 0.05]


def test_addresses_are_forgotten() -> None:
    now_s = 0.0
    found = Guesses(clock=lambda: now_s)
    assert [found.is_wrong("192.0.2.1") for _ in range(3)] == [0.5, 1.0, 2.0]
    now_s = 700.0
    assert found.is_wrong("192.0.2.1") == 0.5
    for number in range(3_000):
        found.is_wrong(f"198.51.100.{number}")
    assert len(found._addresses) <= 1_024
