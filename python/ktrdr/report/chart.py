"""The data of the chart: columns of the whole run, windows around trades of a long one, and the trades."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from ktrdr._types import JsonObject
from ktrdr.report.columns import condensed, decimals_of, encoded, money_decimals
from ktrdr.report.market import Market
from ktrdr.report.tables import listed
from ktrdr.simulation.result import RunResult

MOST_BARS = 300_000
"""Bars that are drawn one by one; a longer run has an overview of as many rows as ``OVERVIEW_ROWS``."""
OVERVIEW_ROWS = 60_000
_WINDOW_BARS = 60_000
"""Bars in all windows together."""
_MARGIN_BARS = 40
"""Bars of a window before its entry and after its exit."""
_LONGEST = 2_000
"""Bars of one window."""


def price_decimals(result: RunResult, market: Market) -> int:
    """Returns the decimals of prices on the page."""
    bars = market.bars
    return decimals_of(result.fills["price"].to_numpy() if bars is None else bars.close)


def chart_data(result: RunResult, market: Market, frame: pl.DataFrame) -> JsonObject:
    """Returns the chart's part of a page's data.

    ``overview`` has a row for each ``every`` bars; ``windows`` has single bars around the trades of a long run, those
    with the largest net profit or loss where not all fit.

    Args:
        result: a finished run.
        market: its bars, or the reason why there are none.
        frame: of `chart_frame`.
    """
    decimals = {"price": price_decimals(result, market), "money": money_decimals(frame["equity"].to_numpy())}
    every = 1 if frame.height <= MOST_BARS else -(-frame.height // OVERVIEW_ROWS)
    first = 0 if frame.is_empty() else int(result.equity["bar"][0])
    scaled = result.scaled_benchmark
    windows = [] if every == 1 else window_ranges(result.trades, first, frame.height)
    return {
        "decimals": decimals,
        "every": every,
        "overview": encoded(condensed(frame, every), decimals),
        "windows": [{"first": low, **encoded(frame[low:stop], decimals)} for low, stop in windows],
        "trades": _trades(listed(result.trades), first),
        "states": [{"name": state.name, "words": state.words} for state in market.states],
        "initial": result.metrics["initial_capital"],
        "share": None if scaled is None else scaled.position_share,
    }


def window_ranges(trades: pl.DataFrame, first_bar: int, rows: int) -> Sequence[tuple[int, int]]:
    """Returns half-open ranges of rows around trades, in order, overlapping ones joined.

    Args:
        trades: of the run.
        first_bar: bar number of row 0.
        rows: number of rows of the run.
    """
    entry, exit_ = (trades[name].to_numpy() - first_bar for name in ("entry_bar", "exit_bar"))
    low = np.maximum(entry - _MARGIN_BARS, 0)
    stop = np.minimum(np.minimum(exit_ + _MARGIN_BARS + 1, low + _LONGEST), rows)
    order = np.argsort(-np.abs(trades["net_pnl"].to_numpy()), kind="stable")
    kept = np.sort(order[np.cumsum((stop - low)[order]) <= _WINDOW_BARS])
    found: list[tuple[int, int]] = []
    for begin, end in zip(low[kept].tolist(), stop[kept].tolist(), strict=True):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def _trades(trades: pl.DataFrame, first_bar: int) -> JsonObject:
    """Returns trades as columns; rows count from the first simulated bar, prices are those of the ledger."""
    prices = {"in": "entry_price", "out": "exit_price", "stop": "stop_price", "target": "target_price"}
    return {
        "number": trades["place"].to_list(),
        "from": (trades["entry_bar"] - first_bar).to_list(),
        "to": (trades["exit_bar"] - first_bar).to_list(),
        "side": trades["direction"].to_list(),
        "win": (trades["net_pnl"] > 0).cast(pl.Int8).to_list(),
        "size": trades["net_pnl"].abs().round(2).to_list(),
        **{key: trades[name].round_sig_figs(9).to_list() for key, name in prices.items()},
        "stopped": trades["exit_reason"].cast(pl.String).str.contains("stop|liquidation").cast(pl.Int8).to_list(),
    }
