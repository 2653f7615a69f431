"""A run's series are all real or all made up."""

from __future__ import annotations

from collections.abc import Sequence

from ktrdr.data.bars import BarSeries
from ktrdr.errors import DataMixed


def require_one_origin(series: Sequence[BarSeries]) -> bool:
    """Whether the series are synthetic; raises ``DataMixed`` where only some are."""
    kinds = {one.provenance.synthetic for one in series}
    if len(kinds) > 1:
        found = ", ".join(
            f"{one.symbol} {one.timeframe.value} {'synthetic' if one.provenance.synthetic else 'real'}" for one in series
        )
        raise DataMixed("synthetic and real series in one run", found=found, hint="import the missing real series")
    return kinds == {True}
