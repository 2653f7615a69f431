"""The worker's pages in a real browser: signing in, the list, nothing from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ktrdr.operations.models import Status
from ktrdr.operations.owner import Owner
from support.process.browser import Page, browser
from support.process.processes import Place, furnish
from support.process.service import TOKEN, Service, service

NAME = '<b onmouseover="stolen=1">x</b><script>stolen=1</script>'


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Operations in every state, one of them with a text that wants to be markup."""
    folder = tmp_path_factory.mktemp("pages")
    url = f"sqlite:///{folder / 'ktrdr.db'}"
    place = Place(furnish(folder / "data", 100, ()), url, {"KTRDR_API_TOKEN": TOKEN})
    with pytest.MonkeyPatch.context() as settings:
        settings.setenv("KTRDR_LEASE_SECONDS", "600")  # the run of this process stays running on a slow machine
        store = place.store()
    spec = place.request().to_spec() | {"strategy_name": "walker_mlp"}
    store.request_cancel(store.submit("backtest", spec).id)
    failed = store.begin_here("backtest", spec | {"strategy_name": NAME}, Owner.me())
    store.end(failed.lease, Status.FAILED, {"code": "data_empty", "message": f"no bars {NAME}"})
    running = store.begin_here("backtest", spec, Owner.me())
    figures = {"percentage": 41.7, "bar": 417, "total_bars": 1_000, "equity": 103_214.5, "trades": 1_234}
    store.beat(running.lease, figures)
    store.submit("backtest", spec, model_id="nobody/1h_v1")
    store.close()
    return place


@pytest.fixture(scope="module")
def guarded(page: Page, place: Place) -> Iterator[Service]:
    with service(place) as found:
        yield found


def show(page: Page, name: str) -> None:
    """Keeps the picture where somebody wants to look at it."""
    if folder := os.environ.get("KTRDR_PICTURES"):
        (Path(folder) / f"{name}.png").write_bytes(page.picture())


def sign_in(page: Page, token: str) -> None:
    page.run(f"document.querySelector('#token').value = '{token}'; document.querySelector('button').click()")


def signed_in(page: Page, url: str) -> None:
    """Opens the list as a person who has signed in: tests of this file may run in another order, or apart."""
    page.open(f"{url}/")
    if page.run("document.querySelector('#token') !== null"):
        sign_in(page, TOKEN)
    page.wait("document.querySelector('table') !== null && document.readyState === 'complete'")


def test_signing_in_and_the_list(page: Page, guarded: Service) -> None:
    page.open(f"{guarded.url}/")
    assert page.run("document.querySelectorAll('input[type=password]').length") == 1
    assert page.run("document.querySelector('table')") is None
    sign_in(page, "wrong")
    page.wait("document.querySelector('[role=alert]').textContent.includes('not the token')")
    show(page, "login")
    sign_in(page, TOKEN)
    page.wait("document.querySelector('table') !== null && document.readyState === 'complete'")
    show(page, "operations")
    statuses = page.run("[...document.querySelectorAll('tbody td .status')].map(e => e.textContent)")
    assert sorted(statuses) == ["cancelled", "failed", "pending", "running"]
    text = page.run("document.body.innerText")
    assert "42 %" in text
    assert "103,214.50" in text
    assert f"no bars {NAME}" in text
    assert page.run("typeof stolen") == "undefined"
    assert page.run("getComputedStyle(document.querySelector('table')).borderCollapse") == "collapse"
    assert page.run("document.cookie") == ""
    assert [line for line in page.complaints if "401" not in line] == []


def test_a_signed_in_page_reads_and_changes(page: Page, guarded: Service) -> None:
    """The cookie carries reads, event streams and, from this origin, changes."""
    signed_in(page, guarded.url)
    page.open(f"{guarded.url}/docs")
    show(page, "routes")
    found = page.run("fetch('/operations?status=running').then(r => r.json()).then(o => o.operations[0].operation_id)")
    heard = "new Promise(done => { const s = new EventSource('/operations/%s/events');"
    heard += "s.addEventListener('progress', e => { s.close(); done(JSON.parse(e.data).progress.bar); }) })"
    assert page.run(heard % found) == 417
    change = "fetch('/operations/%s/cancel', {method: 'POST', headers: {'Content-Type': 'application/json'}})"
    assert page.run(change % found + ".then(r => r.status)") == 200
    assert page.run("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')") == "refused"


def test_a_person_signs_out(page: Page, guarded: Service) -> None:
    """The button is on every page, and leads to the form; the way back shows nothing."""
    signed_in(page, guarded.url)
    page.open(f"{guarded.url}/dashboard/workers")
    page.run("document.querySelector('header button').click()")
    page.wait("document.querySelector('#token') !== null")
    page.open(f"{guarded.url}/dashboard/workers")
    assert page.run("document.querySelector('#token') !== null && document.querySelector('table') === null")


def test_a_page_of_another_port_can_do_nothing(page: Page, guarded: Service, place: Place) -> None:
    """The same site, so the cookie travels; another origin, so the worker refuses."""
    signed_in(page, guarded.url)
    with service(Place(place.folder, place.url)) as other:
        page.open(f"{other.url}/health")
        status = "fetch('%s/operations', {credentials: 'include', mode: '%s'}).then(r => r.type, () => 'refused')"
        assert page.run(status % (guarded.url, "cors")) == "refused"
        login = "fetch('%s/session', {method: 'POST', mode: 'no-cors', credentials: 'include'}).catch(() => 0)"
        page.run(login % guarded.url)
    assert '"POST /session HTTP/1.1" 403' in guarded.log
