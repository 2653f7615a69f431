"""The dashboard while workers are killed: what it shows, and what can be done from it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from ktrdr.operations.models import Status
from support.dashboard import RUN_S, STATUS, click, show, started
from support.process.browser import browser
from support.process.processes import Place, furnish, wait_for
from support.process.service import service

pytestmark = pytest.mark.soak


def test_a_killed_worker_is_seen_and_its_run_resumed(tmp_path: Path) -> None:
    """The run belongs to a second worker; the first one shows the page, and is busy when the second is killed."""
    settings = {"KTRDR_CHECKPOINT_SECONDS": "0.2"}
    place = Place(furnish(tmp_path / "data", 40_000, ("slow",)), f"sqlite:///{tmp_path / 'ktrdr.db'}", settings)
    store = place.store()
    with browser(tmp_path / "profile") as page, service(place) as first:
        busy = place.submit(store, "slow", end="2028-12-31").id
        wait_for(lambda: store.get(busy).status is Status.RUNNING, RUN_S)
        with service(place) as second:
            name = started(page, first.url, "slow")
            page.wait(f"{STATUS} === 'running' && document.querySelector('#curve svg') !== null", RUN_S)
            second.process.send_signal(signal.SIGKILL)
            page.wait(f"{STATUS} === 'interrupted'")
        show(page, "interrupted")
        reached = store.get(name).generation
        assert reached > 0
        click(page, "Resume")
        page.wait(f"{STATUS} === 'pending'")
        store.request_cancel(busy)
        page.wait(f"{STATUS} === 'completed' && document.querySelector('#result') !== null", RUN_S)
        assert store.get(name).generation > reached
        assert place.expected("slow", end="2026-12-31").result_hash in page.run("document.body.textContent")
    store.close()
