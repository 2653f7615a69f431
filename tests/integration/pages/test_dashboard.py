"""The dashboard in a real browser: a run from its start to its report, two tabs that agree, a worker that is killed."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from ktrdr.operations import run
from ktrdr.operations.models import Status
from ktrdr.operations.owner import Owner
from support.dashboard import RUN_S, STATUS, click, fill, show, started
from support.process.browser import Page, browser
from support.process.processes import Place, furnish, strategy, wait_for
from support.process.service import Service, service

NAME = '<img src=x onerror="stolen=1">&amp;<script>stolen=1</script>'

DIES = """
import json, os, signal, sys
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.store import Store
print(Store.open().begin_here("backtest", json.load(sys.stdin), Owner.me()).operation.id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("dashboard")
    settings = {"KTRDR_CHECKPOINT_SECONDS": "0.2", "KTRDR_STRATEGIES_DIR": str(folder / "strategies")}
    return Place(furnish(folder / "data", 6_000, ("mlp", "slow")), f"sqlite:///{folder / 'ktrdr.db'}", settings)


@pytest.fixture(scope="module")
def running(place: Place) -> Iterator[Service]:
    with service(place) as found:
        yield found
        assert "Traceback" not in found.log


def is_of_this_service_alone(page: Page, url: str) -> bool:
    """True for a page without code in its markup, all of whose requests were for the service."""
    inline = "[...document.querySelectorAll('*')].some(e => e.getAttributeNames().some(n => /^(on|style$)/.test(n)))"
    scripts = "[...document.scripts].every(s => s.src === location.origin + '/dashboard/dashboard.js')"
    asked = [it for it in page.requests if not it.startswith((f"{url}/", "about:"))]
    return not page.run(inline) and page.run(scripts) and not asked


def test_a_run_from_its_start_to_its_report(page: Page, running: Service, place: Place) -> None:
    store = place.store()
    # In this process, which needs torch anyway: a worker's child would import it once more.
    span = {"start": "2024-01-20", "end": "2026-12-31"}
    other_run = run(strategy("mlp"), "EURUSD", "1h", **span, store=store, data_dir=place.folder, threads=1)
    quick = other_run.manifest["operation"]
    other = page.beside()
    other.open(f"{running.url}/")
    name = started(page, running.url, "slow", note="first <b>try</b>")
    row = f"document.querySelector('tr[data-key={name}]')"
    other.wait(f"{row} !== null")
    page.wait(
        f"{STATUS} === 'running' && document.querySelector('[data-key=figures]')?.innerText.includes('bars/s')", RUN_S
    )
    share = "document.querySelector('.state progress').value"
    before = page.run(share)
    page.wait(f"{share.replace('.value', '?.value')} > {before}", RUN_S)
    assert other.run(f"{row}.querySelector('.status').textContent") == "running"
    click(page, "Cancel")
    page.wait(f"{STATUS} === 'cancelled'")
    other.wait(f"{row}.querySelector('.status').textContent === 'cancelled'")
    other.open(f"{running.url}/dashboard/operations/{name}")
    page.wait("document.querySelector('#curve polyline') !== null")
    show(page, "cancelled")
    drawn = "document.querySelector('#curve polyline').getAttribute('points').split(' ').length"
    assert page.run(drawn) > 10
    click(page, "Resume")
    page.wait(f"{STATUS} === 'completed' && document.querySelector('#result') !== null", RUN_S)
    other.wait(f"{STATUS} === 'completed' && document.querySelector('#result') !== null", RUN_S)
    said = "document.querySelector('main').innerText"
    assert wait_for(lambda: page.run(said) == other.run(said)), "the tabs differ"
    expected = place.expected("slow", end="2026-12-31")
    text = page.run("document.body.textContent")
    assert expected.result_hash in text
    assert f"{expected.final_equity:,.2f}" in text
    assert page.run("document.querySelector('#note').value") == "first <b>try</b>"
    assert all(is_of_this_service_alone(each, running.url) for each in (page, other))
    assert page.complaints == other.complaints == []
    click(page, "Report")
    page.wait("location.pathname.endsWith('/report') && document.querySelector('#chart canvas') !== null")
    page.open(f"{running.url}/")
    page.wait(f"{row} !== null")
    page.run(f"{row}.querySelector('button').click()")
    page.wait("document.querySelector('dialog').open")
    click(page, "No")
    page.wait("!document.querySelector('dialog').open")
    assert store.get(name).status is Status.COMPLETED
    store.close()
    for each in (quick, name):
        page.run(f"document.querySelector('input[value={each}]').click()")
    page.run("document.querySelector('#compare button').click()")
    page.wait("location.pathname === '/dashboard/compare' && document.readyState === 'complete'")
    show(page, "compare")
    assert page.run("document.querySelectorAll('svg.curves polyline').length") == 2
    text = page.run("document.querySelector('main').innerText")
    assert all(words in text for words in (quick, name, "walker_mlp", f"{expected.final_equity:,.2f} ★"[:-2]))
    assert is_of_this_service_alone(page, running.url)


def test_a_run_whose_process_died_is_resumed_from_the_page(page: Page, running: Service, place: Place) -> None:
    """Of a command in the foreground, which no worker takes over by itself."""
    store = place.store()
    text = json.dumps(place.request().to_spec())
    command = [sys.executable, "-c", DIES]
    died = subprocess.run(command, input=text, env=place.environment, capture_output=True, text=True)
    name = died.stdout.strip()
    page.open(f"{running.url}/dashboard/operations/{name}")
    assert page.run(STATUS) == "interrupted"
    show(page, "interrupted")
    click(page, "Resume")
    page.wait(f"{STATUS} === 'completed' && document.querySelector('#result') !== null", RUN_S)
    assert store.get(name).status is Status.COMPLETED
    store.close()
    with sqlite3.connect(place.url.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE results SET manifest = '{}' WHERE operation_id = ?", (name,))
    page.open(f"{running.url}/dashboard/operations/{name}")
    assert "its result in the database is damaged" in page.run("document.querySelector('main').innerText")
    page.open(f"{running.url}/")
    assert page.run(f"document.querySelector('tr[data-key={name}]') !== null")


def test_a_refused_form_says_why_at_its_field(page: Page, running: Service, place: Place) -> None:
    page.open(f"{running.url}/dashboard/start/backtest")
    fill(
        page,
        strategy_name="v3_minimall",
        symbol="EURUSD",
        timeframe="1h",
        start_date="2024-01-20",
        end_date="2024-02-20",
    )
    click(page, "Start backtest")
    page.wait("document.querySelector('#said').textContent.includes('v3_minimal')")
    assert page.run("document.activeElement.name") == "strategy_name"
    fill(page, strategy_name="v3_minimal")
    rules = "document.querySelector('[data-kind=rules]').value = "
    page.run(rules + "'execution.sizing'")
    click(page, "Start backtest")
    page.wait("document.querySelector('#said').textContent.startsWith('Not a rule: execution.sizing.')")
    page.run(rules + "'execution.slipage.rate = 0.1'")
    click(page, "Start backtest")
    page.wait("document.querySelector('#said').textContent.includes('slippage')")
    assert page.run("document.activeElement.dataset.kind") == "rules"
    page.run(rules + "'execution.slippage.rate = 0.25\\ndecisions.confidence_threshold = 0.9'")
    click(page, "Start backtest")
    page.wait("location.pathname.startsWith('/dashboard/operations/backtest_')")
    store = place.store()
    spec = store.get(page.run("location.pathname.split('/').pop()")).spec
    assert (spec["execution"], spec["decisions"]) == ({"slippage": {"rate": 0.25}}, {"confidence_threshold": 0.9})
    store.close()


def test_names_with_markup_and_damage_stay_text(page: Page, running: Service, place: Place) -> None:
    store = place.store()
    spec: dict[str, Any] = place.request().to_spec() | {"strategy_name": NAME}
    claim = store.begin_here("backtest", spec, Owner.me(), note=NAME)
    store.end(claim.lease, Status.FAILED, {"code": "data_empty", "message": f"no bars {NAME}", "hint": NAME})
    odd = store.submit("backtest", {"n": 1}).id
    store.request_cancel(odd)
    for path in ("/", f"/dashboard/operations/{claim.operation.id}", f"/dashboard/operations/{odd}"):
        page.open(running.url + path)
        assert page.run("typeof stolen") == "undefined"
        assert is_of_this_service_alone(page, running.url)
    page.open(f"{running.url}/dashboard/operations/{claim.operation.id}")
    assert page.run("document.querySelector('main').innerText").count(NAME) == 2
    for path in (f"/dashboard/operations/backtest_{'0' * 16}", "/dashboard/operations/NO", "/dashboard/start/x"):
        page.open(running.url + path)
        assert re.search("no such|nothing", page.run("document.body.innerText"))
    store.delete(odd)
    store.delete(claim.operation.id)
    store.close()
