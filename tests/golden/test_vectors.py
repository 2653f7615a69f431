"""The published vectors of fills and metrics, by the reference and through `ktrdr.simulate`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from reference.case import DAY_NS, Case
from reference.money import Bars
from support.runs.core import CoreOutcome, run_door
from support.runs.hand_cases import case_of

Run = Callable[[Case], CoreOutcome]
BOTH = {"stop_loss": {"rate": 0.02}, "take_profit": {"rate": 0.03}}


def by_reference(case: Case) -> CoreOutcome:
    """The reference's outcome in columns."""
    outcome = case.outcome()
    tables = {
        name: {key: [row[key] for row in rows] for key in (rows[0] if rows else ())}
        for name in ("fills", "trades", "equity", "refused")
        for rows in [getattr(outcome, name)]
    }
    return CoreOutcome(tables, outcome.measures.values, outcome.measures.undefined, outcome.measures.blocks)


@pytest.fixture(params=[by_reference, run_door], ids=["reference", "core"])
def run(request: pytest.FixtureRequest) -> Run:
    found: Run = request.param
    return found


def last_fill(outcome: CoreOutcome) -> tuple[float, str]:
    return outcome.tables["fills"]["price"][-1], outcome.tables["fills"]["reason"][-1]


def entered(side: int, bars: list[Any], exits: dict[str, Any], **execution: Any) -> Case:
    """A position entered at 100 on bar 1, then these bars."""
    return case_of([100.0, 100.0, *bars], {0: side}, {"exits": exits, **execution})


def at(price: float, reason: str) -> tuple[Any, str]:
    return pytest.approx(price, rel=1e-12), reason


def test_f1_f2_f9_stops(run: Run) -> None:
    stop = {"stop_loss": {"rate": 5 / 105}}
    assert last_fill(run(case_of([105.0, 105.0, 90.0], {0: 1}, {"exits": stop}))) == at(90, "stop_loss")
    bars = [105.0, 105.0, (102.0, 102.0, 98.0, 99.0)]
    assert last_fill(run(case_of(bars, {0: 1}, {"exits": stop}))) == at(100, "stop_loss")
    stop = {"stop_loss": {"rate": 0.005 / 1.1}}
    assert last_fill(run(case_of([1.1, 1.1, 1.09], {0: 1}, {"exits": stop}))) == at(1.09, "stop_loss")


@pytest.mark.parametrize(
    ("intrabar", "long", "short"), [("pessimistic", 98, 102), ("optimistic", 103, 97), ("ohlc", 98, 102)]
)
def test_f3_f18_both_levels_in_one_bar(run: Run, intrabar: str, long: float, short: float) -> None:
    found = run(entered(1, [(100.0, 104.0, 97.0, 101.0)], BOTH, intrabar=intrabar))
    assert last_fill(found)[0] == pytest.approx(long, rel=1e-12)
    found = run(entered(-1, [(100.0, 103.0, 96.0, 99.0)], BOTH, intrabar=intrabar))
    assert last_fill(found)[0] == pytest.approx(short, rel=1e-12)


def test_f4_f5_currencies(run: Run) -> None:
    found = run(case_of([1.1, 1.1, 1.101], {0: 1}, quantity=100_000.0, capital=200_000.0))
    assert found.tables["trades"]["net_pnl"] == [pytest.approx(100, abs=1e-9)]
    rates = [1 / 150, 1 / 150, 1 / 149.25]
    prices = [150.0, 150.0, 149.25]
    found = run(case_of(prices, {0: -1}, quantity=50_000.0, capital=200_000.0, conversion_rate=rates))
    assert found.tables["trades"]["net_pnl"] == [pytest.approx(37_500 / 149.25, abs=1e-8)]


def test_f7_borrowing(run: Run) -> None:
    financing = {"financing": {"short_rate": 0.03, "day_count": 360.0}}
    case = case_of([50.0] * 12, {0: -1}, financing, quantity=100.0, capital=100_000.0, spacing_ns=DAY_NS)
    assert run(case).values["financing"] == pytest.approx(100 * 50 * 0.03 * 10 / 360)


def test_f8_leverage(run: Run) -> None:
    margin = {"margin": {"max_leverage": 30.0, "maintenance": 0.5}}
    bars = [1.1, 1.1, (1.1, 1.1, 1.06, 1.065)]
    assert run(case_of(bars, {0: 1}, margin, quantity=30_000.0)).tables["refused"]["reason"] == ["margin"]
    found = run(case_of(bars, {0: 1}, margin, quantity=20_000.0))
    assert last_fill(found) == at(1.1 - (1_000 - 1_100 / 3) / 20_000, "liquidation")
    assert found.values["final_equity"] == pytest.approx(1_100 / 3, abs=1e-8)


def test_f10_tick(run: Run) -> None:
    rules = {"slippage": {"rate": 1e-4}, "spread": {"half": 2e-5}, "instrument": {"tick_size": 1e-4}}
    for side, price in ((1, 1.1002), (-1, 1.0998)):
        found = run(case_of([1.10003] * 3, {0: side}, rules))
        assert found.tables["fills"]["price"][0] == pytest.approx(price, rel=1e-12)


def test_f11_f18_trailing(run: Run) -> None:
    long = (100.0, 106.0, 99.0, 104.0)
    expected = {("close", 103.0): 99.0, ("extreme", 103.0): 101.0, ("extreme", 100.5): 100.5}
    for (trail_on, open_), price in expected.items():
        case = case_of(
            [100.0, long, (open_, 104.0, 98.5, 101.0)],
            {0: 1},
            {"exits": {"trailing_stop": {"rate": 0.05}, "trail_on": trail_on}},
        )
        assert last_fill(run(case)) == at(price, "trailing_stop")
    for trail_on, price in (("close", 101.0), ("extreme", 99.0)):
        exits = {"trailing_stop": {"rate": 0.05}, "trail_on": trail_on}
        case = case_of([100.0, (100.0, 103.0, 94.0, 96.0), (97.0, 101.5, 97.0, 97.0)], {0: -1}, {"exits": exits})
        assert last_fill(run(case)) == at(price, "trailing_stop")
    assert last_fill(run(entered(-1, [96.0], BOTH))) == at(96, "take_profit")


def test_f12_holding_limit(run: Run) -> None:
    for fill, bars in (("next_open", [1, 3]), ("this_close", [0, 2])):
        found = run(case_of([100.0] * 6, {0: 1}, {"fill": fill, "exits": {"max_holding_bars": 2}}))
        assert found.tables["fills"]["bar"] == bars
        assert found.tables["fills"]["reason"] == ["signal", "max_holding"]


def test_f13_reversal(run: Run) -> None:
    rules = {
        "sizing": {"kind": "cash_fraction", "fraction": 0.25},
        "commission": {"rate": 0.001},
        "on_opposite": "reverse",
        "close_at_end": False,
    }
    found = run(case_of([100.0, 100.0, 110.0], {0: 1, 1: -1}, rules, capital=10_000.0))
    quantities = found.tables["fills"]["quantity"]
    assert quantities == pytest.approx([24.97502497, 24.97502497, 23.25970732], abs=5e-9)
    assert found.values["final_equity"] == pytest.approx(10_241.946927, abs=5e-7)


def test_f14_volatility_target(run: Run) -> None:
    sizing = {"sizing": {"kind": "volatility_target", "annual": 0.1, "window": 3}}
    bars = [100.0, 101.0, 100.0, 102.0, 102.0]
    found = run(case_of(bars, {3: 1}, sizing, capital=10_000.0, spacing_ns=DAY_NS))
    assert found.tables["fills"]["quantity"][0] == pytest.approx(36.57460484, abs=5e-9)


def test_f15_shrink(run: Run) -> None:
    rules = {
        "sizing": {"kind": "cash_fraction", "fraction": 1.0},
        "slippage": {"rate": 0.05},
        "commission": {"rate": 0.001},
        "instrument": {"lot_size": 1.0},
    }
    found = run(case_of([10.0, 10.0, 10.0], {0: 1}, rules))
    assert found.tables["fills"]["quantity"][0] == 95
    assert found.tables["equity"]["cash"][1] == pytest.approx(1.5025)


def test_f16_ambiguous(run: Run) -> None:
    rules = {"exits": BOTH, "slippage": {"rate": 0.001}, "commission": {"rate": 0.001}}
    found = run(case_of([100.0, 100.0, (100.0, 104.0, 97.0, 101.0)], {0: 1}, rules, quantity=10.0, capital=10_000.0))
    values = [found.values[key] for key in ("net_profit", "profit_pessimistic", "profit_optimistic")]
    assert values == pytest.approx([-22.981979, -22.981979, 27.997970], abs=5e-7)


def test_f17_liquidated_short(run: Run) -> None:
    sizing = {"sizing": {"kind": "cash_fraction", "fraction": 1.0}}
    found = run(case_of([100.0, 100.0, (100.0, 160.0, 100.0, 155.0)], {0: -1}, sizing, capital=10_000.0))
    assert last_fill(found) == at(150, "liquidation")
    assert found.values["final_equity"] == pytest.approx(5_000)


# Metrics


def weekdays(count: int) -> list[int]:
    days = [day for day in range(2 * count) if (day + 3) % 7 < 5]
    return days[:count]


def test_the_vector_of_returns(run: Run) -> None:
    returns = [0.010, -0.005, 0.007, -0.012, 0.004, 0, 0.015, -0.008, 0.003, 0.006, -0.002, 0.001]
    prices = []
    times = []
    price = 100.0
    for day, change in zip(weekdays(12), returns, strict=True):
        prices += [price, price * (1 + change)]
        times += [day * DAY_NS, day * DAY_NS + 3_600_000_000_000]
        price = prices[-1]
    rules = {"sizing": {"kind": "cash_fraction", "fraction": 1.0}, "fill": "this_close", "close_at_end": False}
    found = run(case_of(prices, {0: 1}, rules, capital=100.0, times=times))
    assert found.values["daily_returns"] == 12
    expected = {"sharpe": 3.287696, "sortino": 5.655735, "volatility": 0.121362, "ann_return": 0.479866}
    assert {key: found.values[key] for key in expected} == pytest.approx(expected, abs=1e-6)
    assert found.values["max_drawdown"] == pytest.approx(0.012)
    assert found.values["max_drawdown_daily"] == pytest.approx(0.012)


def test_the_vector_of_trades(run: Run) -> None:
    prices = [100.0]
    signals = {0: 1}
    for profit in [120, -80, 50, -40, 200, -150, 0, 30]:
        signals[len(prices)] = -1
        signals[len(prices) + 1] = 1
        prices += [100.0, 100 + profit / 10]
    found = run(case_of(prices, signals, quantity=10.0, capital=10_000.0))
    expected = {
        "profit_factor": 1.481481, "win_rate": 0.5, "expectancy": 16.25, "expectancy_rate": 0.01625, "sqn": 0.414214,
        "trades": 8, "wins": 4, "losses": 3,
    }  # fmt: skip
    assert {key: found.values[key] for key in expected} == pytest.approx(expected, abs=5e-7)


def test_the_vector_of_the_drawdown(run: Run) -> None:
    case = case_of([100.0, 100.0, 100.0, 98.0, 100.0], {0: 1}, capital=100.0)
    values = run(case).values
    assert (values["max_drawdown_bars"], values["recovery_bars"]) == (1, 1)


@pytest.mark.parametrize(("periods", "points"), [(252.0, [1, 3, 4]), (365.0, [1, 2, 3, 4])])
def test_the_day_rule(run: Run, periods: float, points: list[float]) -> None:
    friday = datetime(2024, 3, 1, 12, tzinfo=UTC)
    stamps = [friday, friday + timedelta(days=2, hours=10), friday + timedelta(days=3), friday + timedelta(days=3.5)]
    times = [int(stamp.timestamp()) * 1_000_000_000 for stamp in stamps]
    rules = {"fill": "this_close", "close_at_end": False}
    annual = {"periods_per_year": periods}
    found = run(case_of([1.0, 2.0, 3.0, 4.0], {0: 1}, rules, capital=1.0, times=times, metrics=annual))
    assert found.values["daily_returns"] == len(points)
    # One unit bought at 1 with a capital of 1: equity is the price. Traded notional 1.
    years = (times[-1] - times[0] + 3_600e9) / (365.25 * DAY_NS)
    assert found.values["turnover"] == pytest.approx(1 / (sum(points) / len(points)) / years)


# Real bars


def crossings(closes: list[float], short: int, long: int) -> list[int]:
    """+1 where the short average rises above the long one, -1 where it falls below."""
    signals = [0] * len(closes)
    before = 0.0
    for bar in range(long - 1, len(closes)):
        difference = sum(closes[bar - short + 1 : bar + 1]) / short - sum(closes[bar - long + 1 : bar + 1]) / long
        if bar >= long:
            signals[bar] = 1 if before <= 0 < difference else -1 if before >= 0 > difference else 0
        before = difference
    return signals


def real_case(path: Path, quantity: float, commission: float, timeframe_seconds: int) -> Case:
    frame = pl.read_parquet(path)
    times = frame["timestamp"].dt.timestamp("ns").to_list()
    bars = Bars(times, *(frame[name].to_list() for name in ("open", "high", "low", "close")))
    template = case_of([1.0], {}, {"commission": {"rate": commission}, "close_at_end": False}, quantity=quantity)
    rules = {**template.rules, "decisions": {"filters": {"min_signal_separation": 0.0}}}
    return Case(bars, crossings(bars.close, 10, 30), None, rules, 10_000.0, 0, timeframe_seconds)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "quantity", "commission", "final", "fills", "drawdown"),
    [
        ("GOOG_1d", 10.0, 0.0, 17_739.40, 65, 0.113819),
        ("GOOG_1d", 10.0, 0.001, 17_430.0841, 65, None),
        ("EURUSD-BTPY_1h", 1_000.0, 0.0, 10_070.50, 166, 0.003070),
        ("EURUSD-BTPY_1h", 1_000.0, 0.001, 9_876.8488, 166, None),
    ],
    ids=["T1", "T2", "T3", "T4"],
)
def test_crossings_of_averages_on_real_bars(
    run: Run, real_data: Path, name: str, quantity: float, commission: float, final: float, fills: int,
    drawdown: float | None,
) -> None:  # fmt: skip
    seconds = 86_400 if name.endswith("1d") else 3_600
    found = run(real_case(real_data / f"{name}.parquet", quantity, commission, seconds))
    assert found.values["final_equity"] == pytest.approx(final, abs=5e-5)
    assert len(found.tables["fills"]["bar"]) == fills
    if drawdown is not None:
        assert found.values["max_drawdown"] == pytest.approx(drawdown, abs=5e-7)
