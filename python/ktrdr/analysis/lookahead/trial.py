"""One strategy over a span, built with and without the future, and the differences between the two."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ktrdr.analysis.lookahead.comparison import ATR, STALE, Difference, first_differences
from ktrdr.analysis.lookahead.market import Market, Poison
from ktrdr.errors import Cancelled
from ktrdr.feature_pipeline.build import build_features
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.feature_pipeline.resolver import resolve_columns
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Span

_SEGMENT_ROWS = 4_096
"""Rows that are built around a cut at a boundary: there are too many boundaries for the whole span each time."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A strategy, a market, and the span asked for.

    Args:
        strategy: its features are built.
        market: bars and external series.
        span: the range asked for.
        resample: make a missing timeframe from a finer one.
    """

    strategy: Strategy
    market: Market
    span: Span
    resample: bool = False

    def build(self, market: Market | None = None, end_ns: int | None = None) -> FeatureMatrix:
        """Returns the features of the span, optionally on another market or up to an earlier end."""
        span = Span(self.span.start_ns, self.span.end_ns if end_ns is None else end_ns)
        found = market or self.market
        # The series are judged elsewhere: here a wrong one is to be seen in the features.
        return build_features(self.strategy, found, self.market.symbol, span, resample=self.resample, judged=False)

    def cut(self, close_ns: int) -> FeatureMatrix:
        """Returns the features of a world that ended at that instant."""
        return self.build(self.market.known_at(close_ns))

    def poisoned(self, close_ns: int, how: Poison, only: str | None = None) -> FeatureMatrix:
        """Returns the features in a world whose future is worthless from that instant on."""
        # Bars with a NaN are refused where they are read, so the range ends before the first of them.
        return self.build(self.market.poisoned(close_ns, how, only), close_ns if how == "nan" else None)

    def without_future(
        self, whole: FeatureMatrix, row: int, build: Callable[[], FeatureMatrix]
    ) -> tuple[FeatureMatrix | None, list[Difference]]:
        """Returns the features that are built, and their differences up to and including a row.

        A build that fails gives no features, and makes every one of them undefined at that row.
        """
        try:
            built = build()
        except Cancelled:
            raise
        except Exception:  # whatever it is: beside the future the same build has worked
            stamp_ns = int(whole.base.timestamp[row])
            found = zip(whole.names, whole.values[row].tolist(), strict=True)
            return None, [Difference(name, row, stamp_ns, value, math.nan) for name, value in found]
        # Rows of the history reach a decision only through the window of a sequence model.
        first = max(whole.first_simulated - (self.strategy.sequence_length - 1), 0)
        return built, first_differences(whole, built, row + 1, first)

    def responsible(self, whole: FeatureMatrix, row: int, feature: str) -> str:
        """Returns the series whose future moves a feature before a cut; by default the feature's own series."""
        close_ns = int(whole.base.close_ns[row])
        own = series_of(self.strategy).get(feature, self.strategy.base_timeframe.value)
        names = [name.value for name in self.market.series] + list(self.market.external)
        hows: tuple[Poison, ...] = ("x10", "shuffled")
        for name in sorted(names, key=lambda name: name != own):
            for how in hows:
                _, spoilt = self.without_future(whole, row, partial(self.poisoned, close_ns, how, name))
                if any(difference.feature == feature for difference in spoilt):
                    return name if name == own or own in names else f"{own}, from {name}"
        return own

    def segments(self, whole: FeatureMatrix) -> Segments:
        """Returns the parts of the span around its rows."""
        return Segments(self, whole, {})


@dataclass(frozen=True, eq=False)
class Segments:
    """Parts of a span, each built once: a cut inside one costs as little as the part does."""

    trial: Trial
    whole: FeatureMatrix
    built: dict[int, tuple[Trial, FeatureMatrix]]

    def differences(self, row: int) -> Iterator[Difference]:
        """Yields the differences that cutting after a row of the whole span makes within its segment."""
        trial, part = self._around(row)
        close_ns = int(self.whole.base.close_ns[row])
        own_row = int(np.searchsorted(part.base.close_ns, close_ns))
        if own_row > part.first_simulated:
            yield from trial.without_future(part, own_row, partial(trial.cut, close_ns))[1]

    def _around(self, row: int) -> tuple[Trial, FeatureMatrix]:
        number = (row - self.whole.first_simulated) // _SEGMENT_ROWS
        if number not in self.built:
            first = max(self.whole.first_simulated + number * _SEGMENT_ROWS - 1, self.whole.start_row)
            last = min(first + _SEGMENT_ROWS + 1, len(self.whole.values) - 1)
            span = Span(int(self.whole.base.timestamp[first]), int(self.whole.base.close_ns[last]))
            trial = replace(self.trial, span=span)
            self.built[number] = (trial, trial.build())
        return self.built[number]


def series_of(strategy: Strategy) -> dict[str, str]:
    """Returns the series that each feature is computed on: a timeframe, or the id of an external series.

    >>> from ktrdr.strategy.loader import load_strategy
    >>> series_of(load_strategy("v3_minimal"))["1h_rsi_momentum_oversold"]
    '1h'
    """
    base = strategy.base_timeframe.value
    found = {ATR: base, STALE: base}
    for column in resolve_columns(strategy):
        timeframe = column.series.timeframe
        context = column.series.context
        found[column.name] = str(context) if timeframe is None else timeframe.value
    return found
