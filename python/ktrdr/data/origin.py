"""Keeps made-up and real bars out of one run."""

from __future__ import annotations

from collections.abc import Iterable

from ktrdr.data.bars import BarSeries
from ktrdr.errors import DataMixed


def require_one_origin(series: Iterable[BarSeries]) -> bool:
    """Returns True if the series of a run are synthetic.

    Raises ``DataMixed``, which names both kinds, where only some are.

    >>> require_one_origin([])
    False
    """
    names: dict[bool, list[str]] = {True: [], False: []}
    for one in series:
        names[one.provenance.synthetic].append(f"{one.symbol} {one.timeframe.value}")
    if names[True] and names[False]:
        found = f"synthetic: {', '.join(names[True])}; real: {', '.join(names[False])}"
        hint = "import the missing series, or use a data folder that holds one kind"
        raise DataMixed("synthetic and real series in one run", found=found, hint=hint)
    return bool(names[True])
