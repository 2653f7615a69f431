"""Numbers that can be checked by hand, through the public door; the arithmetic stands beside each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import ktrdr

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
FREE: dict[str, Any] = {"commission": {"rate": 0.0}, "slippage": {"rate": 0.0}}
NOW = {"filters": {"min_signal_separation": 0}, "confidence_threshold": 0}
SHORTS = {**NOW, "allow_short_from_flat": True}
BOTH_EXITS = {"stop_loss": {"rate": 0.02}, "take_profit": {"rate": 0.03}}

Row = tuple[float, float, float, float]


def bars_of(rows: Sequence[Row | float], spacing_ns: int = HOUR_NS, **columns: Any) -> pl.DataFrame:
    """Rows are open, high, low, close; one number is a bar that does not move."""
    full = [(row,) * 4 if isinstance(row, int | float) else row for row in rows]
    prices = {name: [float(row[i]) for row in full] for i, name in enumerate(("open", "high", "low", "close"))}
    return pl.DataFrame({"timestamp": [i * spacing_ns for i in range(len(full))], **prices, **columns})


def run(bars: pl.DataFrame, signals: dict[int, int], *, quantity: float | None = None, **given: Any) -> Any:
    """Signals by bar; fixed quantity where given; no costs, separation or threshold unless said."""
    column = np.zeros(len(bars), np.int8)
    for bar, signal in signals.items():
        column[bar] = signal
    execution = {**FREE, **given.pop("execution", {})}
    if quantity is not None:
        execution["sizing"] = {"kind": "fixed_quantity", "quantity": quantity}
    given = {"decisions": NOW, "timeframe": "1h", "initial_capital": 1_000_000.0, **given}
    return ktrdr.simulate(bars, column, execution=execution, **given)


def exit_of(result: Any) -> tuple[float, str]:
    trade = result.trades.row(0, named=True)
    return trade["exit_price"], trade["exit_reason"]


def test_f1_a_gap_through_the_stop_fills_at_the_open() -> None:
    # Stop 100 on an entry at 125 (rate 0.2); prior close 105, open 90.
    result = run(bars_of([125, (125, 125, 105, 105), 90]), {0: 1}, quantity=1,
                 execution={"exits": {"stop_loss": {"rate": 0.2}}})  # fmt: skip
    assert exit_of(result) == (90.0, "stop_loss")


def test_f2_a_touched_stop_fills_at_its_level() -> None:
    result = run(bars_of([125, (125, 125, 105, 105), (102, 103, 98, 101)]), {0: 1}, quantity=1,
                 execution={"exits": {"stop_loss": {"rate": 0.2}}})  # fmt: skip
    assert exit_of(result) == (100.0, "stop_loss")


@pytest.mark.parametrize(("mode", "price"), [("pessimistic", 98.0), ("optimistic", 103.0), ("ohlc", 98.0)])
def test_f3_a_bar_that_touches_both(mode: str, price: float) -> None:
    result = run(bars_of([100, (100, 104, 97, 101)]), {0: 1}, quantity=1,
                 execution={"exits": BOTH_EXITS, "intrabar": mode})  # fmt: skip
    assert exit_of(result)[0] == pytest.approx(price)
    assert result.metrics["ambiguous_bars"] == 1


def test_f4_a_pip_is_ten_dollars_a_lot() -> None:
    result = run(bars_of([1.1, 1.1, 1.101]), {0: 1}, quantity=100_000, initial_capital=200_000)
    assert result.metrics["net_profit"] == pytest.approx(100.0)


def test_f5_profit_in_yen_becomes_dollars_at_the_last_fill() -> None:
    bars = bars_of([150.0, 150.0, 149.25], conversion_rate=[1 / 150, 1 / 150, 1 / 149.25])
    result = run(bars, {0: -1}, quantity=50_000, initial_capital=200_000, decisions=SHORTS)
    assert result.metrics["net_profit"] == pytest.approx(37_500 / 149.25)
    assert round(result.metrics["net_profit"], 2) == 251.26


def test_f7_a_borrowed_position_pays_for_elapsed_days() -> None:
    # 5,000 x 0.03 x 10 / 360 = 4.1667.
    financing = {"long_rate": 0.0, "short_rate": 0.03, "day_count": 360}
    result = run(bars_of([50.0] * 12, DAY_NS), {0: -1}, quantity=100, decisions=SHORTS, timeframe="1d",
                 execution={"financing": financing})  # fmt: skip
    assert round(result.metrics["financing"], 2) == 4.17
    assert result.metrics["net_profit"] == pytest.approx(-100 * 50 * 0.03 * 10 / 360)


def test_f8_margin_and_stop_out() -> None:
    margin = {"margin": {"max_leverage": 30, "maintenance": 0.5}}
    refused = run(bars_of([1.1] * 3), {0: 1}, quantity=30_000, initial_capital=1_000, execution=margin)
    assert refused.refused.select("quantity", "reason").row(0) == (30_000.0, "margin")
    bars = bars_of([1.1, 1.1, (1.1, 1.1, 1.05, 1.06), 1.06])
    held = run(bars, {0: 1}, quantity=20_000, initial_capital=1_000, execution=margin)
    # Margin 22,000 / 30 = 733.33; half of it is 366.67: lost 633.33, or 0.0316667 a unit.
    assert exit_of(held) == (pytest.approx(1.1 - (1_000 - 22_000 / 60) / 20_000), "liquidation")
    assert round(exit_of(held)[0], 6) == 1.068333
    assert round(held.final_equity, 2) == 366.67


def test_f9_a_weekend_gap() -> None:
    bars = bars_of([1.1, 1.1, 1.09]).with_columns(pl.Series("timestamp", [0, HOUR_NS, 49 * HOUR_NS]))
    result = run(bars, {0: 1}, quantity=1_000, execution={"exits": {"stop_loss": {"rate": 0.005 / 1.1}}})
    assert exit_of(result) == (1.09, "stop_loss")


def test_f10_costs_then_the_tick_against_the_trader() -> None:
    execution = {"spread": {"half": 2e-5}, "slippage": {"rate": 1e-4}, "instrument": {"tick_size": 1e-4}}
    for signal, price in ((1, 1.1002), (-1, 1.0998)):
        result = run(bars_of([1.10003] * 3), {0: signal}, quantity=1, decisions=SHORTS, execution=execution)
        assert result.fills["price"][0] == pytest.approx(price, abs=1e-12)


@pytest.mark.parametrize(
    ("trail_on", "last", "price"),
    [
        ("close", (103, 103, 98.5, 99), 99.0),
        ("extreme", (103, 103, 98.5, 99), 101.0),
        ("extreme", (100.5, 101, 98.5, 99), 100.5),
    ],
)
def test_f11_a_trailing_stop_acts_from_the_next_bar(trail_on: str, last: Row, price: float) -> None:
    # Entry 100, distance 5; after H106 C104 the level stands at 99 (close) or 101 (extreme).
    exits = {"trailing_stop": {"rate": 0.05}, "trail_on": trail_on}
    result = run(bars_of([100, (100, 106, 99, 104), last]), {0: 1}, quantity=1, execution={"exits": exits})
    assert exit_of(result) == (pytest.approx(price), "trailing_stop")


@pytest.mark.parametrize(("fill", "entry", "leave"), [("next_open", 1, 3), ("this_close", 0, 2)])
def test_f12_a_position_is_held_two_bars(fill: str, entry: int, leave: int) -> None:
    execution = {"exits": {"max_holding_bars": 2}, "fill": fill}
    trade = run(bars_of([10.0] * 6), {0: 1}, quantity=1, execution=execution).trades.row(0, named=True)
    assert (trade["entry_bar"], trade["exit_bar"], trade["exit_reason"]) == (entry, leave, "max_holding")


def test_f13_a_reversal_is_sized_on_the_cash_after_the_close() -> None:
    execution = {"sizing": {"kind": "cash_fraction", "fraction": 0.25}, "commission": {"rate": 0.001},
                 "on_opposite": "reverse", "close_at_end": False}  # fmt: skip
    result = run(bars_of([100, 100, 110]), {0: 1, 1: -1}, initial_capital=10_000, execution=execution)
    assert [round(quantity, 8) for quantity in result.fills["quantity"]] == [24.97502497, 24.97502497, 23.25970732]
    assert round(result.final_equity, 6) == 10_241.946927


def test_f14_volatility_over_the_last_window() -> None:
    execution = {"sizing": {"kind": "volatility_target", "annual": 0.1, "window": 3}}
    bars = bars_of([100, 101, 100, 102, 102], DAY_NS)
    result = run(bars, {3: 1}, initial_capital=10_000, timeframe="1d", execution=execution)
    assert result.fills["quantity"][0] == pytest.approx(36.57460484, abs=1e-8)


def test_f15_a_fraction_shrinks_to_what_can_be_paid() -> None:
    # 99 lots at 10.5 cost more than 1,000; 95 x 10.5 = 997.5, commission 0.9975.
    execution = {"sizing": {"kind": "cash_fraction", "fraction": 1}, "slippage": {"rate": 0.05},
                 "commission": {"rate": 0.001}, "instrument": {"lot_size": 1}, "close_at_end": False}  # fmt: skip
    result = run(bars_of([10.0] * 3), {0: 1}, initial_capital=1_000, execution=execution)
    assert result.fills["quantity"][0] == 95
    assert result.equity["cash"][-1] == pytest.approx(1.5025)


def test_f16_what_the_ambiguous_bar_could_have_been() -> None:
    execution = {"exits": BOTH_EXITS, "slippage": {"rate": 0.001}, "commission": {"rate": 0.001}}
    metrics = run(bars_of([100, (100, 104, 97, 101)]), {0: 1}, quantity=10, execution=execution).metrics
    assert round(metrics["net_profit"], 6) == round(metrics["profit_pessimistic"], 6) == -22.981979
    assert round(metrics["profit_optimistic"], 6) == 27.997970


def test_f17_a_short_of_everything_is_liquidated_at_one_and_a_half() -> None:
    bars = bars_of([100, 100, (100, 160, 100, 155), 155])
    result = run(bars, {0: -1}, quantity=100, initial_capital=10_000, decisions=SHORTS)
    assert exit_of(result) == (150.0, "liquidation")
    assert result.final_equity == 5_000.0


@pytest.mark.parametrize(("mode", "price"), [("pessimistic", 102.0), ("optimistic", 97.0), ("ohlc", 102.0)])
def test_f18_a_short_is_the_mirror(mode: str, price: float) -> None:
    result = run(bars_of([100, (100, 103, 96, 99)]), {0: -1}, quantity=1, decisions=SHORTS,
                 execution={"exits": BOTH_EXITS, "intrabar": mode})  # fmt: skip
    assert exit_of(result)[0] == pytest.approx(price)


@pytest.mark.parametrize(("trail_on", "price"), [("close", 101.0), ("extreme", 99.0)])
def test_f18_a_short_trails_downwards(trail_on: str, price: float) -> None:
    exits = {"trailing_stop": {"rate": 0.05}, "trail_on": trail_on}
    bars = bars_of([100, (100, 103, 94, 96), (97, 101.5, 97, 98)])
    result = run(bars, {0: -1}, quantity=1, decisions=SHORTS, execution={"exits": exits})
    assert exit_of(result) == (pytest.approx(price), "trailing_stop")


def test_f18_a_target_that_the_open_jumps_over() -> None:
    execution = {"exits": {"take_profit": {"rate": 0.03}}}
    result = run(bars_of([100, 100, 96]), {0: -1}, quantity=1, decisions=SHORTS, execution=execution)
    assert exit_of(result) == (96.0, "take_profit")


def crossings(close: pl.Series, fast: int = 10, slow: int = 30) -> np.ndarray[Any, Any]:
    """+1 where the sign of the difference goes from <= 0 to > 0, -1 from >= 0 to < 0, over defined ones only."""
    means = [close.rolling_mean(window).to_numpy() for window in (fast, slow)]
    difference = np.round(means[0] - means[1], 10)
    before = np.concatenate([[np.nan], difference[:-1]])
    up, down = (before <= 0) & (difference > 0), (before >= 0) & (difference < 0)
    return (up.astype(np.int8) - down.astype(np.int8)).astype(np.int8)


@pytest.mark.parametrize(
    ("name", "quantity", "commission", "final_equity", "fills", "drawdown"),
    [
        ("GOOG_1d", 10, 0.0, 17_739.40, 65, 0.113819),
        ("GOOG_1d", 10, 0.001, 17_430.0841, 65, None),
        ("EURUSD-BTPY_1h", 1_000, 0.0, 10_070.50, 166, 0.003070),
        ("EURUSD-BTPY_1h", 1_000, 0.001, 9_876.8488, 166, None),
    ],
)
def test_five_engines_agree(
    real_data: Path,
    name: str,
    quantity: float,
    commission: float,
    final_equity: float,
    fills: int,
    drawdown: float | None,
) -> None:
    bars = pl.read_parquet(real_data / f"{name}.parquet")
    result = ktrdr.simulate(
        bars,
        crossings(bars["close"]),
        execution={
            "sizing": {"kind": "fixed_quantity", "quantity": quantity},
            "commission": {"rate": commission},
            "slippage": {"rate": 0.0},
            "close_at_end": False,
        },
        decisions=NOW,
        initial_capital=10_000.0,
    )
    assert result.final_equity == pytest.approx(final_equity, abs=6e-3 if commission == 0 else 6e-5)
    assert len(result.fills) == fills
    if drawdown is not None:
        assert result.metrics["max_drawdown"] == pytest.approx(drawdown, abs=5e-7)


def test_daily_points_of_a_week_that_opens_on_sunday() -> None:
    # Fri 12:00, Sun 22:00, Mon 12:00, Tue 00:00 with equity 1, 2, 3, 4; 1970-01-02 was a Friday.
    stamps = [36 * HOUR_NS, 94 * HOUR_NS, 108 * HOUR_NS, 120 * HOUR_NS]
    bars = bars_of([1, (1, 2, 1, 2), (2, 3, 2, 3), (3, 4, 3, 4)]).with_columns(pl.Series("timestamp", stamps))
    for periods, count in ((252, 3), (365, 4)):
        result = run(bars, {0: 1}, quantity=1, initial_capital=1.0, metrics={"periods_per_year": periods})
        assert result.equity["equity"].to_list() == [1.0, 2.0, 3.0, 4.0]
        assert result.metrics["daily_returns"] == count


def test_a_drawdown_counts_from_the_last_bar_at_its_peak() -> None:
    bars = bars_of([100, 100, 100, (100, 100, 98, 98), (98, 100, 98, 100)])
    metrics = run(bars, {0: 1}, quantity=1, initial_capital=100).metrics
    assert (metrics["max_drawdown"], metrics["max_drawdown_bars"], metrics["recovery_bars"]) == (0.02, 1, 1)


def twelve_days() -> pl.DataFrame:
    """Hourly bars of twelve weekdays; the price moves by each day's return in its last hour."""
    returns = [0.010, -0.005, 0.007, -0.012, 0.004, 0.0, 0.015, -0.008, 0.003, 0.006, -0.002, 0.001]
    rows: list[Row] = []
    price = 100.0
    for value in returns:
        moved = price * (1 + value)
        rows += [(price,) * 4] * 23 + [(price, max(price, moved), min(price, moved), moved)]
        price = moved
    # 1970-01-05 is a Monday, day 4.
    days = [4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 18, 19]
    stamps = [day * DAY_NS + hour * HOUR_NS for day in days for hour in range(24)]
    return bars_of(rows).with_columns(pl.Series("timestamp", stamps))


def test_twelve_returns() -> None:
    metrics = run(twelve_days(), {0: 1}, quantity=1, initial_capital=100, metrics={"periods_per_year": 252}).metrics
    expected = {
        "sharpe": 3.287696, "sortino": 5.655735, "volatility": 0.121362, "ann_return": 0.479866,
        "max_drawdown": 0.012, "max_drawdown_daily": 0.012, "daily_returns": 12,
    }  # fmt: skip
    assert {name: round(metrics[name], 6) for name in expected} == expected


def test_eight_trades() -> None:
    pnls = [120, -80, 50, -40, 200, -150, 0, 30]
    rows: list[Row | float] = [1_000.0]
    for pnl in pnls:
        rows += [1_000.0, 1_000.0 + pnl]
    signals = {2 * i + side: 1 - 2 * side for i in range(len(pnls)) for side in (0, 1)}
    metrics = run(bars_of(rows), signals, quantity=1).metrics
    expected = {
        "profit_factor": 1.481481,
        "win_rate": 0.5,
        "expectancy": 16.25,
        "expectancy_rate": 0.01625,
        "sqn": 0.414214,
    }
    assert {name: round(metrics[name], 6) for name in expected} == expected
