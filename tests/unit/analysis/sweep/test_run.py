"""``ktrdr.sweep``: each scenario is a run of `ktrdr.simulate`, to the last bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest

import ktrdr
from ktrdr import _core
from ktrdr.analysis.statistics.overfitting import probability_of_overfitting
from ktrdr.analysis.statistics.sharpe import Moments, deflated_sharpe
from ktrdr.analysis.sweep import chunks
from ktrdr.analysis.sweep.scenarios import nested
from ktrdr.errors import ArgumentInvalid, Cancelled, FillPrice

FIVE_MINUTES_NS = 300_000_000_000
GRID: Mapping[str, Any] = {
    "decisions.confidence_threshold": [0.0, 0.6, 0.9],
    "execution.commission.rate": [0.0, 0.001],
    "execution.exits.stop_loss": [None, {"rate": 0.01}, {"atr": 2.0}],
}


def market(rows: int, seed: int = 3) -> tuple[pl.DataFrame, Any, Any]:
    """A walk of 5-minute bars with an ATR, and signals on a tenth of them."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.002, rows)))
    start = np.concatenate([[100.0], close[:-1]])
    bars = pl.DataFrame(
        {
            "timestamp": np.arange(rows) * FIVE_MINUTES_NS,
            "open": start,
            "high": np.maximum(start, close) * (1 + 0.001 * rng.random(rows)),
            "low": np.minimum(start, close) * (1 - 0.001 * rng.random(rows)),
            "close": close,
            "atr": 0.2 + rng.random(rows),
        }
    )
    signals = rng.integers(-1, 2, rows).astype(np.int8) * (rng.random(rows) < 0.1)
    return bars, signals, rng.random(rows).astype(np.float32)


@pytest.mark.parametrize("threads", [1, 3])
def test_each_scenario_is_a_run_of_its_own(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_MOST", 5)
    monkeypatch.setattr(chunks, "_FEWEST", 5)
    bars, signals, confidence = market(6_000)
    execution: Any = {"sizing": {"fraction": 1}, "on_opposite": "reverse"}
    given: dict[str, Any] = {"warmup_bars": 7, "initial_capital": 5_000.0, "metrics": {"risk_free_rate": 0.01}}
    found = ktrdr.sweep(bars, signals, confidence, grid=GRID, execution=execution, threads=threads, **given)
    assert len(found) == 18
    for row in found.table.to_dicts():
        changes = nested({name: row[name] for name in GRID if name != "execution.exits.stop_loss"})
        stop = GRID["execution.exits.stop_loss"][row["scenario"] % 3]
        rules = {**execution, **changes["execution"], "exits": {"stop_loss": stop}}
        run = ktrdr.simulate(bars, signals, confidence, execution=rules, decisions=changes["decisions"], **given)
        assert {name: row[name] for name in _core.METRICS} == dict(run.metrics)
        assert [tuple(block) for block in found.blocks[row["scenario"]]] == list(run.blocks or ())
        assert row["error"] is None


def test_booleans_are_swept_as_they_are_simulated() -> None:
    bars, signals, _ = market(500)
    columns: dict[str, Any] = {"entries": signals > 0, "exits": signals < 0}
    found = ktrdr.sweep(bars, scenarios=[{"execution.slippage.rate": 0.0}], **columns)
    run = ktrdr.simulate(bars, execution={"slippage": {"rate": 0.0}}, **columns)
    assert {name: found.table[name][0] for name in _core.METRICS} == dict(run.metrics)


@pytest.mark.parametrize(
    ("fills", "shared", "where"),
    [
        (["next_open", "this_close"], {}, " in 2 of 4 scenarios"),
        (["this_close"], {}, ""),
        (None, {"fill": "this_close"}, ""),
        (None, {}, None),
        (["next_open"], {"fill": "this_close"}, None),
    ],
)
def test_scenarios_that_trade_at_the_close_that_decided_them_are_warned_of(
    fills: list[str] | None, shared: Any, where: str | None
) -> None:
    bars, signals, _ = market(200)
    grid: dict[str, Any] = {"execution.slippage.rate": [0.0, 0.001]}
    found = ktrdr.sweep(
        bars, signals, execution=shared, grid=grid if fills is None else grid | {"execution.fill": fills}
    )
    line = f"execution.fill is this_close{where}: orders trade at the close that decided them (optimistic)"
    assert found.warnings == (() if where is None else (line,))
    if where == "":
        assert line in ktrdr.simulate(bars, signals, execution={"fill": "this_close"}).warnings


def test_scenarios_whose_bars_fill_the_target_first_are_warned_of() -> None:
    bars, signals, _ = market(200)
    rules = ["pessimistic", "optimistic", "ohlc"]
    line = "execution.intrabar is optimistic{}: a bar that touches stop and target fills the target (optimistic)"
    found = ktrdr.sweep(bars, signals, grid={"execution.intrabar": rules, "execution.slippage.rate": [0.0, 0.001]})
    assert found.warnings == (line.format(" in 2 of 6 scenarios"),)
    found = ktrdr.sweep(bars, signals, execution={"intrabar": rules[1]}, grid={"execution.slippage.rate": [0.0]})
    assert found.warnings == (line.format(""),)


def test_a_scenario_that_cannot_be_traded_has_the_error_of_its_run() -> None:
    bars, signals, _ = market(200)
    found = ktrdr.sweep(bars, signals, grid={"execution.spread.half": [0.0, 1_000.0]})
    with pytest.raises(FillPrice) as caught:
        ktrdr.simulate(bars, signals, execution={"spread": {"half": 1_000.0}})
    assert found.table["error"].to_list() == [None, f"fill_price: {caught.value.what}"]
    assert found.table["final_equity"][1] is None
    assert "1 that cannot be traded" in repr(found)


def test_the_best_scenario_is_doubted_by_all_of_them() -> None:
    bars, signals, confidence = market(9_000)
    grid: Any = {
        "decisions.confidence_threshold": list(np.linspace(0, 0.9, 6)),
        "execution.slippage.rate": [0.0, 0.001],
    }
    found = ktrdr.sweep(bars, signals, confidence, grid=grid)
    best = found.best()
    ratios = found.table["sharpe"].to_list()
    assert best.metrics["sharpe"] == max(ratios)
    assert best.parameters == {name: found.table[name][best.scenario] for name in grid}
    days = found.periods_per_year
    moments = Moments.of_metrics(best.metrics, days)
    assert moments is not None
    assert best.dsr == deflated_sharpe(moments, [ratio / days**0.5 for ratio in ratios])
    assert best.pbo == probability_of_overfitting(found.blocks)
    assert best.trials == 12
    assert found.best("max_drawdown").metrics["max_drawdown"] == found.table["max_drawdown"].min()
    with pytest.raises(ArgumentInvalid):
        found.best("exposure")


def test_a_heat_map_has_the_best_of_the_other_parameters() -> None:
    bars, signals, confidence = market(2_000)
    found = ktrdr.sweep(bars, signals, confidence, grid=GRID)
    wide = found.heat_map("net_profit")
    assert wide.columns == ["decisions.confidence_threshold", "0.0", "0.001"]
    least = (pl.col("decisions.confidence_threshold") == 0.6) & (pl.col("execution.commission.rate") == 0.001)
    assert wide["0.001"][1] == found.table.filter(least)["net_profit"].max()
    assert found.plot().to_dict()["mark"] == {"type": "rect"}
    with pytest.raises(ArgumentInvalid):
        found.heat_map(rows="execution.allow_short")


def test_a_notebook_shows_the_best_and_the_doubt() -> None:
    bars, signals, confidence = market(6_000)
    page = ktrdr.sweep(bars, signals, confidence, grid=GRID)._repr_html_()
    assert "18 scenarios; the best by Sharpe ratio beside so many trials: DSR" in page
    assert page.count("<tr>") == 11
    short = ktrdr.sweep(bars[:20], signals[:20], grid={"execution.slippage.rate": [0.0]})
    assert short._repr_html_() == "<p>&lt;SweepResult: 1 scenario, best sharpe none&gt;</p>"
    with pytest.raises(ArgumentInvalid, match=r"expected a sweep of two rules: this one has execution.slippage.rate"):
        short.heat_map()


class Stop:
    """Asks to stop after so many looks, and keeps the reports."""

    def __init__(self, looks: int) -> None:
        self.looks = looks
        self.done: list[tuple[int, int | None]] = []

    def is_cancelled(self) -> bool:
        self.looks -= 1
        return self.looks < 0

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        assert phase == "sweep"
        self.done.append((done, total))


def test_a_sweep_is_followed_and_stopped_between_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_MOST", 4)
    monkeypatch.setattr(chunks, "_FEWEST", 4)
    bars, signals, confidence = market(300)
    stop = Stop(2)
    with pytest.raises(Cancelled, match="scenario 8 of 18"):
        ktrdr.sweep(bars, signals, confidence, grid=GRID, bridge=stop, cancellation_token=stop)
    assert stop.done == [(0, 18), (4, 18), (8, 18)]


def test_an_argument_that_a_sweep_does_not_have_is_refused_with_those_it_has() -> None:
    bars, signals, confidence = market(50)
    wrong: Mapping[str, Any] = {"foo": 1}
    with pytest.raises(TypeError, match=r"^sweep\(\) .* 'foo'; known here: bars, .*, grid, .*, trials, sampler, .*"):
        ktrdr.sweep(bars, signals, confidence, grid=GRID, **wrong)
    misspelt: Mapping[str, Any] = {"trial": 1}
    with pytest.raises(TypeError, match=r"^sweep\(\) .* 'trial'; did you mean trials\?$"):
        ktrdr.sweep(bars, signals, confidence, grid=GRID, **misspelt)


def test_whole_numbers_stay_whole_and_the_best_scenario_can_be_run_again() -> None:
    bars, signals, _ = market(500)
    name = "execution.exits.max_holding_bars"
    columns: list[Any] = [[1, 2, 5], [None, 2], np.array([1, 2])]
    for given in columns:
        found = ktrdr.sweep(bars, signals, grid={name: given})
        best = found.best("net_profit")
        assert found.table.schema[name] == pl.Int64
        assert found.table[name].to_list() == list(given)
        again = ktrdr.sweep(bars, signals, scenarios=[best.parameters])
        assert again.best("net_profit").metrics == best.metrics
    numpy: Any = np.int64(5)
    listed = ktrdr.sweep(bars, signals, scenarios=[{name: numpy}]).best("net_profit").parameters
    assert (listed, type(listed[name])) == ({name: 5}, int)


def test_a_group_of_the_best_scenario_is_a_mapping_and_can_be_run_again() -> None:
    bars, signals, _ = market(500)
    groups: Any = [{}, {"stop_loss": {"rate": 0.01}, "max_holding_bars": 5}]
    for group in groups:
        found = ktrdr.sweep(bars, signals, scenarios=[{"execution.exits": group}])
        best = found.best("net_profit")
        assert found.table.schema["execution.exits"] == pl.String
        assert best.parameters == {"execution.exits": group}
        again = ktrdr.sweep(bars, signals, scenarios=[best.parameters])
        assert again.best("net_profit").metrics == best.metrics
