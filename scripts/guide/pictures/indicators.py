"""Pictures of the indicators over one small market: on the candles where they are prices, else in a panel below."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
from scripts.guide.markdown import plain
from scripts.guide.pictures.svg import Floats, Panel, picture, ticks_of

from ktrdr.data.bars import BarSeries
from ktrdr.feature_pipeline.indicators.compute import compute
from ktrdr.strategy.catalog.indicator import Indicator
from ktrdr.strategy.catalog.indicators import defaults
from ktrdr.time import Timeframe

_HISTORY_BARS = 400
_SHOWN_BARS = 90
_SEED = 7
_CANDLES_HEIGHT = 150.0
_PANEL_HEIGHT = 80.0
_GAP = 16.0


@cache
def market() -> BarSeries:
    """Returns hourly bars of a made-up market that rises, falls and rests."""
    random = np.random.Generator(np.random.PCG64(_SEED))
    count = _HISTORY_BARS + _SHOWN_BARS
    phase = np.arange(count) / 30.0
    drift = 0.25 * np.where(phase % 4 < 1, 1, np.where(phase % 4 < 2, 0, np.where(phase % 4 < 3, -1, 0.3)))
    steps = drift[:, None] / 8 + random.uniform(-0.45, 0.45, (count, 8))
    path = 100 + np.cumsum(steps.ravel()).reshape(count, 8) * 0.5
    opened = np.concatenate(([100.0], path[:-1, -1]))
    frame = pl.DataFrame(
        {
            "timestamp": np.arange(count) * Timeframe.H1.ns + 1_704_067_200 * 10**9,
            "open": opened,
            "high": np.maximum(path.max(axis=1), opened),
            "low": np.minimum(path.min(axis=1), opened),
            "close": path[:, -1],
            "volume": np.floor(random.uniform(500, 1_500, count)),
        }
    )
    return BarSeries.from_frame(frame, "MADE-UP", Timeframe.H1)


def indicator_picture(known: Indicator) -> str:
    """Returns the picture of an indicator with its default parameters, over the last 90 bars of the market."""
    bars = market()
    outputs = {name: values[-_SHOWN_BARS:] for name, values in compute(known.type, {}, bars).items()}
    rows = np.column_stack((bars.open, bars.high, bars.low, bars.close))[-_SHOWN_BARS:]
    on_prices = {name: values for name, values in outputs.items() if _among(values, rows)}
    beside = {name: values for name, values in outputs.items() if name not in on_prices}
    panels = [_candles(rows, on_prices)]
    if beside:
        panels.append(_panel(beside))
    height = panels[-1].top + panels[-1].height + _GAP
    return picture(panels, height, f"{known.title} over 90 bars") + _legend(known, outputs)


def _among(values: Floats, rows: Floats) -> bool:
    low = rows[:, 2].min()
    high = rows[:, 1].max()
    middle = float(np.nanmedian(values))
    return low - (high - low) < middle < high + (high - low) and float(np.nanmin(values)) > 0.5 * low


def _candles(rows: Floats, curves: dict[str, Floats]) -> Panel:
    values = np.concatenate([rows[:, 1], rows[:, 2], *curves.values()])
    panel = _framed(values, 8.0, _CANDLES_HEIGHT)
    panel.candles(rows.tolist())
    _draw(panel, curves)
    return panel


def _panel(curves: dict[str, Floats]) -> Panel:
    panel = _framed(np.concatenate([*curves.values()]), 8.0 + _CANDLES_HEIGHT + _GAP, _PANEL_HEIGHT)
    _draw(panel, curves)
    return panel


def _draw(panel: Panel, curves: dict[str, Floats]) -> None:
    """Draws curves, each with its name in its colour where there are several."""
    at = panel.left + 4
    for number, (name, curve) in enumerate(curves.items()):
        panel.curve(curve, f"curve-{number}")
        if name:
            panel.text(at, panel.top + 10, name, f"label name-{number}")
            at += 8 * len(name) + 14


def _framed(values: Floats, top: float, height: float) -> Panel:
    low = float(np.nanmin(values))
    high = float(np.nanmax(values))
    room = 1.0 if low == high else 0.0
    panel = Panel(low - room, high + room, _SHOWN_BARS, top, height)
    panel.grid(ticks_of(panel.low, panel.high, 3), ",g")
    return panel


def _legend(known: Indicator, outputs: dict[str, Floats]) -> str:
    """Returns the line below a picture: parameters in force, and the last value of each output."""
    given = ", ".join(f"{name} {value}" for name, value in defaults(known).items()) or "no parameters"
    last = ", ".join(f"{plain(name or known.type)} {values[-1]:,.4g}" for name, values in outputs.items())
    return f"\n*{plain(given)}. At the last bar: {last}.*\n"
