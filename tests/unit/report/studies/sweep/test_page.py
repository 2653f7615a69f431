"""The page of a sweep: every number is the frame's to what is printed; no script of others, no number made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ktrdr
from ktrdr import _core
from ktrdr.analysis.statistics.sharpe import expected_maximum
from ktrdr.analysis.sweep.chunks import Chunk
from ktrdr.analysis.sweep.job import SweepRun
from ktrdr.analysis.sweep.result import SweepResult
from ktrdr.operations.models import Outcome
from ktrdr.report.studies.sweep import page as sweep_page
from ktrdr.report.studies.sweep.page import sweep_report
from support.inputs import worlds
from support.report_page import Element, Page, hash_of, is_printed, rows_of

THRESHOLD = "decisions.confidence_threshold"
RATE = "execution.commission.rate"
STOP = "execution.exits.stop_loss"
GRID = {THRESHOLD: [0.2, 0.1, 0.5, 0.9], RATE: [0.0, 0.0001, 0.002], STOP: [None, {"rate": 0.02}]}


@pytest.fixture(scope="module")
def result() -> SweepResult:
    random = np.random.default_rng(5)
    signals = random.choice([-1, 0, 1], 1_500, p=[0.02, 0.96, 0.02]).astype(np.int8)
    return ktrdr.sweep(worlds.frame(1_500), signals, random.random(1_500), grid=GRID)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def page(result: SweepResult) -> Page:
    return Page(sweep_report(result))


def table_of(page: Page, heading: str) -> Element:
    """The first table of the section of a heading."""
    (section,) = (one for one in page.root.all("section") if any(h.text.startswith(heading) for h in one.all("h2")))
    return section.all("table")[0]


def printed(text: str, value: float | None) -> bool:
    """True if a text is a value, a rate in per cent, to the digits that it shows."""
    return is_printed(text, value)


def test_the_scenarios_are_the_frames(page: Page, result: SweepResult) -> None:
    rows = rows_of(table_of(page, "Scenarios"))
    assert len(rows) == len(result) == 24
    ratios = [row["sharpe"] for row in result.table.sort("sharpe", descending=True, nulls_last=True).to_dicts()]
    assert [row["sharpe"] == "-" for row in rows] == [value is None for value in ratios]
    for row in rows:
        known = result.table.row(int(row["scenario"]), named=True)
        for name in (
            "sharpe",
            "total_return",
            "cagr",
            "max_drawdown",
            "profit_factor",
            "win_rate",
            "trades",
            "exposure",
        ):
            assert printed(row[name.replace("_", " ")], known[name]), name
        assert float(row[THRESHOLD]) == known[THRESHOLD]
        assert row[STOP] == ("none" if known[STOP] == "null" else "rate 0.02")


@pytest.mark.parametrize("metric", ["sharpe", "total_return", "max_drawdown"])
@pytest.mark.parametrize("pair", [(THRESHOLD, RATE), (THRESHOLD, STOP), (RATE, STOP)])
def test_the_cells_are_the_heat_maps(page: Page, result: SweepResult, metric: str, pair: tuple[str, str]) -> None:
    axes = f"{pair[0]} by {pair[1]}"
    (found,) = (
        one for one in page.root.all("figure")
        if one.attributes.get("data-axes") == axes and one.attributes["data-metric"] == metric.replace("_", " ")
    )  # fmt: skip
    wide = result.heat_map(metric, *pair)
    body = found.all("tbody")[0].all("tr")
    if pair[1] == STOP:
        wide = wide.select(pair[0], "null", '{"rate": 0.02}')
    for row, known in zip(body, wide.rows(), strict=True):
        assert float(row.all("th")[0].text) == known[0]
        for cell, value in zip(row.all("td"), known[1:], strict=True):
            assert printed(cell.text, value)
            scenario = int(cell.attributes["title"].split("scenario ")[1].split(",")[0])
            assert result.table[metric][scenario] == value
    titles = {
        cell.attributes["title"].partition(",")[0]
        for row in body
        for cell in row.all("td")
        if "best" in cell.attributes["class"]
    }
    best = result.best(metric).metrics[metric]
    assert all(printed(title, best) for title in titles) and len(titles) == 1


def test_the_best_is_the_results_with_its_doubt(page: Page, result: SweepResult) -> None:
    best = result.best()
    assert f"scenario {best.scenario}" in page.root.all("h2")[0].text
    rules = {row["rule"].partition(" (")[0]: row["value"] for row in rows_of(table_of(page, "Best by"))}
    assert float(rules[THRESHOLD]) == best.parameters[THRESHOLD]
    doubt = {row["measure"]: row["value"] for row in rows_of(table_of(page, "Is it more"))}
    assert printed(doubt["DSR"], best.dsr) and printed(doubt["PBO"], best.pbo)
    assert printed(doubt["its Sharpe ratio"], best.metrics["sharpe"])
    luck = float(doubt["that of the best of so many without skill (expected)"])
    filled = result.table["sharpe"].fill_null(0.0)
    spread = max(filled.std(), result.table["sharpe"].drop_nulls().std())  # type: ignore[type-var, arg-type]
    assert luck == pytest.approx(spread * expected_maximum(24), rel=2e-3)
    metrics = {row["metric"].replace(" ", "_"): row["value"] for row in rows_of(table_of(page, "Every metric"))}
    assert metrics.keys() == _core.METRICS.keys()
    assert all(printed(metrics[name], value) for name, value in best.metrics.items())


def test_distribution_neighbours_and_rules_are_the_frames(page: Page, result: SweepResult) -> None:
    table = result.table
    for row in rows_of(table_of(page, "Distribution")):
        column = table[row["metric"].replace(" ", "_")]
        shares = {"least": 0.0, "5 %": 0.05, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "95 %": 0.95, "greatest": 1.0}
        assert all(printed(row[name], column.quantile(share, "linear")) for name, share in shares.items())
    first, *others = rows_of(table_of(page, "Neighbours"))
    assert int(first["scenario"]) == result.best().scenario
    for row in others:
        known = table.row(int(row["scenario"]), named=True)
        best = table.row(result.best().scenario, named=True)
        assert [name for name in GRID if known[name] != best[name]] == [row["changed rule"]]
        assert printed(row["sharpe"], known["sharpe"]) and printed(row["total return"], known["total_return"])
    for name in (THRESHOLD, RATE):
        for row in rows_of(table_of(page, f"Rule: {name}")):
            group = table.filter((pl.col(name) - float(row["value"])).abs() < 1e-12)["sharpe"].drop_nulls()
            assert int(row["scenarios"]) == len(result) // len(GRID[name])
            assert printed(row["best"], group.max()) and printed(row["median"], group.median())  # type: ignore[arg-type]
            assert printed(row["worst"], group.min())  # type: ignore[arg-type]


def test_the_policy_allows_the_pages_own_script_alone(page: Page) -> None:
    (script,) = page.root.all("script")
    assert page.policy["script-src"] == [hash_of(script.texts[0])]
    assert page.policy["default-src"] == ["'none'"]
    assert not any(name.startswith("on") or name == "style" for one in page.elements for name in one.attributes)


def test_a_stored_sweep_has_its_warnings_first_and_its_whole_manifest(result: SweepResult) -> None:
    facts = {
        "strategy": "<b>mine</b>", "symbol": "EURUSD", "timeframe": "1h", "operation": "sweep_1", "model": "mine/1h_v1",
        "first_simulated": "2024-01-02", "last_simulated": "2024-03-01", "parameters": list(GRID),
        "periods_per_year": result.periods_per_year, "risk_free_rate": 0.0,
    }  # fmt: skip
    table = result.table.with_columns(error=pl.when(pl.col("scenario") == 3).then(pl.lit("price_invalid: no price")))
    outcome = Outcome("ab" * 32, "cd", {}, facts, ("a warning",))
    page = Page(sweep_report(SweepRun(outcome, [Chunk(0, table, result.blocks)])))
    assert page.root.all("h1")[0].text == "Sweep <b>mine</b> EURUSD 1h"
    assert [one.text for one in page.root.all("li")] == ["a warning", "1 of 24 scenarios cannot be traded"]
    failed = rows_of(table_of(page, "Scenarios that cannot"))
    assert failed == [{"reason": "price_invalid: no price", "scenarios": "1", "the first": "3"}]
    manifest = {row["name"]: row["value"] for row in rows_of(table_of(page, "Manifest"))}
    assert facts.keys() <= manifest.keys()
    assert manifest["result_hash"] == "ab" * 32
    assert manifest[f"tried.{THRESHOLD}"] == "[0.1, 0.2, 0.5, 0.9]"


def test_a_sweep_without_a_trade_says_so() -> None:
    found = ktrdr.sweep(worlds.frame(40), np.zeros(40, np.int8), grid={THRESHOLD: [0.5, 0.6], RATE: [0.0, 0.1]})
    page = Page(sweep_report(found))
    assert "No scenario has a Sharpe ratio." in page.root.all("main")[0].text


def test_one_rule_is_a_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    signals = np.tile(np.array([1, 0, 0, -1, 0, 0], np.int8), 100)
    found = ktrdr.sweep(worlds.frame(600), signals, grid={RATE: [0.0, 0.001, 0.002]})
    monkeypatch.setattr(sweep_page, "MOST_SCENARIOS", 2)
    page = Page(sweep_report(found))
    assert page.root.all("figure")[-1].all("polyline")
    assert not any("data-axes" in one.attributes for one in page.root.all("figure"))
    assert len(rows_of(table_of(page, "Scenarios"))) == 2


def test_results_have_the_door(result: SweepResult, tmp_path: Path) -> None:
    assert result.report(tmp_path / "a.html").read_text("utf-8") == sweep_report(result)
