"""The columns that a chart draws, one row for each simulated bar, and their short form in a page's data."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ktrdr._types import Floats, JsonObject
from ktrdr.errors import InternalError
from ktrdr.report.market import Market, bought_and_held
from ktrdr.simulation.result import RunResult
from ktrdr.time import NS_PER_SECOND

PRICES = ("open", "high", "low", "close")
_PRICE_DIGITS = 7
_MONEY_DIGITS = 8
_MOST_DECIMALS = 10
_SHARE_DECIMALS = 4
_DEPTH_DECIMALS = 6
_BUY = (1, 3)
_SELL = (-1, -3)


def decimals_of(values: Floats, digits: int = _PRICE_DIGITS) -> int:
    """Returns the decimals by which values are shown: as few as hold them, else so many that ``digits`` are seen.

    >>> decimals_of(np.array([1.0812, 1.1])), decimals_of(np.array([67_000.123456]))
    (4, 2)
    """
    largest = float(np.abs(values).max(initial=0.0))
    most = min(max(digits - 1 - (math.floor(math.log10(largest)) if largest > 0 else 0), 0), _MOST_DECIMALS)
    return next((few for few in range(most) if np.array_equal(np.round(values, few), values)), most)


def money_decimals(equity: Floats) -> int:
    """Returns the decimals of drawn money: cents, and more for a small account."""
    largest = float(np.abs(equity).max(initial=0.0))
    return min(max(2, _MONEY_DIGITS - 3 - math.floor(math.log10(largest)) if largest > 0 else 2), _MOST_DECIMALS)


def chart_frame(result: RunResult, market: Market) -> pl.DataFrame:
    """Returns what is drawn, one row for each simulated bar.

    Columns: time (s UTC); open, high, low, close and hold (buy and hold, account currency) where the bars are known;
    equity (account currency), drawdown (rate), exposure (position value over equity, below 0 for a short); signal (the
    confidence of a buy, less that of a sell), traded; state_0 and so on, by the market's states.

    Raises ``InternalError`` for stamps that do not increase: the chart library would drop such rows and say nothing.
    """
    equity = result.equity
    bars = market.bars
    columns: dict[str, object] = {"time": equity["time"].dt.timestamp("ns").to_numpy() // NS_PER_SECOND}
    check_times(np.asarray(columns["time"]))
    if bars is not None:
        columns |= {name: getattr(bars, name) for name in PRICES}
        held = bought_and_held(result, bars)
        columns |= {} if held is None else {"hold": held}
    columns |= {name: equity[name] for name in ("equity", "drawdown")} | {"exposure": _exposure(equity)}
    columns |= dict(zip(("signal", "traded"), _signals(result, equity.height), strict=True))
    columns |= {f"state_{number}": state.codes for number, state in enumerate(market.states)}
    return pl.DataFrame(columns)


def check_times(times: NDArray[np.int64]) -> None:
    """Raises ``InternalError`` unless each time lies after the one before it.

    >>> check_times(np.array([1, 2, 3]))
    """
    if len(times) > 1 and (row := int(np.argmin(np.diff(times)))) >= 0 and times[row + 1] <= times[row]:
        raise InternalError("the stamps of a chart do not increase", found=f"{times[row]}, {times[row + 1]} s")


def condensed(frame: pl.DataFrame, every: int) -> pl.DataFrame:
    """Returns one row for each ``every`` bars: extremes of price and drawdown, the strongest signal, else the last."""
    if every == 1:
        return frame
    picked = {"time": pl.first, "open": pl.first, "high": pl.max, "low": pl.min, "drawdown": pl.max, "traded": pl.max}
    strongest = pl.col("signal").get(pl.col("signal").abs().arg_max())
    rows = [
        strongest if name == "signal" else picked[name](name) if name in picked else pl.last(name)
        for name in frame.columns
    ]
    group = (pl.int_range(pl.len()) // every).alias("group")
    return frame.group_by(group, maintain_order=True).agg(rows).drop("group")


def encoded(frame: pl.DataFrame, decimals: JsonObject) -> JsonObject:
    """Returns columns as JSON values: differences of whole numbers, and runs of codes.

    Args:
        frame: rows of `chart_frame`.
        decimals: those of ``price`` and ``money``.
    """
    times = frame["time"]
    found: JsonObject = {
        "time": [times.item(0), _runs(times.diff().fill_null(0)), times.len()] if times.len() else [0, [[], []], 0]
    }
    if "open" in frame.columns:
        found |= _candles(frame, decimals["price"])
    for name in ("equity", "hold"):
        if name in frame.columns:
            found[name] = _differences(frame[name].to_numpy(), decimals["money"])
    found["drawdown"] = _differences(frame["drawdown"].to_numpy(), _DEPTH_DECIMALS)
    found["exposure"] = _differences(frame["exposure"].to_numpy(), _SHARE_DECIMALS)
    found["signal"] = _differences(frame["signal"].to_numpy(), _SHARE_DECIMALS, plain=True)
    states = sorted((name for name in frame.columns if name.startswith("state_")), key=lambda name: int(name[6:]))
    return found | {"traded": _runs(frame["traded"]), "states": [_runs(frame[name]) for name in states]}


def _candles(frame: pl.DataFrame, decimals: int) -> JsonObject:
    """Returns the close by its steps, and the other prices by their distance from the body: small numbers."""
    opened, high, low, close = (_whole(frame[name].to_numpy(), decimals) for name in PRICES)
    before = np.concatenate([close[:1], close[:-1]])
    return {
        "close": _differences(close, decimals, whole=True),
        "gap": (opened - before).tolist(),
        "up": (high - np.maximum(opened, close)).tolist(),
        "down": (np.minimum(opened, close) - low).tolist(),
    }


def _differences(
    values: NDArray[np.float64] | NDArray[np.int64], decimals: int, *, whole: bool = False, plain: bool = False
) -> JsonObject:
    found = values if whole else _whole(values, decimals)
    return {"s": decimals, "d": found.tolist() if plain else np.diff(found, prepend=0).tolist(), "plain": plain}


def _whole(values: NDArray[np.float64] | NDArray[np.int64], decimals: int) -> NDArray[np.int64]:
    return np.rint(np.asarray(values, np.float64) * 10.0**decimals).astype(np.int64)


def _runs(codes: pl.Series) -> Sequence[list[int]]:
    """Returns the row and the value of each run of equal values."""
    values = codes.cast(pl.Int64).to_numpy()
    starts = np.flatnonzero(np.diff(values, prepend=values[:1] - 1)) if len(values) else np.empty(0, np.int64)
    return [starts.tolist(), values[starts].tolist()]


def _exposure(equity: pl.DataFrame) -> pl.Series:
    held = (equity["equity"] - equity["cash"]) / equity["equity"]
    return pl.select(pl.when(equity["equity"] > 0).then(held).otherwise(0.0).alias("exposure")).to_series()


def _signals(result: RunResult, bars: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Returns the signed confidence of each bar and the bars whose signal was traded; zeros where none were kept."""
    decisions = result.decisions
    if decisions.height != bars:
        return np.zeros(bars), np.zeros(bars, np.bool_)
    raw = decisions["raw_signal"].to_numpy()
    side = np.isin(raw, _BUY).astype(np.float64) - np.isin(raw, _SELL)
    confidence = np.nan_to_num(decisions["confidence"].to_numpy().astype(np.float64))
    return side * confidence, (decisions["decision"] == "traded").to_numpy()
