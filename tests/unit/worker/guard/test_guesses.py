"""Wrong tokens cost their sender time, whatever is tried at once; whoever has the token is not held up by others."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
import pytest
from starlette.routing import Route
from starlette.types import ASGIApp

from ktrdr.operations.pool.runner import Runner
from ktrdr.operations.store.store import Store
from ktrdr.worker.access.settings import Access
from ktrdr.worker.app import ROUTES, create_app
from ktrdr.worker.guard import guesses
from ktrdr.worker.guard.guesses import Guesses
from ktrdr.worker.service import Service
from support.process.asgi import ask

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


async def bearer(client: httpx.AsyncClient, token: str) -> tuple[int, float]:
    """Returns the status, and the seconds until the answer."""
    began_s = time.monotonic()
    said = await client.get("/metrics-catalogue", headers={"authorization": f"Bearer {token}"})
    return said.status_code, time.monotonic() - began_s


def test_a_guesser_in_headers_learns_nothing_by_sending_many_at_once(
    app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among many wrong tokens the right one is not looked at either: else it would be known by its quick answer."""
    pauses_s = [0.8, 1.2, 1.2, 1.2, 1.2]
    monkeypatch.setattr(guesses, "FIRST_PAUSE_S", pauses_s[0])
    monkeypatch.setattr(guesses, "LONGEST_PAUSE_S", pauses_s[-1])

    async def attack() -> None:
        stranger = client(app, "192.0.2.1")
        owner = client(app, "192.0.2.2")
        tried = [asyncio.create_task(bearer(stranger, f"wrong {count}")) for count in range(40)]
        await asyncio.sleep(0.02)
        assert (await bearer(stranger, TOKEN))[0] == 503
        assert (await bearer(owner, TOKEN))[0] == 404
        said = sorted(await asyncio.gather(*tried))
        assert [status for status, _ in said] == [401] * 5 + [503] * 35
        assert all(took_s >= pause_s for (_, took_s), pause_s in zip(said, pauses_s, strict=False))
        assert (await bearer(stranger, TOKEN))[0] == 404

    asyncio.run(attack())


def test_a_program_with_an_old_token_holds_up_nobody_with_the_right_one(app: ASGIApp) -> None:
    async def mixed() -> None:
        both = client(app, "192.0.2.1")
        for _ in range(3):
            old = asyncio.create_task(bearer(both, "old"))
            await asyncio.sleep(0)
            assert (await bearer(both, TOKEN))[0] == 404
            assert not old.done()
            assert (await old)[0] == 401

    asyncio.run(mixed())


def test_a_caller_of_version_6_has_one_count_for_all_its_addresses() -> None:
    found = Guesses(clock=lambda: 0.0)
    assert [found.is_wrong(f"2001:db8:1:2::{number}") for number in range(1, 4)] == [0.5, 1.0, 2.0]
    assert [found.is_wrong(address) for address in ("2001:db8:1:3::1", "::ffff:192.0.2.1", "192.0.2.2", "")] == [
        0.5
    ] * 4


def test_a_wrong_token_opens_no_verb_of_any_route(app: ASGIApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "FIRST_PAUSE_S", 0.0)
    known = {route.path for module in ROUTES for route in module.router.routes if isinstance(route, Route)}
    assert len(known) > 40
    for path in known | {"/openapi.json", "/nowhere"}:
        for verb in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"):
            for wrong in ("wrong", TOKEN[:-1], TOKEN + "x"):
                headers = {"host": "localhost", "authorization": f"Bearer {wrong}"}
                said = ask(app, verb, path.replace("{", "").replace("}", ""), headers)
                open_one = path in ("/health", "/ready") and verb in ("GET", "HEAD")
                assert (said.status == 401) is not open_one, (verb, path, said.status)


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
