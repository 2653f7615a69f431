"""Pictures of the execution rules: small runs of the core, drawn from their own ledger, so that they cannot differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scripts.guide.pictures.svg import Panel, picture, ticks_of

import ktrdr
from ktrdr.simulation.result import RunResult

_HOUR_NS = 3_600_000_000_000
_FREE = {"commission": {"rate": 0.0}, "slippage": {"rate": 0.0}, "sizing": {"kind": "fixed_quantity", "quantity": 10}}
_NOUNS = {"signal": "signal", "end_of_data": "end of data", "max_holding": "longest holding"}


@dataclass(frozen=True)
class Case:
    """A run to draw: rows of open, high, low, close, the signals by bar, the rules that differ from free trading."""

    prices: Sequence[tuple[float, float, float, float]]
    signals: Mapping[int, int]
    execution: Mapping[str, Any]
    capital: float = 10_000.0


_ENTRY = [
    (99.0, 100.5, 98.5, 99.5),
    (99.5, 101.0, 99.0, 100.8),
    (100.0, 101.5, 99.2, 101.0),
    (101.0, 102.5, 100.6, 102.0),
]
_AT_100 = [(99.5, 100.5, 99.0, 100.0), (100.0, 100.8, 99.2, 100.2)]
_TRAIL = [
    (100.0, 100.5, 99.5, 100.0),
    (100.0, 101.0, 99.2, 100.5),
    (100.5, 106.0, 100.2, 104.0),
    (103.0, 103.5, 98.0, 99.5),
]
_BOTH = [*_AT_100, (100.0, 104.0, 97.0, 101.0), (101.0, 101.8, 100.2, 101.2)]
_LEVELS = {"stop_loss": {"rate": 0.02}, "take_profit": {"rate": 0.03}}

CASES: Mapping[str, Case] = {
    "entry": Case(_ENTRY, {1: 1}, {"slippage": {"rate": 0.002}, "commission": {"rate": 0.001}}),
    "same-close": Case(
        _ENTRY, {1: 1}, {"slippage": {"rate": 0.002}, "commission": {"rate": 0.001}, "fill": "this_close"}
    ),
    "stop": Case(
        [*_AT_100, (100.0, 100.6, 97.2, 97.8), (97.8, 98.4, 97.0, 98.0)],
        {0: 1},
        {"exits": {"stop_loss": {"rate": 0.02}}},
    ),
    "gap": Case(
        [*_AT_100, (95.0, 96.4, 94.2, 96.0), (96.0, 97.0, 95.4, 96.5)], {0: 1}, {"exits": {"stop_loss": {"rate": 0.02}}}
    ),
    "target": Case(
        [*_AT_100, (100.2, 103.0, 99.8, 102.4), (102.4, 103.6, 101.9, 102.2), (102.2, 102.9, 101.5, 102.0)],
        {0: 1},
        {"exits": {"take_profit": {"rate": 0.03}}},
    ),
    "trailing-close": Case(_TRAIL, {0: 1}, {"exits": {"trailing_stop": {"rate": 0.05}}}),
    "trailing-extreme": Case(_TRAIL, {0: 1}, {"exits": {"trailing_stop": {"rate": 0.05}, "trail_on": "extreme"}}),
    "pessimistic": Case(_BOTH, {0: 1}, {"exits": _LEVELS}),
    "optimistic": Case(_BOTH, {0: 1}, {"exits": _LEVELS, "intrabar": "optimistic"}),
    "ohlc": Case(_BOTH, {0: 1}, {"exits": _LEVELS, "intrabar": "ohlc"}),
    "liquidation": Case(
        [
            (99.5, 100.5, 99.0, 100.0),
            (100.0, 108.0, 98.0, 106.0),
            (106.0, 131.0, 105.0, 129.0),
            (129.0, 158.0, 127.0, 152.0),
            (152.0, 156.0, 148.0, 150.0),
        ],
        {0: -1},
        {"sizing": {"kind": "fixed_quantity", "quantity": 100}},
    ),
    "holding": Case(
        [
            (99.5, 100.5, 99.0, 100.0),
            (100.0, 101.2, 99.4, 100.8),
            (100.8, 102.0, 100.1, 101.5),
            (101.5, 102.2, 100.9, 101.2),
            (101.2, 101.9, 100.4, 100.9),
        ],
        {0: 1},
        {"exits": {"max_holding_bars": 2}},
    ),
    "reverse": Case(
        [
            (99.5, 100.5, 99.0, 100.0),
            (100.0, 103.2, 99.4, 102.8),
            (102.8, 104.0, 101.1, 103.5),
            (103.5, 103.9, 100.9, 101.2),
            (101.2, 101.9, 99.4, 100.0),
        ],
        {0: 1, 2: -1},
        {"on_opposite": "reverse", "sizing": {"kind": "equity_fraction", "fraction": 0.5}},
    ),
}
"""The runs of the page of execution rules by name."""


def execution_picture(name: str) -> str:
    """Returns the chart of a run, its levels and fills, and a list of what the ledger says."""
    case = CASES[name]
    run = _begin(case)
    levels = list(_levels(case, run))
    result = run.result()
    panel = _candles(case, result, levels)
    lines = "\n".join(f"* {line}" for line in _lines(result))
    return f"{picture([panel], 246.0, f'{name}: {len(result.fills)} fills')}\n{lines}\n"


def _begin(case: Case) -> ktrdr.Simulation:
    prices = np.array(case.prices, dtype=np.float64)
    bars = pl.DataFrame(
        {
            "timestamp": np.arange(len(prices), dtype=np.int64) * _HOUR_NS,
            **{column: prices[:, place] for place, column in enumerate(("open", "high", "low", "close"))},
        }
    )
    signals = np.array([case.signals.get(bar, 0) for bar in range(len(prices))], dtype=np.int8)
    execution = {**_FREE, "close_at_end": False, **case.execution}
    return ktrdr.Simulation(bars, signals, execution=execution, initial_capital=case.capital)


def _levels(case: Case, run: ktrdr.Simulation) -> Iterator[tuple[int, str, float]]:
    """Runs bar by bar and yields the levels in force during each bar: bar, name, price."""
    before: Mapping[str, Any] | None = None
    for bar in range(len(case.prices)):
        run.run(until=bar + 1)
        held = run.position
        for name in ("stop", "target"):
            level = (held or before or {}).get(name)
            if level is not None:
                yield bar, name, float(level)
        trailing = (before or {}).get("trailing")
        if trailing is not None:
            yield bar, "trailing", float(trailing["level"])
        before = held


def _candles(case: Case, result: RunResult, levels: Sequence[tuple[int, str, float]]) -> Panel:
    fills = result.fills.to_dicts()
    values = [value for row in case.prices for value in row] + [fill["price"] for fill in fills]
    values += [price for _, _, price in levels]
    room = (max(values) - min(values)) * 0.08
    panel = Panel(min(values) - room, max(values) + room, len(case.prices), 22.0, 190.0)
    panel.grid(ticks_of(panel.low, panel.high), ",g")
    panel.candles(case.prices)
    for bar, name, price in levels:
        panel.level(price, bar - 0.5, bar + 0.5, name)
    for bar in range(len(case.prices)):
        signal = {1: ", buy signal at its close", -1: ", sell signal at its close"}.get(case.signals.get(bar, 0), "")
        panel.text(panel.x(bar), 236.0, f"bar {bar}{signal}", "axis", "middle")
    for fill in fills:
        _fill(panel, fill, case)
    return panel


def _fill(panel: Panel, fill: Mapping[str, Any], case: Case) -> None:
    name = "buy" if fill["side"] > 0 else "sell"
    at_close = case.execution.get("fill") == "this_close" and fill["reason"] == "signal"
    place = fill["bar"] + (0.2 if at_close else -0.2 if fill["reason"] in ("signal", "max_holding") else 0.0)
    panel.mark(place, fill["price"], name)
    anchor = "end" if fill["bar"] == len(case.prices) - 1 else "start"
    shift = -10 if anchor == "end" else 10
    panel.text(
        panel.x(place) + shift, panel.y(fill["price"]) - 8, f"{name} {fill['price']:,.4f}", f"label {name}", anchor
    )


def _lines(result: RunResult) -> Iterator[str]:
    """Yields one line for each fill, and one for the end of the run."""
    for fill in result.fills.to_dicts():
        side = "bought" if fill["side"] > 0 else "sold"
        reason = _NOUNS.get(fill["reason"], fill["reason"].replace("_", " "))
        costs = fill["commission"] + fill["slippage"] + fill["spread"]
        paid = f", costs {costs:,.4f}" if abs(costs) > 1e-9 else ""
        yield (
            f"Bar {fill['bar']}: {fill['quantity']:,.4g} {side} at {fill['price']:,.4f}, by {reason}; "
            f"reference {fill['reference_price']:,.4f}{paid}."
        )
    if len(result.trades):
        net = result.trades["net_pnl"][0]
        yield f"Net result of the round trip: {net:,.4f}. Equity at the end: {result.final_equity:,.2f}."
    else:
        yield f"The position is still open; equity at the last close: {result.final_equity:,.2f}."
