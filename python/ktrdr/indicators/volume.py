"""Volume: TA-Lib's, and the averages and ratios it lacks. A window without volume has a defined answer."""

from __future__ import annotations

import numpy as np
import polars as pl
import talib

from ktrdr.indicators.columns import Columns, Floats, Outputs, Params, divide, rolling_sum
from ktrdr.values import NS_PER_DAY


def mfi(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's MFI."""
    return {"": talib.MFI(columns.high, columns.low, columns.close, columns.traded(), p["period"])}


def obv(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's OBV; its level depends on the first loaded bar."""
    return {"": talib.OBV(columns.close, columns.traded())}


def adline(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's AD; its level depends on the first loaded bar."""
    return {"": talib.AD(columns.high, columns.low, columns.close, columns.traded())}


def cmf(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's CMF; a window without volume gives 0."""
    found = talib.CMF(columns.high, columns.low, columns.close, columns.traded(), p["period"])
    return {"": np.where(_silent(columns.traded(), p["period"]), 0.0, found)}


def vwap(columns: Columns, p: Params) -> Outputs:
    """Volume-weighted typical price over the last ``period`` bars, or since 00:00 UTC where it is 0.

    A window without volume gives the typical price.
    """
    typical, volume = (columns.high + columns.low + columns.close) / 3, columns.traded()
    if p["period"]:
        found = divide(rolling_sum(typical * volume, p["period"]), rolling_sum(volume, p["period"]))
        return {"": np.where(_silent(volume, p["period"]), typical, found)}
    day = pl.Series(columns.timestamp // NS_PER_DAY)
    frame = pl.DataFrame({"day": day, "money": typical * volume, "volume": volume})
    sums = frame.select(pl.col("money", "volume").cum_sum().over("day"))
    money, traded = (sums[name].to_numpy() for name in ("money", "volume"))
    return {"": np.where(traded == 0, typical, divide(money, traded))}


def volumeratio(columns: Columns, p: Params) -> Outputs:
    """Volume over its simple average; a window without volume gives 1."""
    volume = columns.traded()
    found = divide(volume, talib.SMA(volume, p["period"]))
    return {"": np.where(_silent(volume, p["period"]), 1.0, found)}


def _silent(volume: Floats, period: int) -> Floats:
    """Windows whose volumes are all 0, told from the volumes, never from their running sum's residue."""
    return rolling_sum((volume != 0).astype(np.float64), period) == 0
