"""Computes the indicators of the catalogue: TA-Lib's definitions, composed where it has none."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ktrdr._types import Floats
from ktrdr.data.bars import BarSeries
from ktrdr.errors import ArgumentInvalid
from ktrdr.feature_pipeline.indicators import momentum, trend, volatility, volume
from ktrdr.feature_pipeline.indicators.columns import Columns
from ktrdr.feature_pipeline.indicators.corrections import corrected
from ktrdr.feature_pipeline.indicators.formula import Family
from ktrdr.strategy.catalog.indicator import Indicator
from ktrdr.strategy.catalog.indicators import defaults, find_indicator

FORMULAS: Family = {**momentum.FAMILY, **trend.FAMILY, **volatility.FAMILY, **volume.FAMILY}


def compute(
    type: str,
    params: Mapping[str, Any],
    bars: BarSeries | Columns,
    outputs: Collection[str] | None = None,
) -> dict[str, Floats]:
    """Returns the outputs of one indicator by name, ``[n_bars, float64]`` each, NaN up to their lookback.

    The name of an only output is "". Values lie inside the bounds of the catalogue, and a market that does not move
    has the neutral value of the catalogue.

    Args:
        type: a type of the catalogue, or an alias, in any case.
        params: parameters by canonical name; defaults stand for the others.
        bars: bars, or columns that were checked before.
        outputs: names of the outputs wanted; None for all.

    Raises:
        ArgumentInvalid: no such indicator, parameter or output.
        DataNonfinite: a NaN or an infinity among the inputs.
        DataNoVolume: it reads volume and the series has none.

    >>> import polars as pl
    >>> from ktrdr.data.bars import BarSeries
    >>> from ktrdr.time import Timeframe
    >>> close = [1.0, 2.0, 3.0]
    >>> frame = pl.DataFrame({"timestamp": [0, 3_600 * 10**9, 7_200 * 10**9], "open": close, "high": close,
    ...                       "low": close, "close": close})
    >>> compute("SMA", {"period": 2}, BarSeries.from_frame(frame, "X", Timeframe.H1))[""].tolist()
    [nan, 1.5, 2.5]
    """
    known = find_indicator(type)
    if known is None:
        raise ArgumentInvalid("unknown indicator", where="type", found=type, expected=", ".join(FORMULAS))
    names = [output.name for output in known.outputs]
    wanted = set(names if outputs is None else outputs)
    if not wanted <= set(names):
        found = ", ".join(sorted(wanted - set(names)))
        raise ArgumentInvalid(f"no such output of {known.type}", where="outputs", found=found, expected=names)
    columns = bars if isinstance(bars, Columns) else Columns.of_bars(bars)
    full = _with_defaults(known, params)
    found_columns: dict[str, Floats] = {}
    for group, formula in FORMULAS[known.type].items():
        if wanted.intersection(group):
            found_columns |= zip(group, formula(columns, full), strict=True)
    return {
        output.name: corrected(found_columns[output.name], output, columns, full)
        for output in known.outputs
        if output.name in wanted
    }


def _with_defaults(known: Indicator, params: Mapping[str, Any]) -> dict[str, Any]:
    full = defaults(known)
    unknown = sorted(set(params) - set(full))
    if unknown:
        raise ArgumentInvalid(f"no such parameter of {known.type}", where="params", found=unknown, expected=list(full))
    return full | dict(params)
