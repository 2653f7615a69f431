"""The catalogue's indicators bound to their formulas."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ktrdr.errors import DataNonfinite
from ktrdr.indicators import momentum, trend, volatility, volume
from ktrdr.indicators.columns import Columns, Formula, Outputs, Params
from ktrdr.strategy.catalog import INDICATORS

_FAMILIES = (momentum, trend, volatility, volume)
FORMULAS: Mapping[str, Formula] = {
    name: next(getattr(family, name) for family in _FAMILIES if hasattr(family, name)) for name in INDICATORS
}


def compute(type_: str, params: Params, columns: Columns) -> Outputs:
    """Every output of an indicator by name ("" where there is one), ``[n_bars, f64]``, NaN where undefined.

    Raises ``DataNonfinite`` for a NaN among the inputs: TA-Lib would corrupt the rest of the series in silence.

    >>> x = np.arange(1.0, 6.0)
    >>> compute("sma", {"period": 2, "source": "close"}, Columns(x.astype(np.int64), x, x, x, x))[""].tolist()
    [nan, 1.5, 2.5, 3.5, 4.5]
    """
    for name in ("open", "high", "low", "close", "volume"):
        column = getattr(columns, name)
        if column is not None and not np.isfinite(column).all():
            row = int(np.argmin(np.isfinite(column)))
            raise DataNonfinite("an indicator was given a value that is not finite", row=row, field=name)
    if len(columns.close) == 0:
        return {output.name: np.empty(0) for output in INDICATORS[type_].outputs}
    return FORMULAS[type_](columns, params)
