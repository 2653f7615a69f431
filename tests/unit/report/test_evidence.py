"""Evidence of a report: the tables are what the statistics say, or are left out."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

import ktrdr
from ktrdr.analysis.doubt import doubt_of, logged_beside
from ktrdr.analysis.sensitivity import sensitivity
from ktrdr.analysis.statistics.intervals import metric_intervals
from ktrdr.analysis.statistics.sharpe import Moments, probabilistic_sharpe
from ktrdr.operations import run, stored_results
from ktrdr.operations.store.store import Store
from ktrdr.report.backtest import backtest_report
from ktrdr.report.evidence import evidence
from ktrdr.report.market import Market, market_of
from support.inputs import worlds
from support.report_page import Finished, Page, is_printed


def test_the_tables_are_what_the_statistics_say(finished: Finished) -> None:
    result = finished.result
    market = market_of(result, finished.folder)
    assert market.loaded is not None
    costs, doubt, intervals = evidence(result, market)
    found = sensitivity(result, market.loaded)
    columns = [*found.delays.values(), found.double_costs]
    for row in costs.table.rows:
        name = row[0].text.replace(" ", "_")
        assert all(is_printed(cell.text, metrics[name]) for cell, metrics in zip(row[1:], columns, strict=True)), row
    assert "net profit" in {row[0].text for row in costs.table.rows}
    moments = Moments.of_metrics(result.metrics, result.conventions["periods_per_year"])
    assert moments is not None
    assert is_printed(doubt.table.rows[0][1].text, probabilistic_sharpe(moments))
    known = metric_intervals(result).intervals
    assert [row[0].text.replace(" ", "_") for row in intervals.table.rows] == list(known)
    for row, interval in zip(intervals.table.rows, known.values(), strict=True):
        bounds = (None, None) if interval is None else interval
        assert all(is_printed(cell.text, bound) for cell, bound in zip(row[2:], bounds, strict=True))


def test_a_stored_run_is_doubted_beside_its_trials(finished: Finished, tmp_path: Path) -> None:
    """A copy of the store has this run and one with another size, over the same bars."""
    with sqlite3.connect(finished.folder / "ktrdr.db") as old, sqlite3.connect(tmp_path / "copy.db") as new:
        old.backup(new)
    store = Store.open(f"sqlite:///{tmp_path / 'copy.db'}")
    run(
        worlds.strategy("mtf"), "EURUSD", "1h", start="2024-01-20", store=store, data_dir=finished.folder, threads=1,
        execution={"sizing": {"kind": "cash_fraction", "fraction": 0.5}},
    )  # fmt: skip
    result = stored_results(store, finished.id)
    (doubt,) = (part for part in evidence(result, Market(None)) if part.title.startswith("Doubt"))
    rows = {row[0].text: row[1].text for row in doubt.table.rows}
    wanted = doubt_of(result, logged_beside(store, result))
    store.close()
    assert rows["trials on these bars"] == "2" == str(len(wanted.trials.sharpes))
    assert is_printed(rows["probability beside so many trials (DSR)"], wanted.dsr)


def test_the_band_is_drawn_under_the_intervals(page: Page) -> None:
    (drawing,) = (one for one in page.id("costs").all("figure"))
    assert len(drawing.all("polyline")) == 3
    assert "90 % of 1,000 draws" in drawing.text


@pytest.mark.parametrize("trades", [0, 9])
def test_what_a_result_does_not_allow_is_left_out(trades: int) -> None:
    """Neither bars nor ten days nor ten trades."""
    signals = np.zeros(30, np.int8)
    signals[: 2 * trades] = np.tile([1, -1], trades)
    result = ktrdr.simulate(worlds.frame(30), signals)
    assert [part.title for part in evidence(result, Market(None))] == []


def test_a_fork_has_no_costs_and_delay() -> None:
    bars = worlds.frame(400)
    signals = np.tile([1, 0, -1, 0], 100)
    run = ktrdr.Simulation(bars, signals)
    run.run(until=200)
    rules = {"slippage": {"rate": 0.01}}
    fork = ktrdr.Simulation.restore(run.snapshot(), bars, signals, ledger=run.ledger(), execution=rules)
    fork.run()
    result = fork.result()
    assert "Costs and delay" not in [part.title for part in evidence(result, market_of(result))]
    page = Page(backtest_report(result))
    assert "hold" not in page.data["overview"]
    assert "Buy and hold is not drawn: the run was continued under other rules." in page.id("curves").text
