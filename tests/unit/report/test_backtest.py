"""The report of a backtest: every number is the ledger's, no text is markup, nothing is left out in silence."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ktrdr
from ktrdr import _core
from ktrdr.backtesting.breakdown import by_direction, by_exit_reason, by_hour, by_weekday, monthly_returns
from ktrdr.data.store.repository import Repository
from ktrdr.report.backtest import backtest_report
from ktrdr.time import Timeframe
from support.inputs import worlds
from support.report_page import Finished, Page, candles, hash_of, is_printed, numbers, rows_of

TIME = "%Y-%m-%d %H:%M"
NASTY = "</script><script>stolen=1</script><img src=x onerror=stolen=1>"


def test_every_metric_is_the_ledgers(page: Page, finished: Finished) -> None:
    metrics = finished.result.metrics
    rows = {row["metric"]: row for row in page.table("all")}
    assert {name.replace("_", " ") for name in metrics} == set(rows)
    for name, value in metrics.items():
        row = rows[name.replace("_", " ")]
        assert is_printed(row["value"], value), (name, row, value)
        assert row["definition"] == _core.METRICS[name]["definition"]
        assert row["better"] == _core.METRICS[name]["better"].replace("none", "")
    cards = [one for one in page.elements if "data-metric" in one.attributes]
    assert {one.attributes["data-metric"] for one in cards} == {n for n, m in _core.METRICS.items() if m["headline"]}
    for card in cards:
        assert is_printed(card.all("dd")[0].text, metrics[card.attributes["data-metric"]])


def test_every_trade_is_the_ledgers(page: Page, finished: Finished) -> None:
    trades = finished.result.trades
    rows = rows_of(page.id("trades"))
    assert len(rows) == trades.height > 30
    columns = {
        "entry price": "entry_price", "exit price": "exit_price", "quantity": "quantity", "gross": "gross_pnl",
        "net": "net_pnl", "return": "return_rate", "MFE": "mfe_rate", "MAE": "mae_rate", "bars": "bars_held",
        "commission": "commission", "financing": "financing", "confidence": "entry_confidence",
    }  # fmt: skip
    for row, trade in zip(rows, trades.iter_rows(named=True), strict=True):
        assert row["#"] == str(trade["trade_id"])
        assert row["side"] == {1: "long", -1: "short"}[trade["direction"]]
        assert row["entry (UTC)"] == trade["entry_time"].strftime(TIME)
        assert row["exit (UTC)"] == trade["exit_time"].strftime(TIME)
        assert row["reason"] == trade["exit_reason"].replace("_", " ")
        for heading, name in columns.items():
            assert is_printed(row[heading], trade[name]), (heading, row, trade[name])
    assert {row["reason"] for row in rows} >= {"signal", "stop loss", "take profit"}


def test_every_part_is_the_ledgers(page: Page, finished: Finished) -> None:
    result = finished.result
    breakdowns = (by_direction(result), by_exit_reason(result), by_weekday(result), by_hour(result))
    for number, frame in enumerate(breakdowns):
        rows = page.table("parts", number)
        assert len(rows) == frame.height
        for row, wanted in zip(rows, frame.iter_rows(named=True), strict=True):
            for name, value in wanted.items():
                text = row[name.replace("_", " ")]
                assert text == value.replace("_", " ") if isinstance(value, str) else is_printed(text, value), row
    months = monthly_returns(result)
    (row,) = page.table("months")
    for month in months.iter_rows(named=True):
        assert is_printed(list(row.values())[month["month"]], month["return_rate"])
    assert is_printed(row["whole year"], result.metrics["total_return"])


def test_the_chart_is_the_ledgers(page: Page, finished: Finished) -> None:
    result = finished.result
    data = page.data
    drawn = data["overview"]
    equity = result.equity
    for name, digits in (("equity", 2), ("drawdown", 6)):
        assert np.abs(numbers(drawn[name]) - equity[name].to_numpy()).max() <= 0.5000001 * 10.0**-digits
    stored = Repository(finished.folder).load("EURUSD", Timeframe.H1).to_frame()
    bars = stored.join(equity, left_on="timestamp", right_on="time", how="semi")
    for name, column in candles(drawn).items():
        assert np.abs(column - bars[name].to_numpy()).max() <= 0.5000001 * 10.0 ** -data["decimals"]["price"]
    whole = numbers(drawn["hold"])
    assert whole[-1] / 100_000 - 1 == pytest.approx(result.metrics["benchmark_return"], abs=1e-7)
    first = int(equity["bar"][0])
    assert data["trades"]["from"] == (result.trades["entry_bar"] - first).to_list()
    assert data["trades"]["stop"] == pytest.approx(result.trades["stop_price"].to_list(), rel=1e-8)
    signed = numbers(drawn["signal"])
    decisions = result.decisions
    wanted = decisions["raw_signal"].to_numpy() * np.nan_to_num(decisions["confidence"].to_numpy())
    assert np.abs(signed - wanted).max() < 1e-4


def test_conventions_and_manifest_are_whole(page: Page, finished: Finished) -> None:
    rows = {row["name"]: row["value"] for number in (0, 1) for row in page.table("made", number)}
    result = finished.result
    assert rows["result_hash"] == result.result_hash
    assert rows["rules.execution.exits.stop_loss.rate"] == "0.004"
    assert rows["day_rule"] == result.conventions["day_rule"]
    assert json.loads(rows["not_modelled"]) == list(result.conventions["not_modelled"])
    for name, value in result.manifest["parts"].items():
        assert rows[f"parts.{name}"] == value
    assert set(result.manifest) - {"conventions", "warnings"} <= {name.split(".")[0] for name in rows}


def test_warnings_come_first(page: Page, finished: Finished) -> None:
    main = page.raw[page.raw.index("<main>") :]
    assert main.index(finished.result.warnings[0][:30]) < main.index('id="metrics"')


def test_the_page_allows_itself_and_nothing_else(page: Page) -> None:
    (style,) = page.root.all("style")
    scripts = page.root.all("script")
    data, program = scripts
    assert data.attributes["type"] == "application/json"
    policy = page.policy
    assert policy["default-src"] == ["'none'"]
    assert policy["style-src"] == [hash_of("".join(style.texts))]
    assert policy["script-src"] == [hash_of("".join(program.texts))]
    for element in page.elements:
        assert not {name for name in element.attributes if name.startswith("on") or name in ("style", "src")}
        assert element.tag not in {"link", "img", "iframe", "object", "base", "form"}
    links = {one.attributes["href"] for one in page.root.all("a") if not one.attributes["href"].startswith("#")}
    assert links == {"https://www.tradingview.com/"}
    assert "Apache License 2.0" in page.root.all("footer")[0].text


def test_text_stays_text(finished: Finished) -> None:
    result = finished.result
    facts = {**result.facts, "strategy": NASTY, "model": NASTY}
    nasty = dataclasses.replace(result, facts=facts, warnings=(NASTY, "& <b>"))
    page = Page(backtest_report(nasty, finished.folder))
    assert len(page.root.all("script")) == 2
    assert page.root.all("img") == page.root.all("b") == []
    assert page.root.all("h1")[0].text.replace("\n", "") == f"{NASTY} EURUSD 1h"
    assert page.root.all("title")[0].text == f"{NASTY} EURUSD 1h"
    assert page.root.all("li")[0].text == NASTY
    assert "<b>bold</b> & 'quoted'" in page.root.all("header")[0].text


def test_equal_runs_give_equal_pages(page: Page, finished: Finished) -> None:
    assert backtest_report(finished.result, finished.folder) == page.raw


@pytest.mark.parametrize(
    ("timeframe", "reason"),
    [(Timeframe.H1, "changed since the run: bars EURUSD 1h"), (Timeframe.H4, "changed since the run: bars EURUSD 4h")],
)
def test_changed_bars_are_not_drawn(finished: Finished, tmp_path: Path, timeframe: Timeframe, reason: str) -> None:
    for known in (Timeframe.H1, Timeframe.H4):
        frame = pl.read_parquet(Repository(finished.folder).path("EURUSD", known))
        if known == timeframe:
            row = pl.int_range(pl.len()) == 900 // (known.seconds // 3600)
            frame = frame.with_columns(volume=pl.when(row).then(7.0).otherwise("volume"))
        frame.write_parquet(Repository(tmp_path).path("EURUSD", known))
    page = Page(backtest_report(finished.result, tmp_path))
    assert f"Drawn without candles: {reason}." in page.id("curves").text
    assert "close" not in page.data["overview"]
    assert "hold" not in page.data["overview"]
    assert len(rows_of(page.id("trades"))) == finished.result.trades.height


def test_bars_that_are_gone_are_not_drawn(finished: Finished, tmp_path: Path) -> None:
    page = Page(backtest_report(finished.result, tmp_path))
    assert "Drawn without candles: the bars cannot be read again: EURUSD" in page.id("curves").text


def test_a_result_out_of_its_store_says_so(finished: Finished) -> None:
    page = Page(backtest_report(pickle.loads(pickle.dumps(finished.result))))
    assert "Drawn without candles: the bars did not travel with this result." in page.id("curves").text


def test_a_run_from_arrays() -> None:
    frame = worlds.frame(300, seed=5)
    signals = np.tile([1, 0, 0, -1, 0], 60)
    result = ktrdr.simulate(frame, signals, symbol="X", execution={"exits": {"stop_loss": {"rate": 0.003}}})
    page = Page(backtest_report(result))
    assert page.root.all("h1")[0].text == "Simulation 1h"
    assert np.abs(candles(page.data["overview"])["high"] - frame["high"].to_numpy()).max() < 1e-5
    hold = numbers(page.data["overview"]["hold"])
    assert hold[-1] / 100_000 - 1 == pytest.approx(result.metrics["benchmark_return"], abs=1e-7)


@pytest.mark.parametrize("bars", [1, 2, 40])
def test_a_run_without_a_trade(bars: int) -> None:
    result = ktrdr.simulate(worlds.frame(bars), np.zeros(bars), timeframe="1h")
    page = Page(backtest_report(result))
    assert "No trade was closed." in page.id("list").text
    assert len(numbers(page.data["overview"]["equity"])) == bars


def test_what_is_written_is_what_is_made(finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(finished.folder))
    written = finished.result.report(tmp_path / "run.html")
    assert written.read_text("utf-8") == backtest_report(finished.result)
    with pytest.raises(ktrdr.KtrdrError, match=re.escape("cannot be written")):
        finished.result.report(tmp_path / "nowhere" / "run.html")


def test_a_fresh_result_is_drawn_as_the_stored_one(page: Page, finished: Finished) -> None:
    arguments = {"start": "2024-01-20", "execution": finished.result.facts["rules"]["execution"]}
    fresh = ktrdr.backtest(worlds.strategy("mtf"), "EURUSD", "1h", data_dir=finished.folder, threads=1, **arguments)
    assert fresh.result_hash == finished.result.result_hash
    assert Page(backtest_report(fresh)).data == page.data
