"""Studies of a grid: the same scenarios for the same seed, each run once and equal to `ktrdr.simulate`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest

import ktrdr
from ktrdr import _core
from ktrdr.analysis.sweep.chunks import Market
from ktrdr.analysis.sweep.scenarios import nested
from ktrdr.analysis.sweep.study.parameters import BATCH
from ktrdr.errors import ArgumentInvalid, Cancelled

pytest.importorskip("optuna", reason="ktrdr[study] is not installed")

GRID: Mapping[str, Any] = {
    "decisions.confidence_threshold": np.linspace(0.0, 0.95, 20),
    "execution.commission.rate": np.linspace(0.0, 0.001, 11),
    "execution.allow_short": [True, False],
    "execution.exits.stop_loss": [None, {"rate": 0.01}, {"rate": 0.02}],
}


@pytest.fixture(scope="module")
def market() -> tuple[pl.DataFrame, Any, Any]:
    random = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.002, 3_000)))
    opened = np.concatenate([[100.0], close[:-1]])
    bars = pl.DataFrame(
        {
            "timestamp": np.arange(3_000) * 300_000_000_000,
            "open": opened,
            "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
            "close": close,
        }
    )
    signals = random.integers(-1, 2, 3_000).astype(np.int8) * (random.random(3_000) < 0.1)
    return bars, signals, random.random(3_000).astype(np.float32)


@pytest.fixture
def run_scenarios(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The numbers of scenarios that the core was asked to run."""
    ran: list[int] = []
    real = Market.run

    def run(self: Market, scenarios: Any, *rest: Any) -> Any:
        ran.append(len(scenarios))
        return real(self, scenarios, *rest)

    monkeypatch.setattr(Market, "run", run)
    yield ran


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_equal_seeds_ask_for_equal_scenarios(market: Any, sampler: Any, run_scenarios: list[int]) -> None:
    """The number of threads decides nothing; another seed asks for others."""
    first, again = (ktrdr.sweep(*market, grid=GRID, trials=60, sampler=sampler, seed=5, threads=n) for n in (1, 3))
    assert first.table.equals(again.table)
    assert np.array_equal(first.blocks, again.blocks, equal_nan=True)
    assert sum(run_scenarios) == 2 * len(first)
    assert max(run_scenarios) <= BATCH
    other = ktrdr.sweep(*market, grid=GRID, trials=60, sampler=sampler, seed=6)
    assert not first.table.equals(other.table)


def test_each_scenario_is_a_run_of_its_own(market: Any) -> None:
    found = ktrdr.sweep(*market, grid=GRID, trials=50, seed=1)
    names = [name for name in GRID if name != "execution.exits.stop_loss"]
    assert found.table["scenario"].to_list() == list(range(len(found)))
    assert found.table.select(list(GRID)).is_unique().all()
    for row in found.table.to_dicts()[:: len(found) // 9]:
        stop = json.loads(row["execution.exits.stop_loss"])
        rules = nested({name: row[name] for name in names})
        rules["execution"]["exits"] = {"stop_loss": stop}
        run = ktrdr.simulate(*market, execution=rules["execution"], decisions=rules["decisions"])
        assert {name: row[name] for name in _core.METRICS} == dict(run.metrics)
    best = found.best()
    assert best.trials == len(found) and best.metrics["sharpe"] == found.table["sharpe"].max()


def test_what_is_asked_for_again_is_not_run_again(market: Any, run_scenarios: list[int]) -> None:
    found = ktrdr.sweep(*market, grid={"decisions.confidence_threshold": [0.0, 0.5, 0.9]}, trials=100)
    assert (len(found), sum(run_scenarios)) == (3, 3)


def test_one_scenario_can_be_studied(market: Any) -> None:
    assert len(ktrdr.sweep(*market, grid={"decisions.confidence_threshold": [0.5]}, trials=20)) == 1


def test_a_grid_may_be_larger_than_any_memory(market: Any) -> None:
    grid = {name: np.linspace(0, 0.01, 300) for name in ("execution.commission.rate", "execution.slippage.rate")}
    grid |= {
        "decisions.confidence_threshold": np.linspace(0, 0.9, 300),
        "execution.spread.half": np.linspace(0, 0.1, 300),
    }
    assert len(ktrdr.sweep(*market, grid=grid, trials=16)) == 16


def test_a_metric_that_is_better_when_lower_is_sought_downwards(market: Any) -> None:
    found = ktrdr.sweep(*market, grid=GRID, trials=80, metric="max_drawdown", seed=2)
    half = len(found) // 2
    assert found.table["max_drawdown"][half:].mean() < found.table["max_drawdown"][:half].mean()  # type: ignore[operator]


def test_scenarios_without_a_value_count_as_the_worst(market: Any) -> None:
    """No trade at all above the highest confidence, and no price left under a spread of twice the price."""
    bars, signals, _ = market
    idle = ktrdr.sweep(bars, signals * 0, grid={"execution.commission.rate": np.linspace(0, 0.1, 50)}, trials=40)
    assert idle.table["sharpe"].null_count() == len(idle) > 10
    grid = {"execution.spread.half": np.linspace(0, 1_000, 50)}
    failed = ktrdr.sweep(bars, signals, grid=grid, trials=40)
    assert failed.table["error"].count() > 0 and failed.best().parameters


def test_it_stops_between_two_batches(market: Any) -> None:
    class AfterTwo:
        asked = 0

        def is_cancelled(self) -> bool:
            self.asked += 1
            return self.asked > 2

    with pytest.raises(Cancelled, match="trial 32 of 60"):
        ktrdr.sweep(*market, grid=GRID, trials=60, cancellation_token=AfterTwo())


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"trials": 0}, "trials"),
        ({"trials": 1.5}, "trials"),
        ({"trials": 10, "sampler": "gp"}, "sampler"),
        ({"trials": 10, "seed": -1}, "seed"),
        ({"trials": 10, "metric": "no_such"}, "metric"),
        ({"trials": 10, "metric": "trades"}, "metric"),
        ({"sampler": "tpe"}, "sampler"),
        ({"seed": 0}, "seed"),
        ({"metric": "sharpe"}, "metric"),
        ({"trials": 10, "grid": None}, "grid"),
        ({"trials": 10, "grid": {}}, "grid"),
        ({"trials": 10, "grid": None, "scenarios": [{"execution.commission.rate": 0}]}, "scenarios"),
        (
            {"trials": 10, "grid": {f"execution.sizing.{name}": range(1, 500) for name in ("fraction", "quantity")}},
            "execution.sizing",
        ),
    ],
)
def test_a_fault_is_named(market: Any, given: dict[str, Any], where: str) -> None:
    with pytest.raises(ArgumentInvalid) as caught:
        ktrdr.sweep(*market, **{"grid": GRID} | given)
    assert caught.value.where == where
