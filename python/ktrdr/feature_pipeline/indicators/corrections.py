"""Corrects columns of TA-Lib by the catalogue: neutral where the market does not move, then inside the bounds.

TA-Lib gives 0 where a window has no movement, which reads as oversold. Its running sums leave residues that lie
outside the bounds by rounding.
"""

from __future__ import annotations

import numpy as np

from ktrdr._types import Flags, Floats
from ktrdr.feature_pipeline.indicators.columns import Columns
from ktrdr.feature_pipeline.indicators.formula import Params
from ktrdr.strategy.catalog.indicator import Movement, Output


def corrected(column: Floats, output: Output, columns: Columns, params: Params) -> Floats:
    """Returns the column of an output with its neutral value where nothing moves, clipped to its bounds.

    Args:
        column: the output as its formula gives it, NaN up to its lookback.
        output: the entry of the catalogue.
        columns: the bars.
        params: all parameters.
    """
    if output.neutral is not None:
        still = _still(output.neutral.without, columns, params, output.reach(params)) & ~np.isnan(column)
        column = np.where(still, output.neutral.value, column) if still.any() else column
    if output.bounds is not None:
        low, high = output.bounds.of(params)
        below = column < low
        above = column > high
        if below.any() or above.any():
            # Values inside keep their bits: a clip may turn the -0.0 of TA-Lib's Williams %R into 0.0.
            column = np.where(below, low, np.where(above, high, column))
    return column


def _still(without: Movement, columns: Columns, params: Params, reach: int) -> Flags:
    """Returns the bars over whose last ``reach`` steps nothing moved; near the anchor, since the anchor.

    The steps are counted over inputs. An average that decays would keep a trace of what moved before.
    """
    flags = MOVEMENTS[without](columns, params)
    moved = np.flatnonzero(flags)
    begins = np.append(0, moved + reach)
    stops = np.append(moved, len(flags))
    longer = begins < stops
    edges = np.zeros(len(flags) + 1, np.int8)
    edges[begins[longer]] = 1
    edges[stops[longer]] -= 1
    still: Flags = np.cumsum(edges[:-1], dtype=np.int8).astype(bool)
    return still & ~ranged(columns) if without == "bars" else still


def _source_moved(columns: Columns, params: Params) -> Flags:
    return _changed(columns.source(params["source"]))


def _bars_moved(columns: Columns, params: Params) -> Flags:
    """Returns the bars that begin away from the one price of the bar before; a bar with a range has no one price."""
    moved = _changed(columns.high)
    moved[1:] |= ranged(columns)[:-1]
    return moved


def _typical_price_moved(columns: Columns, params: Params) -> Flags:
    return _changed(columns.typical_price)


def ranged(columns: Columns) -> Flags:
    """Returns the bars whose high and low differ."""
    found: Flags = columns.high != columns.low
    return found


def _changed(values: Floats) -> Flags:
    """Returns the rows that differ from the row before; the first has none before it."""
    changed = np.zeros(len(values), bool)
    changed[1:] = values[1:] != values[:-1]
    return changed


MOVEMENTS = {"source": _source_moved, "bars": _bars_moved, "typical price": _typical_price_moved}
"""The bars that moved, by what is said to move: each bar is judged by itself and the one before it."""
