"""External series: rows that are known from a stamp on and carried forward to the base bars without limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ktrdr._types import Floats, Stamps
from ktrdr.data.bars import BarSeries
from ktrdr.data.store.repository import BarSource
from ktrdr.errors import DataUnsorted
from ktrdr.feature_pipeline.indicators.columns import Columns
from ktrdr.feature_pipeline.matrix import Context
from ktrdr.strategy.history import Need
from ktrdr.time import NS_PER_HOUR, iso


@dataclass(frozen=True, eq=False)
class External:
    """An external series as indicators read it, with the warnings of the result."""

    columns: Columns
    context: Context
    warnings: tuple[str, ...]


def load_external(
    source: BarSource, id_: str, *, need: Need, known_ns: int, base: BarSeries, first_simulated: int
) -> External:
    """Loads the rows from the anchor (``need.load_bars`` known by ``known_ns``) to the last base close.

    Raises ``DataNotFound`` with the file's name, ``DataUnsorted``, ``DataNonfinite``.
    """
    stamps, values = source.context(id_)
    if len(stamps) > 1 and np.diff(stamps).min() <= 0:
        row = int(np.argmax(np.diff(stamps) <= 0)) + 1
        raise DataUnsorted("stamps must increase", where=f"CONTEXT-{id_}", row=row, found=iso(int(stamps[row])))
    known = int(np.searchsorted(stamps, known_ns, side="right"))
    first = max(known - need.load_bars, 0)
    stop = int(np.searchsorted(stamps, base.close_ns[-1], side="right"))
    rows = stamps[first:stop]
    held = np.ascontiguousarray(values[first:stop])
    closes = base.close_ns[first_simulated:]
    age_ns = _greatest_age_ns(rows, closes)
    warnings = []
    if age_ns is not None:
        warnings.append(f"context_age: {id_} was up to {age_ns / NS_PER_HOUR:.1f} hours old when it was used")
    have = int(np.searchsorted(rows, closes[0], side="right"))
    if have < need.need_bars:
        warnings.append(f"context_short: {id_}: have {have}, need {need.need_bars}; undefined before that")
    return External(Columns.of_values(rows, held, f"CONTEXT-{id_}"), Context(rows, held, age_ns), tuple(warnings))


def _greatest_age_ns(known_ns: Stamps, closes: Floats | Stamps) -> int | None:
    """Returns the age of the oldest value seen at a base close; None if no value is seen."""
    row = np.searchsorted(known_ns, closes, side="right") - 1
    seen = row >= 0
    return int((closes[seen] - known_ns[row[seen]]).max()) if seen.any() else None
