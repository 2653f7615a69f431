"""The picture of a whole run as one SVG: for paper, for notebooks, and for browsers that run no script."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import polars as pl

from ktrdr.report.columns import condensed
from ktrdr.report.figures import Line, Panel, stack
from ktrdr.simulation.result import RunResult

_ROWS = 600
_MOST_MARKS = 120


def overview(result: RunResult, frame: pl.DataFrame, decimals: int) -> str:
    """Returns price with entries, equity beside buy and hold, and drawdown, over one axis of time.

    Args:
        result: a finished run.
        frame: of `ktrdr.report.columns.chart_frame`.
        decimals: those of prices.
    """
    if frame.is_empty():
        return ""
    every = -(-frame.height // _ROWS)
    shown = condensed(frame, every)
    times = [f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d}" for second in shown["time"].to_list()]
    scaled = result.scaled_benchmark
    money = _equity(shown, result.metrics["initial_capital"] or 0.0, None if scaled is None else scaled.position_share)
    panels = [*_price(result, shown, every, decimals), money, _drawdown(shown)]
    return stack(panels, times, "Price with entries, equity beside buy and hold, and drawdown")


def _price(result: RunResult, shown: pl.DataFrame, every: int, decimals: int) -> Iterator[Panel]:
    if "close" not in shown.columns:
        return
    trades = result.trades
    first = int(result.equity["bar"][0])
    marked = trades if trades.height <= _MOST_MARKS else trades.clear()
    few = [
        ((bar - first) / every, price, side, "up" if net > 0 else "down")
        for bar, price, side, net in marked.select("entry_bar", "entry_price", "direction", "net_pnl").iter_rows()
    ]
    name = "Price, with entries (up: long, down: short; blue won, orange lost)" if few else "Price"
    line = Line(shown["close"].to_numpy(), "price")
    yield Panel(name, 150, (line,), lambda value: f"{value:,.{min(decimals, 4)}f}", few)


def _equity(shown: pl.DataFrame, capital: float, share: float | None) -> Panel:
    lines = [Line(shown["equity"].to_numpy(), "curve")]
    name = "Equity"
    if "hold" in shown.columns:
        lines.insert(0, Line(shown["hold"].to_numpy(), "second"))
        name = "Equity, and buy and hold (dashed)"
    if share is not None and "hold" in shown.columns:
        lines.insert(0, Line(capital + share * (shown["hold"].to_numpy() - capital), "third"))
        name = f"Equity, buy and hold (dashed), and the same with {100 * share:.2f} % of the capital (dotted)"
    return Panel(name, 130, lines, lambda value: f"{value:,.10g}")


def _drawdown(shown: pl.DataFrame) -> Panel:
    depth = -np.asarray(shown["drawdown"].to_numpy())
    depth[0] = min(depth[0], 0.0)
    return Panel("Drawdown", 60, (Line(depth, "depth", filled=True),), lambda rate: f"{100 * rate:.3g} %")
