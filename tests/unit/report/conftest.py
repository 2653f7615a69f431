"""A finished backtest on two timeframes with stops, in a store, and its page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ktrdr.operations import run
from ktrdr.operations.store.store import Store
from ktrdr.report.backtest import backtest_report
from support.inputs import worlds
from support.process.processes import furnish
from support.report_page import Finished, Page

NOTE = "<b>bold</b> & 'quoted'"
RULES = {
    "exits": {"stop_loss": {"rate": 0.004}, "take_profit": {"rate": 0.012}},
    "financing": {"long_rate": 0.05, "short_rate": 0.03},
    "spread": {"half": 0.00002},
}


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = furnish(tmp_path_factory.mktemp("report"), 2_000, ("mtf",))
    store = Store.open(f"sqlite:///{folder / 'ktrdr.db'}")
    result = run(
        worlds.strategy("mtf"), "EURUSD", "1h", start="2024-01-20", execution=RULES, store=store, data_dir=folder,
        note=NOTE, threads=1,
    )  # fmt: skip
    yield Finished(folder, store, result.manifest["operation"])
    store.close()


@pytest.fixture(scope="session")
def page(finished: Finished) -> Page:
    return Page(backtest_report(finished.result, finished.folder))
