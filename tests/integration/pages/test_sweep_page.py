"""The page of a sweep in a real browser: the heat map that is chosen, sorted scenarios, phone, paper, keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import ktrdr
from support.inputs import worlds
from support.process.browser import Page, browser

GRID = {
    "decisions.confidence_threshold": [0.1, 0.3, 0.5],
    "execution.commission.rate": [0.0, 0.001],
    "execution.exits.stop_loss": [None, {"rate": 0.02}],
}
SHARPES = """[...document.querySelectorAll("table.sorts tbody tr")].map(
  (row) => Number(row.cells[4].textContent.replace("-", row.cells[4].textContent === "-" ? "-1e9" : "-")))"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    random = np.random.default_rng(2)
    signals = random.choice([-1, 0, 1], 800, p=[0.03, 0.94, 0.03]).astype(np.int8)
    found = ktrdr.sweep(worlds.frame(800), signals, random.random(800), grid=GRID)  # type: ignore[arg-type]
    file = found.report(tmp_path_factory.mktemp("page") / "sweep.html")
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        opened.screen(1200, 900)
        opened.open(Path(file).as_uri())
        opened.wait("document.documentElement.dataset.ready")
        yield opened


def shown(page: Page) -> list[str]:
    """Metric and axes of the maps that a person sees."""
    found: list[str] = page.run(
        "[...document.querySelectorAll('.map')].filter((map) => map.offsetHeight)"
        ".map((map) => `${map.dataset.metric}: ${map.dataset.axes}`)"
    )
    return found


def choose(page: Page, name: str, value: str) -> None:
    page.run(
        f"(() => {{ const choice = document.querySelector('.chooser select[name={name}]'); choice.value = '{value}';"
        " choice.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )


def test_the_map_that_is_chosen_is_shown(page: Page) -> None:
    assert shown(page) == ["sharpe: decisions.confidence_threshold by execution.commission.rate"]
    choose(page, "metric", "max drawdown")
    choose(page, "axes", "execution.commission.rate by execution.exits.stop_loss")
    assert shown(page) == ["max drawdown: execution.commission.rate by execution.exits.stop_loss"]
    assert page.complaints == []


def test_a_heading_sorts_by_keyboard_and_says_so(page: Page) -> None:
    best_first = page.run(SHARPES)
    assert best_first == sorted(best_first, reverse=True)
    page.run("document.querySelectorAll('table.sorts th button')[4].focus()")
    page.run("document.activeElement.click()")
    assert page.run(SHARPES) == sorted(best_first)
    assert page.run("document.querySelectorAll('table.sorts th')[4].getAttribute('aria-sort')") == "ascending"


def test_a_phone_scrolls_a_wide_map_and_not_the_page(page: Page) -> None:
    page.screen(390, 844)
    assert page.run("document.documentElement.scrollWidth") <= 390
    page.screen(1200, 900)


def test_the_page_asks_for_nothing_and_prints(page: Page) -> None:
    assert all(url.startswith("file:") for url in page.requests)
    assert page.pdf().startswith(b"%PDF")
