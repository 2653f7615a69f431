"""Bars as they were known at an instant, and bars whose future is worthless."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ktrdr._types import Floats, Stamps
from ktrdr.data.bars import BarSeries
from ktrdr.data.frames import BarTable, context_of, table_of
from ktrdr.data.store.repository import MemoryBars
from ktrdr.errors import DataNotFound
from ktrdr.time import Timeframe

Recipe = Callable[[Mapping[str, pl.DataFrame]], BarTable]
"""Makes an external series (timestamp, value) from the bars known so far, which are given by timeframe."""

Poison = Literal["x10", "shuffled", "nan"]
"""Ways to make the future worthless. Bars with NaN break the rules of bars, so they must never be read."""

_COLUMNS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, eq=False)
class Market:
    """Bars of one symbol and external series, held in memory: a source of bars for a run.

    Args:
        symbol: whose bars.
        series: the bars, by timeframe.
        external: by id, the instants at which values became known [n, ns UTC], and the values [n].
        recipes: by id, a function in place of an external series: it is called with the bars of this market.
    """

    symbol: str
    series: Mapping[Timeframe, BarSeries]
    external: Mapping[str, tuple[Stamps, Floats]] = field(default_factory=dict)
    recipes: Mapping[str, Recipe] = field(default_factory=dict)

    def stamps(self, symbol: str, timeframe: Timeframe) -> Stamps:
        """Returns every bar's open, ``[n_bars, int64, ns UTC]``; raises ``DataNotFound``."""
        return self._bars.stamps(symbol, timeframe)

    def rows(self, symbol: str, timeframe: Timeframe, first: int, stop: int) -> BarSeries:
        """Returns the bars ``first`` up to, not including, ``stop``."""
        return self._bars.rows(symbol, timeframe, first, stop)

    def context(self, context_id: str) -> tuple[Stamps, Floats]:
        """Returns an external series, made anew where there is a recipe; raises ``DataNotFound``."""
        if context_id in self.recipes:
            frames = {timeframe.value: bars.to_frame() for timeframe, bars in self.series.items()}
            made = table_of(self.recipes[context_id](frames), context_id)
            return context_of(pl.DataFrame(made.columns), context_id)
        if context_id in self.external:
            return self.external[context_id]
        raise DataNotFound("no such context series", where=f"CONTEXT-{context_id}.parquet")

    @property
    def _bars(self) -> MemoryBars:
        return MemoryBars(self.series, self.symbol)

    def known_at(self, close_ns: int) -> Market:
        """Returns the market as it was known at that instant: bars that had closed, values that were known."""
        series = {name: bars.rows(0, closed(bars, close_ns)) for name, bars in self.series.items()}
        external = {}
        for name, (known_ns, values) in self.external.items():
            stop = int(np.searchsorted(known_ns, close_ns, side="right"))
            external[name] = (known_ns[:stop], values[:stop])
        return replace(self, series={name: bars for name, bars in series.items() if len(bars)}, external=external)

    def poisoned(self, close_ns: int, how: Poison, only: Timeframe | str | None = None) -> Market:
        """Returns the market with all that became known after an instant made worthless.

        Args:
            close_ns: the instant, ns UTC.
            how: the way.
            only: a timeframe, or the id of an external series, that alone is spoilt; None spoils all.
        """
        series = {
            name: poisoned(bars, closed(bars, close_ns), how) if only in (None, name) else bars
            for name, bars in self.series.items()
        }
        external = {}
        for name, (known_ns, values) in self.external.items():
            first = int(np.searchsorted(known_ns, close_ns, side="right"))
            external[name] = (known_ns, _spoilt(values, first, how) if only in (None, name) else values)
        return replace(self, series=series, external=external)


def closed(bars: BarSeries, close_ns: int) -> int:
    """Returns the number of bars that had closed by an instant."""
    return int(np.searchsorted(bars.close_ns, close_ns, side="right"))


def poisoned(bars: BarSeries, first: int, how: Poison) -> BarSeries:
    """Returns the bars with every row from ``first`` on made worthless: times ten, shuffled, or NaN.

    >>> prices = np.array([1.0, 2.0, 3.0])
    >>> stamps = np.arange(3) * Timeframe.H1.ns
    >>> poisoned(BarSeries("X", Timeframe.H1, stamps, prices, prices, prices, prices), 2, "x10").close.tolist()
    [1.0, 2.0, 30.0]
    """
    columns = {
        name: _spoilt(column, first, how) for name in _COLUMNS if (column := getattr(bars, name, None)) is not None
    }
    rest = {name: getattr(bars, name) for name in ("half_spread", "conversion_rate", "provenance")}
    return BarSeries.of_checked(bars.symbol, bars.timeframe, {"timestamp": bars.timestamp, **rest, **columns})


def _spoilt(column: Floats, first: int, how: Poison) -> Floats:
    spoilt = column.copy()
    if how == "x10":
        spoilt[first:] *= 10.0
    elif how == "shuffled":
        spoilt[first:] = column[_order(first, len(column))]
    else:
        spoilt[first:] = np.nan
    return spoilt


def _order(first: int, stop: int) -> NDArray[np.int64]:
    """Returns the rows of the future in another order, the same for all columns of a series."""
    return np.random.default_rng(first).permutation(max(stop - first, 0)) + first
