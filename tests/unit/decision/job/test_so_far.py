"""A paper run as far as it is stored: its equity is the backtest's, orders are only read, the report has its bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ktrdr.decision.job.controls import Controls
from ktrdr.decision.job.so_far import held_rows, last_orders, state_of
from ktrdr.errors import Cancelled
from ktrdr.operations import paper, resume
from ktrdr.operations.kind import kind_of
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.store.store import Store
from ktrdr.report.backtest import backtest_report
from ktrdr.worker.pages.parts.rendering import page
from ktrdr.worker.pages.parts.so_far import feed_rows, paper_so_far
from support.decision.replays import csv_of, expected, furnished
from support.inputs import worlds
from support.report_page import Page, candles

BARS = 320
STOPPED = 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    found = tmp_path_factory.mktemp("paper")
    with pytest.MonkeyPatch.context() as settings:
        settings.setenv("KTRDR_DATA_DIR", str(found))
        yield found


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[Store]:
    found = Store.open(f"sqlite:///{folder / 'ktrdr.db'}")
    yield found
    found.close()


@pytest.fixture(scope="module")
def stopped(folder: Path, store: Store) -> tuple[str, Any]:
    """A run that was cancelled after some bars, and the backtest of all of them."""
    file = furnished(folder)
    want = expected(folder, file, "mlp", BARS)
    feed = folder / "bars.csv"
    feed.write_text(csv_of(worlds.frame(BARS)) + "end\n")
    token = Token()

    class Stop:
        def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
            if done >= STOPPED:
                token.cancel()

    with pytest.MonkeyPatch.context() as every_bar, pytest.raises(Cancelled):
        # Reports are seconds apart otherwise, in which a fast machine ends the run.
        every_bar.setattr("ktrdr.decision.job.session._REPORT_EVERY_S", 0.0)
        paper(
            file, "EURUSD", "1h", str(feed), store=store, data_dir=folder, threads=1, bridge=Stop(),
            cancellation_token=token,
        )  # fmt: skip
    return store.list(kind="paper", limit=1)[0][0].id, want


def test_the_equity_so_far_is_the_backtests(store: Store, stopped: tuple[str, Any]) -> None:
    name, want = stopped
    found = kind_of("paper").equity(store, name)
    assert found is not None and 0 < found.height < want.equity.height
    assert found.equals(want.equity.select("time", "equity").head(found.height))


def test_orders_are_read_and_left_alone(folder: Path, stopped: tuple[str, Any]) -> None:
    """Half a line is what a run writes just now: a reader must not cut it off."""
    name, want = stopped
    journal = Controls(name, folder).journal
    before = journal.read_bytes()
    journal.write_bytes(before + b'{"order": {"id"')
    orders = last_orders(name, 1_000, folder)
    assert journal.read_bytes() == before + b'{"order": {"id"'
    journal.write_bytes(before)
    filled = [order for order in reversed(orders) if order["status"] == "filled"]
    assert filled
    assert [order["price"] for order in filled] == want.fills["price"].head(len(filled)).to_list()
    assert [order["id"] for order in last_orders(name, 2, folder)] == [order["id"] for order in orders[:2]]
    assert last_orders("paper_none", 5, folder) == []


def test_a_page_has_decisions_and_orders(store: Store, stopped: tuple[str, Any]) -> None:
    name, _ = stopped
    found = paper_so_far(store, name)
    held = held_rows(store, name, state_of(store, name))
    assert len(found.decisions) == 12 and 0 < len(found.orders) <= 12
    assert float(found.decisions[0][1]) == pytest.approx(held["close"][-1], rel=1e-5)
    assert found.decisions[0][2] == {1: "buy", 0: "hold", -1: "sell"}[held["signal"][-1]]
    text = bytes(page("parts/curve.html", curve=None, sweep=None, paper=found).body).decode()
    assert "Last decisions" in text and found.orders[0][3] in text
    assert dict(feed_rows(store.get(name)))["next bar"].endswith(":00")


def test_the_report_has_the_bars_of_the_feed(folder: Path, store: Store, stopped: tuple[str, Any]) -> None:
    name, want = stopped
    assert resume(name, store=store, data_dir=folder).result_hash == want.result_hash
    drawn = Page(backtest_report(kind_of("paper").result(store, name))).data["overview"]
    bars = worlds.frame(BARS)["close"].to_numpy()[-want.equity.height :]
    assert np.allclose(candles(drawn)["close"], bars, rtol=1e-6)
